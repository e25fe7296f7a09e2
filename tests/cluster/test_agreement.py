"""The API server and the models judge the same objects, and must come to the same verdict."""

import copy
import json
import random
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.rules.tries import MOST, TRIES, worst_case
from modelfleet.findings import dotted
from modelfleet.fleet.parse import Invalid, Valid, parse_object
from tests.sizes import scale
from tests.support.documents import document
from tests.support.formats import FORMATS
from tests.support.generated import generated
from tests.testbed.api import Answer
from tests.testbed.bed import Bed

ROUNDS = 20
ALLOWED = Path(__file__).resolve().parents[1] / "unit" / "api" / "allowed.yaml"
(TOO_MANY,) = (rule.message for rule in TRIES)


def server_says(bed: Bed, document: dict[str, Any]) -> Answer:
    kind = KINDS[document["kind"]].KIND
    place = "namespaces/default/" if kind.namespaced else ""
    query = "dryRun=All&fieldValidation=Strict"
    return bed.api.create(f"/apis/{API_VERSION}/{place}{kind.plural}", document, query)


def disagreement(bed: Bed, document: dict[str, Any]) -> str:
    """What the two say where they differ; nothing where they do not."""
    ours, theirs = parse_object(copy.deepcopy(document)), server_says(bed, document)
    if isinstance(ours, Valid) == (theirs.status == HTTPStatus.CREATED):
        return ""
    said = [f"{dotted(one.path)}: {one.message}" for one in ours.findings] if isinstance(ours, Invalid) else ["nothing"]
    return f"{json.dumps(document)}\nwe say {said}\nthe server says {theirs.status}: {theirs.message}"


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_the_api_server_and_the_models_agree_on_generated_objects(
    bed: Bed, seed: int, evidence: Callable[..., None]
) -> None:
    dice = random.Random(seed)
    documents = [generated(dice) for _ in range(scale(2_000, 20_000) // ROUNDS)]
    differing = [text for document in documents if (text := disagreement(bed, document))]
    evidence(objects=len(documents), disagreements=len(differing))
    assert not differing, "\n\n".join(differing[:3])


@pytest.mark.parametrize("kind", KINDS)
def test_what_only_just_keeps_a_rule_is_taken_by_the_api_server(bed: Bed, kind: str) -> None:
    rules = yaml.safe_load(ALLOWED.read_text(encoding="utf-8"))[kind]
    documents = [document(kind, **change) for changes in rules.values() for change in changes]
    assert [text for one in documents if (text := disagreement(bed, one))] == []


def hosted(url: Any) -> dict[str, Any]:
    return document("ModelDeployment", engine=None, external={"url": url})


def asking(**when: Any) -> dict[str, Any]:
    return document("RoutingPolicy", rules=[{"name": "a", "when": when, "tier": "light"}])


PLACES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "url": hosted,
    "answer-status": lambda status: document("RoutingPolicy", degrade=[{"answer": {"status": status, "body": "busy"}}]),
    "request-item": lambda item: asking(missing=[item]),
    "header-names": lambda headers: asking(headers=headers),
    "header-names-unique": lambda headers: asking(headers=headers),
}
"""Where a value stands whose rule is more than a pattern, or a long one."""


@pytest.mark.parametrize("name", PLACES)
def test_the_api_server_takes_and_refuses_the_same_values(bed: Bed, name: str) -> None:
    (form,) = (form for form in FORMATS if form.rule.name == name)
    documents = [PLACES[name](value) for value in (*form.good, *form.bad)]
    assert [text for one in documents if (text := disagreement(bed, one))] == []


def test_the_generated_objects_are_worth_judging() -> None:
    """Some right, most wrong, of every kind: else the agreement above would say little."""
    dice = random.Random(0)
    parsed = [parse_object(generated(dice)) for _ in range(600)]
    for kind in KINDS:
        of_kind = [one for one in parsed if one.key.kind == kind]
        right = sum(isinstance(one, Valid) for one in of_kind)
        assert len(of_kind) / 10 < right < len(of_kind) * 9 / 10, f"{kind}: {right} of {len(of_kind)} are right"


def test_some_generated_ladders_are_as_long_as_they_may_be_and_some_are_longer() -> None:
    """The bound on tries is an arithmetic of five clauses, which says little far away from where it bites."""
    dice = random.Random(0)
    parsed = [parse_object(generated(dice)) for _ in range(4_000)]
    policies = [one.resource for one in parsed if isinstance(one, Valid) and isinstance(one.resource, RoutingPolicy)]
    near = [policy for policy in policies if worst_case(policy.spec).tries > MOST - 3]
    refused = [one for one in parsed if isinstance(one, Invalid) and {it.message for it in one.findings} == {TOO_MANY}]
    assert min(len(near), len(refused)) >= 5, f"{len(near)} are near the bound, {len(refused)} above it"


BY_DESIGN: dict[str, dict[str, Any]] = {
    "a name that the server makes up: what is declared in files needs one of its own": {
        "metadata": {"generateName": "made-"},
    },
    "status is ours to write and never an input, so nothing in it is looked at": {"status": {"notAField": 1}},
    "metadata that we do not use is the API server's business": {"metadata": {"name": "m", "finalizers": 1}},
}


@pytest.mark.parametrize("reason", BY_DESIGN)
def test_where_they_differ_it_is_by_design(bed: Bed, reason: str) -> None:
    assert disagreement(bed, {**document("ModelDeployment"), **BY_DESIGN[reason]})
