"""From what is known of a cluster to the snapshot: whose a pod is, and how classes stand."""

from typing import Any

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.lastgood import Judgement, parse_judgement
from modelfleet.fleet.standings import Standing
from modelfleet.fleet.troubles import Trouble
from modelfleet.sources.cluster import cluster_snapshot, judgements, parsed
from modelfleet.sources.kinds import scopes
from modelfleet.sources.store import FleetStore
from tests.support.documents import Document, base_spec, document

LONG = "a-model-whose-name-is-longer-than-any-label-may-be-" + "x" * 60
OTHER = LONG + "-too"


def model(name: str, **more: Any) -> Document:
    made = document("ModelDeployment", name=name)
    metadata = {"namespace": "x", "uid": f"uid-{name}", "resourceVersion": "1", "generation": 1}
    return {**made, "metadata": {**made["metadata"], **metadata}, **more}


def of(kind: str, name: str, label: str) -> Document:
    labels = {"modelfleet.dev/model": label}
    metadata = {"name": name, "namespace": "x", "uid": f"uid-{name}", "resourceVersion": "1", "labels": labels}
    return {"kind": kind, "metadata": metadata}


def held(*raws: Document) -> FleetStore:
    store = FleetStore(scopes())
    for raw in raws:
        store.observe(raw)
    return store


def test_what_is_labelled_with_a_part_of_a_long_name_belongs_to_the_model_of_the_whole_name() -> None:
    store = held(
        model(LONG),
        model(OTHER),
        model("m"),
        of("Pod", "a", label_value(LONG)),
        of("Pod", "b", label_value(OTHER)),
        of("Deployment", "c", label_value(LONG)),
        of("Pod", "d", "m"),
        of("Pod", "e", "nobody"),
    )
    snapshot = cluster_snapshot(store, parsed(store))
    pods = {key.name: [pod.key.name for pod in found] for key, found in snapshot.pods.items()}
    assert pods == {LONG: ["a"], OTHER: ["b"], "m": ["d"], "nobody": ["e"]}
    assert list(snapshot.workloads) == [Key("ModelDeployment", "x", LONG)]


def test_how_classes_stand_is_read_from_the_statuses_and_the_rest_is_told() -> None:
    key = Key("ModelDeployment", "x", "m")
    classes = [{"name": "gpu", "reason": "Full", "since": "1970-01-01T00:01:00Z"}, "odd"]
    trouble = Trouble(Condition.PLACED, Reason.NAME_TAKEN, "taken")
    store = held(model("m", status={"classes": classes}), model("n", status={"classes": 7}))
    snapshot = cluster_snapshot(store, parsed(store), 90.0, {key: (trouble,)})
    assert snapshot.standing == {key: {"gpu": Standing("Full", 60.0)}}
    assert (snapshot.now, snapshot.refused) == (90.0, {key: (trouble,)})
    assert snapshot.world.in_cluster


def test_what_is_known_of_how_classes_stand_counts_before_what_is_written() -> None:
    key, other = (Key("ModelDeployment", "x", name) for name in ("m", "n"))
    written = {"classes": [{"name": "gpu", "reason": "Full", "since": "1970-01-01T00:01:00Z"}]}
    store = held(model("m", status=written), model("n", status=written))
    known = {key: {"gpu": Standing("Chosen", 80.0)}}
    snapshot = cluster_snapshot(store, parsed(store), standing=known)
    assert snapshot.standing == {**known, other: {"gpu": Standing("Full", 60.0)}}


def policy(generation: int, status: Any, **metadata: Any) -> Document:
    made = document("RoutingPolicy", name="p", nonsense=generation)
    known = {"namespace": "x", "uid": "uid-p", "resourceVersion": str(generation), "generation": generation}
    return {**made, "metadata": {**made["metadata"], **known, **metadata}, "status": status}


def kept(total: str) -> Document:
    return {"generation": 1, "spec": {**base_spec("RoutingPolicy"), "timeouts": {"total": total}}}


def test_what_is_in_force_is_read_from_the_statuses_of_models_and_policies() -> None:
    key = Key("RoutingPolicy", "x", "p")
    said = {"observedGeneration": 2, "inForce": kept("1s")}
    store = held(policy(2, said), model("m"), {**document("HardwareClass"), "status": {"observedGeneration": 1}})
    found = judgements(store, tuple(parsed(store)))
    assert found == {Key("ModelDeployment", "x", "m"): Judgement(), key: parse_judgement(policy(2, said))}
    version = found[key].in_force
    assert version
    assert (version.generation, version.resource and version.resource.key) == (1, key)


def test_of_an_object_that_was_made_again_meanwhile_nothing_is_said() -> None:
    store = held(policy(2, {"observedGeneration": 2, "inForce": kept("1s")}))
    objects = tuple(parsed(store))
    store.observe(policy(3, {"observedGeneration": 3}, uid="another"))
    assert judgements(store, objects) == {}


def test_a_version_in_a_status_is_the_same_object_for_as_long_as_it_says_the_same() -> None:
    """What is made from it need not be made again whenever somebody writes the status."""

    def version(store: FleetStore) -> Any:
        (judgement,) = judgements(store, tuple(parsed(store))).values()
        return judgement.in_force and judgement.in_force.resource

    store = held(policy(2, {"observedGeneration": 2, "inForce": kept("1s")}))
    first = version(store)
    store.observe(policy(2, {"observedGeneration": 2, "inForce": kept("1s"), "more": 1}, resourceVersion="3"))
    assert version(store) is first
    store.observe(policy(2, {"observedGeneration": 2, "inForce": kept("2s")}, resourceVersion="4"))
    assert str(version(store).spec.timeouts.total) == "2s"
