"""What lint says of each sound policy beside its findings: the most tries that one request can cause."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from tests.support.documents import Document, document, model, policy

LADDER = "{rules: [{name: a, tier: l}], degrade: [{tier: m}, {tier: s}, {answer: {body: busy}}]}"
TIERS = [{"name": name, "models": [{"name": "m"}]} for name in ("s", "m", "l")]
SURE = {"confidenceBelow": 0.5, "from": {"json": "sure"}}
SUMMARY = "objects in 1 file: "


def lint(*arguments: str, documents: Sequence[Document]) -> Result:
    text = "\n---\n".join(json.dumps(one) for one in documents)
    # With a comment in front it is YAML, of which a file may have several.
    result = CliRunner().invoke(main, ["lint", *arguments, "-"], input=f"# made\n{text}\n")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def notes(*arguments: str, documents: Sequence[Document]) -> list[str]:
    return [line for line in lint(*arguments, documents=documents).stderr.splitlines() if SUMMARY not in line]


def ladder(name: str, namespace: str = "", **fields: Any) -> Document:
    return policy(LADDER, name=name, namespace=namespace, **{"serves": {"models": [name]}, "tiers": TIERS, **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "at most 3 tries for a request (1 on each of 3 rungs)"),
        ({"retries": {"attempts": 1}}, "at most 6 tries for a request (2 on each of 3 rungs)"),
        ({"escalate": {"when": SURE}}, "at most 4 tries for a request (1 on each of 3 rungs and 1 climb)"),
        ({"escalate": {"when": SURE, "max": 2}}, "at most 5 tries for a request (1 on each of 3 rungs and 2 climbs)"),
        ({"rules": [], "degrade": []}, "at most 2 tries for a request (2 on one rung)"),
        ({"rules": [], "degrade": [], "retries": {"attempts": 0}}, "at most 1 try for a request"),
    ],
)
def test_the_worst_case_of_a_policy_is_said_with_what_it_comes_from(fields: Document, said: str) -> None:
    assert notes(documents=[model(), ladder("p", **fields)]) == [f"RoutingPolicy default/p: {said}"]


def test_it_stands_between_the_findings_and_the_summary_and_counts_as_neither() -> None:
    result = lint(documents=[model(), policy()])
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "RoutingPolicy default/p: at most 2 tries for a request (2 on one rung)\n"
        "2 objects in 1 file: 0 errors, 0 warnings\n"
    )
    unsafe = document("ModelDeployment", "external: {url: 'http://models.example.com'}", name="m", engine=None)
    lines = lint(documents=[unsafe, policy()]).output.splitlines()
    assert [line.split(": ")[1].split(" ")[0] for line in lines] == ["warning", "at", "0"]


def test_policies_come_in_the_order_of_their_names_wherever_they_stand() -> None:
    documents = [ladder("b"), ladder("a"), ladder("c", "another"), model(), model(namespace="another")]
    said = notes(documents=documents)
    assert [line.split(":")[0] for line in said] == [
        "RoutingPolicy another/c",
        "RoutingPolicy default/a",
        "RoutingPolicy default/b",
    ]
    assert notes(documents=documents[::-1]) == said


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param([model(), ladder("p", retries={"attempts": 4})], id="it could cause too many"),
        pytest.param([model(), ladder("p", mode="observe")], id="it is invalid"),
        pytest.param([model(), ladder("p", notAField=1)], id="it has a field that does not exist"),
        pytest.param([model(name="n"), ladder("p")], id="it refers to what is not there"),
        pytest.param([model(), ladder("p"), ladder("p")], id="it is there twice"),
    ],
)
def test_a_policy_with_an_error_has_no_worst_case(documents: Sequence[Document]) -> None:
    assert lint(documents=documents).exit_code == 1
    assert notes(documents=documents) == []
    assert json.loads(lint("-o", "json", documents=documents).stdout)["worstCases"] == []


def test_an_error_of_another_policy_takes_nothing_away() -> None:
    assert len(notes(documents=[model(), ladder("p"), ladder("q", mode="observe")])) == 1


def test_a_policy_whose_text_has_a_mistake_has_no_worst_case(tmp_path: Path) -> None:
    text = json.dumps(policy()).replace('"name": "p"', '"name": "p", "name": "p"')
    (tmp_path / "twice.yaml").write_text(f"# made\n{text}\n---\n{json.dumps(model())}\n")
    result = CliRunner().invoke(main, ["lint", str(tmp_path)])
    assert result.exit_code == 1
    assert "tries" not in result.stderr


def test_a_warning_leaves_it_and_a_warning_that_is_an_error_does_not() -> None:
    documents = [
        model(),
        ladder("p", escalate={"when": SURE}, limits=[{"per": "tenant", "requests": 1, "every": "1s"}]),
    ]
    assert "warning" in lint(documents=documents).stdout
    assert len(notes(documents=documents)) == 1
    assert notes("--strict", documents=documents) == []


def test_a_kind_of_others_that_has_the_name_has_no_worst_case() -> None:
    assert notes(documents=[model(), {**ladder("p"), "apiVersion": "example.com/v1"}]) == []


def test_policies_in_a_list_and_without_a_namespace_are_named_as_their_findings_are() -> None:
    items = [model(), ladder("p")]
    documents = [{"apiVersion": "v1", "kind": "List", "items": items}]
    assert [line.split(":")[0] for line in notes("-n", "team", documents=documents)] == ["RoutingPolicy team/p"]


def test_json_has_it_in_a_field_of_its_own_and_standard_error_then_has_not() -> None:
    result = lint("-o", "json", documents=[model(), ladder("p", retries={"attempts": 2})])
    assert json.loads(result.stdout)["worstCases"] == [
        {
            "object": {"kind": "RoutingPolicy", "namespace": "default", "name": "p"},
            "tries": 9,
            "rungs": 3,
            "repeats": 2,
            "climbs": 0,
        }
    ]
    assert SUMMARY in result.stderr
    assert "tries" not in result.stderr
