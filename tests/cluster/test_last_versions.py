"""The version that is in force, through a real API server: it comes back as it was, and goes when it is not needed."""

from http import HTTPStatus
from typing import Any

import pytest

from modelfleet.api.meta import API_VERSION
from modelfleet.fleet.inforce import Version
from modelfleet.fleet.lastgood import Judgement
from modelfleet.fleet.parse import Valid, parse_object
from modelfleet.sources.kinds import BY_KIND
from modelfleet.sources.sight import sight_of
from modelfleet.statuses.inforce import in_force
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.times import same
from tests.support.documents import Document, model, policy
from tests.testbed.bed import Bed, expect

RULES = [{"name": "r", "when": {"headers": {"x-a": "b"}, "promptBytes": ">100"}, "tier": "light"}]
TIERS = [{"name": "light", "models": [{"name": "m", "weight": 1}]}, {"name": "big", "models": [{"name": "n"}]}]
SURE = {"when": {"confidenceBelow": 1, "from": {"json": "sure"}}}
ENGINE = {"name": "sim", "env": [{"name": "A", "value": ""}]}
PLACEMENT = {"classes": [{"name": "gpu", "units": 2}], "pendingTimeout": "1m30s"}
GOOD = [
    policy(rules=RULES, tiers=TIERS, escalate=SURE),
    model(engine=ENGINE, placement=PLACEMENT, scale={"replicas": 0}),
]


def at(bed: Bed, raw: Document, version: Version | None) -> Document:
    """The object, once this version of it was written into its status; one write is enough."""
    metadata = raw["metadata"]
    path = f"{BY_KIND[raw['kind']].path(metadata['namespace'])}/{metadata['name']}/status"
    parsed = parse_object(raw)
    assert isinstance(parsed, Valid)
    status = {"observedGeneration": parsed.generation, **in_force(judged_of(parsed, version))}
    body = {"apiVersion": API_VERSION, "kind": raw["kind"], "status": status}
    found: Document = expect(bed.api.apply(path, body, manager="modelfleet"), HTTPStatus.OK)
    assert same(status | {"conditions": []}, found["status"] | {"conditions": []})
    return found


def version_of(raw: Document) -> Version:
    """The object as everybody sees it who watches."""
    parsed = sight_of(raw).value
    assert isinstance(parsed, Valid), parsed
    return Version(parsed.generation, parsed.resource)


def owned(raw: Document) -> Any:
    """What of the status this writer owns."""
    (entry,) = (one for one in raw["metadata"]["managedFields"] if one.get("subresource") == "status")
    return entry["fieldsV1"]["f:status"]["f:inForce"]


@pytest.mark.parametrize("good", GOOD, ids=lambda raw: str(raw["kind"]))
def test_a_version_comes_back_as_it_was_and_goes_when_a_newer_one_is_in_force(
    bed: Bed, namespace: str, good: Document
) -> None:
    watched = BY_KIND[good["kind"]]
    made = expect(bed.api.create(watched.path(namespace), good), HTTPStatus.CREATED)
    first = version_of(made)
    assert at(bed, made, first)["status"]["inForce"]["generation"] == 1
    path = f"{watched.path(namespace)}/{good['metadata']['name']}"
    change = {"mode": "Observe"} if good["kind"] == "RoutingPolicy" else {"work": "embedding"}
    edited = expect(bed.api.merge(path, {"spec": change}), HTTPStatus.OK)
    kept = at(bed, edited, first)
    assert sight_of(kept).judgement == Judgement(2, first)
    assert owned(kept) == {}
    assert at(bed, edited, version_of(edited))["status"]["inForce"]["generation"] == 2
