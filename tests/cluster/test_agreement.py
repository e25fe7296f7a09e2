"""The API server and the models judge the same objects, and must come to the same verdict."""

import copy
import json
import random
from http import HTTPStatus
from typing import Any

import pytest

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION
from modelfleet.findings import dotted
from modelfleet.fleet.parse import Invalid, Valid, parse_object
from tests.sizes import scale
from tests.support.documents import document
from tests.support.generated import generated
from tests.testbed.api import Answer
from tests.testbed.bed import Bed

ROUNDS = 20


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
def test_the_api_server_and_the_models_agree_on_generated_objects(bed: Bed, seed: int) -> None:
    dice = random.Random(seed)
    documents = [generated(dice) for _ in range(scale(2_000, 20_000) // ROUNDS)]
    differing = [text for document in documents if (text := disagreement(bed, document))]
    assert not differing, "\n\n".join(differing[:3])


def test_the_generated_objects_are_worth_judging() -> None:
    """Some right, most wrong, of every kind: else the agreement above would say little."""
    dice = random.Random(0)
    parsed = [parse_object(generated(dice)) for _ in range(600)]
    for kind in KINDS:
        of_kind = [one for one in parsed if one.key.kind == kind]
        right = sum(isinstance(one, Valid) for one in of_kind)
        assert len(of_kind) / 10 < right < len(of_kind) * 9 / 10, f"{kind}: {right} of {len(of_kind)} are right"


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
