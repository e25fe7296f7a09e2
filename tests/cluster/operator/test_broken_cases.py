"""What goes wrong for a newcomer: each mistake is told on the object, with its field and its remedy, and heals."""

import contextlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest

from tests.cluster.operator.objects import (
    condition,
    gone,
    hardware,
    hosted,
    make,
    routed,
    url,
    wait_for_condition,
)
from tests.cluster.operator.pods import own_model
from tests.cluster.operator.process import Operator
from tests.cluster.operator.secrets import keep, with_key
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import CRDS, Bed, expect

Object = dict[str, Any]
POOL = "modelfleet.example.com/pool"


@dataclass(frozen=True)
class Place:
    """Where a case plays: a namespace, and a name for its class of hardware, which belongs to no namespace."""

    api: Api
    namespace: str

    @property
    def hardware(self) -> str:
        return f"hw-{self.namespace}"

    def class_(self, suffix: str = "", pool: str = "cpu-large", **spec: Any) -> Object:
        made = hardware(f"{self.hardware}{suffix}", {POOL: pool})
        return {**made, "spec": {**made["spec"], **spec}}

    def model(self, **choice: Any) -> Object:
        made = own_model("m", self.namespace, self.hardware)
        made["spec"]["placement"]["classes"][0].update(choice)
        return made

    def policy(self, name: str = "chat", model: str = "frontier", **spec: Any) -> Object:
        made = routed(name, self.namespace, model, f"{self.namespace}/{name}")
        return {**made, "spec": {**made["spec"], **spec}}

    def make(self, *objects: Object, **entries: str) -> None:
        """Makes or changes these, and before them the Secret `keys` where it is to have entries."""
        if entries:
            keep(self.api, self.namespace, "keys", **entries)
        make(self.api, *objects)


@dataclass(frozen=True)
class Case:
    """A mistake, what is said of it, and how it is mended."""

    kind: str
    name: str
    type: str
    reason: str
    message: str
    """With `NS` and `HW` for the namespace and the class."""
    broken: Callable[[Place], None]
    mended: Callable[[Place], None]
    ready: str = ""
    """What Ready says where that is something else."""
    well: str = "True"


def frontier(place: Place) -> Object:
    return hosted("frontier", place.namespace)


CASES = {
    "a class whose name is misspelt": Case(
        "ModelDeployment",
        "m",
        "ResolvedRefs",
        "HardwareClassNotFound",
        'spec.placement.classes[0].name: no HardwareClass "HWw" is declared (did you mean "HW"?): correct the name, or'
        " add it",
        lambda at: at.make(at.class_(), at.model(name=f"{at.hardware}w")),
        lambda at: at.make(at.model()),
    ),
    "a model that is not there": Case(
        "RoutingPolicy",
        "chat",
        "ResolvedRefs",
        "ModelNotFound",
        'spec.tiers[0].models[0].name: no ModelDeployment "frontierr" is declared (did you mean "frontier"?): correct'
        " the name, or add it",
        lambda at: at.make(frontier(at), at.policy(model="frontierr")),
        lambda at: at.make(at.policy()),
    ),
    "two policies of one name": Case(
        "RoutingPolicy",
        "younger",
        "Conflicted",
        "Conflicted",
        'spec.serves.models[0]: "NS/chat" on every host is served by RoutingPolicy NS/chat already: choose another name'
        " or host, or remove it there",
        lambda at: at.make(
            frontier(at), at.policy(), at.policy("younger", serves={"models": [f"{at.namespace}/chat"]})
        ),
        lambda at: gone(at.api, "RoutingPolicy", at.namespace, "chat"),
        well="False",
    ),
    "a Secret that is not there": Case(
        "ModelDeployment",
        "m",
        "ResolvedRefs",
        "SecretNotFound",
        'spec.external.credentials.secretRef.name: no Secret "keys" is declared: correct the name, or add it',
        lambda at: at.make(with_key("m", at.namespace, "keys")),
        lambda at: at.make(token="sesame"),
    ),
    "a Secret without the entry": Case(
        "ModelDeployment",
        "m",
        "ResolvedRefs",
        "SecretNotFound",
        'spec.external.credentials.secretRef.key: Secret "keys" has no entry "token" (did you mean "tokens"?): correct'
        " the key, or add it",
        lambda at: at.make(with_key("m", at.namespace, "keys"), tokens="sesame"),
        lambda at: at.make(with_key("m", at.namespace, "keys", "tokens")),
    ),
    "a hosted model in the gateway's own pod": Case(
        "ModelDeployment",
        "m",
        "Accepted",
        "InvalidValue",
        "spec.external.url: in a cluster this is the gateway's own pod, or its node: name a host that pods reach",
        lambda at: at.make(hosted("m", at.namespace, external={"url": "http://127.0.0.1:8080/v1"})),
        lambda at: at.make(hosted("m", at.namespace)),
    ),
    "a class that no node is of": Case(
        "HardwareClass",
        "HW",
        "CapacityKnown",
        "NoMatchingNodes",
        f"spec.nodes.selector: no node has {POOL}=cpu-larg: nodes have {POOL}=cpu-large (3 nodes), {POOL}=gpu-a10"
        f" (3 nodes), {POOL}=annealer (1 node); correct the selector, or label the nodes",
        lambda at: at.make(at.class_(pool="cpu-larg")),
        lambda at: at.make(at.class_()),
    ),
    "a class that is not for the namespace": Case(
        "ModelDeployment",
        "m",
        "ResolvedRefs",
        "RefNotPermitted",
        'spec.placement.classes[0].name: HardwareClass "HW" does not allow namespace "NS": have it added to its'
        " allowedNamespaces, or choose another",
        lambda at: at.make(at.class_(allowedNamespaces=["elsewhere"]), at.model()),
        lambda at: at.make(at.class_(allowedNamespaces=["elsewhere", at.namespace])),
    ),
    "a replica larger than its class": Case(
        "ModelDeployment",
        "m",
        "Placed",
        "DoesNotFit",
        'spec.placement.classes[0].units: one replica takes 4 units, and HardwareClass "HW" has 2 at most: no class is'
        " left to run on; lower units, or raise its maxUnits",
        lambda at: at.make(at.class_(capacity={"market": "reserved", "maxUnits": 2}), at.model(units=4)),
        lambda at: at.make(at.model(units=2)),
    ),
    "a clause that is not enforced yet": Case(
        "RoutingPolicy",
        "chat",
        "Accepted",
        "Unsupported",
        "spec.escalate: this version checks the clause but cannot enforce it yet, and refuses the policy: leave it out"
        " for now",
        lambda at: at.make(
            frontier(at),
            at.policy(escalate={"when": {"confidenceBelow": 0.6, "from": {"json": "confidence"}}, "to": "nextTier"}),
        ),
        lambda at: at.make(at.policy()),
    ),
    "a model of no replicas": Case(
        "ModelDeployment",
        "m",
        "Available",
        "ScaledToZero",
        "spec.scale.replicas: is 0, so nothing serves the model: raise it",
        lambda at: at.make(at.class_(), {**at.model(), "spec": {**at.model()["spec"], "scale": {"replicas": 0}}}),
        lambda at: at.make(at.model()),
    ),
    "two classes with the same nodes": Case(
        "HardwareClass",
        "HW",
        "Overlapping",
        "Overlapping",
        'spec.nodes.selector: shares 3 nodes with HardwareClass "HW-b", which would be counted twice: add a label that'
        " tells them apart",
        lambda at: at.make(at.class_(), at.class_("-b")),
        lambda at: gone(at.api, "HardwareClass", "", f"{at.hardware}-b"),
        ready="Ready",
        well="False",
    ),
    "a class that suits other work": Case(
        "ModelDeployment",
        "m",
        "Misplaced",
        "Misplaced",
        'spec.placement.classes[0].name: HardwareClass "HW" suits simulation, not inference: replicas there are flagged'
        " Misplaced; choose another class, or add inference to its suits",
        lambda at: at.make(at.class_(suits=["simulation"]), at.model()),
        lambda at: at.make(at.class_(suits=["simulation", "inference"])),
        ready="Ready",
        well="False",
    ),
}


@pytest.fixture
def place(bed: Bed, namespace: str, shared: Operator) -> Iterator[Place]:
    assert shared.leads()
    found = Place(bed.api, namespace)
    yield found
    for suffix in ("", "-b"):
        bed.api.delete(url("HardwareClass", "", f"{found.hardware}{suffix}"))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_on_the_object_with_field_and_remedy_and_heals(place: Place, case: Case) -> None:
    namespace = "" if case.kind == "HardwareClass" else place.namespace
    name = case.name.replace("HW", place.hardware)
    case.broken(place)
    found = wait_for_condition(place.api, case.kind, namespace, name, case.type, case.reason)
    assert found["message"] == case.message.replace("NS", place.namespace).replace("HW", place.hardware)
    if case.ready:
        wait_for_condition(place.api, case.kind, namespace, name, "Ready", case.ready)
    else:
        summed = condition(place.api, case.kind, namespace, name)
        assert (summed["status"], summed["reason"], summed["message"]) == ("False", case.reason, found["message"])
    case.mended(place)
    healed = wait_for_condition(place.api, case.kind, namespace, name, case.type, case.well)
    assert healed["reason"] != case.reason
    assert condition(place.api, case.kind, namespace, name)["reason"] != case.reason or case.ready == "Ready"


def test_what_the_api_server_refuses_names_the_remedy_too(place: Place) -> None:
    wrong = place.policy(degrade=[{"tier": "onli"}])
    answer = place.api.apply(url("RoutingPolicy", place.namespace, "chat"), wrong)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "spec.degrade" in answer.message
    assert "the ladder names a tier that is not in spec.tiers: correct the name, or add the tier" in answer.message


@contextlib.contextmanager
def anything_goes(bed: Bed, plural: str) -> Iterator[None]:
    """As long as it lasts, the API server takes what it likes for an object of this kind, as if by an older CRD."""
    path = f"{CRDS}/{plural}.modelfleet.dev"
    strict = expect(bed.api.get(path), HTTPStatus.OK)
    lax = deepcopy(strict)
    for version in lax["spec"]["versions"]:
        version["schema"] = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    expect(bed.api.request("PUT", path, lax), HTTPStatus.OK)
    try:
        yield
    finally:
        version = expect(bed.api.get(path), HTTPStatus.OK)["metadata"]["resourceVersion"]
        strict["metadata"]["resourceVersion"] = version
        expect(bed.api.request("PUT", path, strict), HTTPStatus.OK)


def test_an_object_that_an_older_crd_let_in_says_what_is_wrong_with_it_now(
    bed: Bed, place: Place, shared: Operator
) -> None:
    old = place.policy(degrade=[{"tier": "onli"}], timeouts={"total": "soon"})
    path = url("RoutingPolicy", place.namespace, "chat")
    place.make(frontier(place), place.policy("other"))
    with anything_goes(bed, "routingpolicies"):
        wait_for("the lax CRD to be in force", lambda: bed.api.apply(path, old).status == HTTPStatus.CREATED)
    wait_for("the strict CRD to be in force", lambda: _refuses(place))
    found = wait_for_condition(bed.api, "RoutingPolicy", place.namespace, "chat", "Accepted", "False")
    assert "spec.timeouts.total: must be a duration from 1ms to 720h" in found["message"]
    assert "spec.degrade[0].tier: " in found["message"]
    wait_for_condition(bed.api, "RoutingPolicy", place.namespace, "other", "ResolvedRefs", "True")
    assert shared.metric("compile_failures_total") == 0
    place.make(place.policy())
    wait_for_condition(bed.api, "RoutingPolicy", place.namespace, "chat", "Accepted", "True")


def _refuses(place: Place) -> bool:
    # What is stored may stay as it is: only of a new object it can be told which rules are in force.
    probe = place.policy("probe", degrade=[{"tier": "onli"}])
    answer = place.api.create(url("RoutingPolicy", place.namespace), probe, "dryRun=All")
    return bool(answer.status == HTTPStatus.UNPROCESSABLE_ENTITY)
