"""The table of invalid documents, shown to the API server: what a schema can hold it refuses, in the same words."""

from http import HTTPStatus
from typing import Any

import pytest

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION
from modelfleet.findings import Severity
from modelfleet.sources.reading.documents import objects, read_documents
from tests.invalid.table import Case, cases
from tests.testbed.api import Answer
from tests.testbed.bed import Bed

ABOUT_TEXT = ("text",)
ABOUT_NAMESPACES = "metadata.namespace"
"""Cases of which the server's word is about a namespace that does not exist."""
CASES = [
    case
    for case in cases()
    if case.file not in ABOUT_TEXT and all(path != ABOUT_NAMESPACES for _, path, *_ in case.finds)
]


def served(case: Case) -> list[dict[str, Any]]:
    """The objects of the case that are of our kinds, and so have a place on the server."""
    found = [raw for read in read_documents(case.data) for _, raw in objects(read)]
    return [raw for raw in found if isinstance(raw, dict) and raw.get("kind") in KINDS]


def shown(bed: Bed, raw: dict[str, Any]) -> Answer:
    kind = KINDS[raw["kind"]].KIND
    place = "namespaces/default/" if kind.namespaced else ""
    metadata = {**raw["metadata"], "namespace": "default"} if isinstance(raw.get("metadata"), dict) else None
    made = {**raw, "metadata": metadata} if metadata and kind.namespaced else raw
    query = "dryRun=All&fieldValidation=Strict"
    return bed.api.create(f"/apis/{API_VERSION}/{place}{kind.plural}", made, query)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}-{case.name}")
def test_the_server_refuses_what_a_schema_can_hold(bed: Bed, case: Case) -> None:
    answers = [shown(bed, raw) for raw in served(case)]
    refused = [answer.message for answer in answers if answer.status != HTTPStatus.CREATED]
    if case.server == "lint":
        assert refused == []
        return
    assert refused or not answers
    if case.server == "same":
        errors = [message for _, _, _, severity, message in case.finds if severity == str(Severity.ERROR)]
        assert [message for message in errors if message not in " ".join(refused)] == []


def test_what_only_lint_refuses_is_about_several_objects() -> None:
    """The list of what no schema can hold is short, and known by name."""
    alone = {case.name for case in CASES if case.server == "lint" and case.file != "fleet"}
    assert alone == {"no-object-of-kubernetes"}  # which no server has a place for
