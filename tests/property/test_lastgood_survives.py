"""The last good version of an object outlives every process: who has just started keeps what all the others keep."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.findings import Key
from modelfleet.fleet.inforce import InForce, Version
from modelfleet.fleet.lastgood import OUTLASTING, last_good, parse_judgement
from modelfleet.fleet.parse import Valid, parse_object
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Gateway, Hidden, World
from modelfleet.sources.cluster import cluster_snapshot, judgements, parsed
from modelfleet.sources.kinds import OURS, Scope
from modelfleet.sources.store import FleetStore
from modelfleet.statuses.inforce import in_force
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.summary import summarise
from modelfleet.statuses.times import settle
from tests.property.drawn import HOSTED, MISTAKES
from tests.sizes import scale
from tests.support.documents import Document, base_spec, merged
from tests.support.strategies import FLAGS, documents

NOW = "2026-01-31T12:00:00Z"
KEYS = [Key("ModelDeployment", "x", name) for name in "ab"] + [Key("RoutingPolicy", "x", name) for name in "pqr"]
HOSTED_SPEC = {"engine": None, "external": HOSTED}
MODELS = st.sampled_from(
    [{}, {"model": {"name": "other"}}, HOSTED_SPEC, {"model": 1}, {"placement": {"classes": [{"name": "absent"}]}}]
)
POLICIES = st.builds(
    lambda names, models, wrong: {
        "serves": {"models": names},
        "tiers": [{"name": "light", "models": [{"name": name} for name in models]}],
        **wrong,
    },
    st.lists(st.sampled_from(["n", "o"]), min_size=1, unique=True),
    st.lists(st.sampled_from("ab"), min_size=1, unique=True),
    st.sampled_from([{}, {}, {"timeouts": {"total": "5s"}}, *MISTAKES.values()]),
)


@dataclass
class Cluster:
    """What an API server holds. Who watches it hears of each change at once."""

    objects: dict[Key, Document] = field(default_factory=dict)
    watching: "list[Process]" = field(default_factory=list)
    token: bool = True
    version: int = 0

    def put(self, key: Key, change: Document) -> None:
        """Somebody applies an object."""
        spec = merged(base_spec(key.kind), change)
        last = self.objects.get(key, {"metadata": {"uid": f"uid-{self.version}", "generation": 0}, "spec": None})
        if spec != last["spec"]:
            metadata = {"name": key.name, "namespace": key.namespace, "uid": last["metadata"]["uid"]}
            metadata |= {"generation": last["metadata"]["generation"] + 1, "creationTimestamp": NOW}
            self._keep(key, {**last, "kind": key.kind, "metadata": metadata, "spec": spec})

    def write(self, key: Key, status: Any) -> None:
        """The operator writes a status."""
        raw = self.objects[key]
        self._keep(key, {**raw, "status": json.loads(json.dumps(settle(status, raw.get("status"), NOW)))})

    def delete(self, key: Key) -> None:
        """Somebody deletes an object."""
        if raw := self.objects.pop(key, None):
            self.version += 1
            raw["metadata"]["resourceVersion"] = str(self.version)
            for one in self.watching:
                one.store.observe(raw, gone=True)

    def uids(self) -> set[str]:
        """Those of the objects that are there."""
        return {raw["metadata"]["uid"] for raw in self.objects.values()}

    def process(self) -> "Process":
        """One that has just started."""
        made = Process(self)
        for raw in self.objects.values():
            made.store.observe(raw)
        return made

    def _keep(self, key: Key, raw: Document) -> None:
        self.version += 1
        metadata = {**raw["metadata"], "resourceVersion": str(self.version)}
        self.objects[key] = {**raw, "apiVersion": "modelfleet.dev/v1alpha1", "metadata": metadata}
        for one in self.watching:
            one.store.observe(self.objects[key])


@dataclass
class Process:
    """An operator or an xds replica, as far as it decides what is in force."""

    cluster: Cluster
    store: FleetStore = field(default_factory=lambda: FleetStore([Scope(one) for one in OURS]))
    in_force: InForce = field(default_factory=InForce)

    def snapshot(self) -> FleetSnapshot:
        token = {Key("Secret", "x", "keys"): {"token": Hidden("t")}} if self.cluster.token else {}
        bare = replace(cluster_snapshot(self.store, tuple(parsed(self.store))), unknown={})
        return replace(bare, world=World(gateways={"default": Gateway("default")}, secrets=token))

    def look(self) -> FleetPlan:
        objects = tuple(parsed(self.store))
        before = last_good(objects, judgements(self.store, objects), self.in_force)
        plan = compile_fleet(self.snapshot(), before)
        self.in_force = plan.in_force
        return plan

    def judge(self) -> None:
        """What the operator does after a look."""
        plan = self.look()
        judged = [judged_of(one, plan.in_force.version_of(one.key)) for one in parsed(self.store)]
        for key, status in summarise(self.snapshot(), judged, plan.findings).items():
            self.cluster.write(key, status)


@st.composite
def edits(draw: st.DrawFn) -> Any:
    """One thing that somebody does to the objects."""
    key = draw(st.sampled_from(KEYS))
    if draw(st.integers(0, 5)) == 0:
        return lambda cluster: cluster.delete(key)
    change = draw(MODELS if key.kind == "ModelDeployment" else POLICIES)
    return lambda cluster: cluster.put(key, change)


STEPS = st.lists(st.tuples(st.lists(edits(), max_size=3), FLAGS, FLAGS), min_size=2, max_size=8)
"""Edits that the operator sees at once, whether the key of hosted models is there then, and a start of the operator."""


def good_now(process: Process) -> dict[str, int]:
    """What would be in force if all had begun today, by uids."""
    begun = replace(process, in_force=compile_fleet(process.snapshot()).in_force)
    return versions(begun)


def versions(process: Process) -> dict[str, int]:
    """The generation that is in force of each object, or would be with its key, by uids."""
    found = ((one.uid, process.in_force.version_of(one.key)) for one in parsed(process.store))
    return {uid: version.generation for uid, version in found if version and version.resource}


@settings(max_examples=scale(20, 400))
@given(STEPS)
def test_who_has_just_started_has_in_force_what_all_others_have(steps: list[Any]) -> None:
    cluster, good = Cluster(), dict[str, int]()
    operator, veteran = cluster.process(), cluster.process()
    cluster.watching = [operator, veteran]
    for changes, token, restarts in steps:
        for change in changes:
            change(cluster)
            veteran.look()
        cluster.token = token
        operator.judge()
        good |= good_now(operator)
        plans = [one.look() for one in (operator, veteran, cluster.process())]
        assert plans[0] == plans[1] == plans[2]
        assert versions(operator) == {uid: good[uid] for uid in cluster.uids() if uid in good}
        if restarts:
            cluster.watching[0] = operator = cluster.process()


@settings(max_examples=scale(20, 400))
@given(STEPS)
def test_an_operator_that_was_not_there_takes_nothing_away_that_somebody_still_has(steps: list[Any]) -> None:
    cluster, written = Cluster(), set[str]()
    veteran = cluster.process()
    for changes, _, is_there in steps:
        cluster.watching = [veteran]
        for change in changes:
            change(cluster)
            veteran.look()
        if is_there:
            cluster.process().judge()
            veteran.look()
        assert written & cluster.uids() <= versions(veteran).keys()
        written |= {raw["metadata"]["uid"] for raw in cluster.objects.values() if "inForce" in raw.get("status", {})}


@settings(max_examples=scale(50, 2_000))
@given(documents().filter(lambda raw: raw["kind"] in OUTLASTING))
def test_a_version_that_went_through_a_status_is_the_version_that_it_was(raw: Document) -> None:
    metadata = {"name": raw["metadata"]["name"], "namespace": "x", "uid": "u", "generation": 3}
    good = parse_object({**raw, "metadata": metadata})
    assert isinstance(good, Valid)
    now = {**raw, "metadata": {**metadata, "generation": 4}, "spec": {"nonsense": 1}}
    parsed_now = parse_object(now)
    assert not isinstance(parsed_now, Valid)
    status = json.loads(json.dumps(in_force(replace(judged_of(good, Version(3, good.resource)), generation=4))))
    assert parse_judgement({**now, "status": status}).in_force == Version(3, good.resource)
