"""Whatever an object looks like: it becomes a value, or sentences; and never an exception."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from modelfleet.findings import Finding, Path, Reason
from modelfleet.fleet.parse import Foreign, Invalid, Parsed, Valid, parse_object
from tests.support.documents import document, policy
from tests.support.strategies import documents, mistaken
from tests.support.values import JSON, TEXTS


def whole(text: str) -> str:
    """The text as the API server has it, which knows no halves of surrogate pairs."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def begins_in(raw: Any, path: Path) -> bool:
    """Whether all but the last step of a path leads somewhere: a field that is missing is not there itself."""
    for step in path[:-1]:
        if isinstance(raw, dict):
            raw = {whole(key): value for key, value in raw.items()}
        elif not (isinstance(raw, list) and isinstance(step, int) and step < len(raw)):
            return False
        if isinstance(raw, dict) and step not in raw:
            return False
        raw = raw[step]
    return isinstance(raw, dict | list) or not path


def assert_sound(raw: Any, parsed: Parsed) -> None:
    if not isinstance(parsed, Invalid):
        return
    assert parsed.findings
    assert len(set(parsed.findings)) == len(parsed.findings)
    for finding in parsed.findings:
        assert isinstance(finding, Finding)
        assert isinstance(finding.reason, Reason)
        assert finding.message.strip()
        assert finding.message.isprintable()
        assert finding.subject == parsed.key
        assert begins_in(raw, finding.path), finding


def turned(raw: Any) -> Any:
    """The same with the keys of every mapping in the opposite order."""
    if isinstance(raw, dict):
        return {key: turned(raw[key]) for key in reversed(raw)}
    return [turned(item) for item in raw] if isinstance(raw, list) else raw


@given(JSON)
@example({"apiVersion": "modelfleet.dev/v1alpha1", "kind": ""})
@example({"apiVersion": "modelfleet.dev/v1alpha1", "kind": "HardwareClass", "[key]": 1})
@example(document("HardwareClass", unit={"resources": {"\ud800": 1, "cpu": 10**5000}}))
@example(policy(classes={"\ud800": {"share": 5}, "a": 1, "[key]": {"[key]": 1}}))
@example(policy(mode=10**5000, tiers=[{"name": "\ud800", "models": [None, 1e308, float("nan")]}]))
def test_anything_at_all_is_parsed_or_explained(raw: Any) -> None:
    assert_sound(raw, parse_object(raw))


@given(st.sampled_from(["HardwareClass", "ModelDeployment", "RoutingPolicy"]), st.dictionaries(TEXTS, JSON), JSON)
def test_any_spec_and_metadata_are_parsed_or_explained(kind: str, metadata: dict[str, Any], spec: Any) -> None:
    raw = {"apiVersion": "modelfleet.dev/v1alpha1", "kind": kind, "metadata": {"name": "a", **metadata}, "spec": spec}
    assert_sound(raw, parse_object(raw))


@given(mistaken())
def test_a_document_with_mistakes_is_parsed_or_explained(raw: Any) -> None:
    assert_sound(raw, parse_object(raw))


@given(documents())
def test_what_is_made_to_be_valid_is_valid(raw: dict[str, Any]) -> None:
    parsed = parse_object(raw)
    assert isinstance(parsed, Valid), parsed
    assert parsed.key.name == raw["metadata"]["name"]
    assert parsed.generation == raw["metadata"].get("generation", 0)


@given(documents(), JSON)
def test_a_status_is_never_what_is_wrong(raw: dict[str, Any], status: Any) -> None:
    assert parse_object({**raw, "status": status}) == parse_object(raw)


@given(documents(), st.sampled_from(["example.com/v1", "v1", "apps/v1", "modelfleet.dev.example.com/v1alpha1"]))
def test_what_is_of_another_group_is_nobody_s_mistake(raw: dict[str, Any], version: str) -> None:
    assert isinstance(parse_object({**raw, "apiVersion": version, "spec": "?"}), Foreign)


@given(mistaken())
@example(policy(classes={"a": {"share": "20%"}, "b": {"share": "30%"}, "c": {"share": "60%"}}))
def test_the_order_of_keys_changes_nothing(raw: Any) -> None:
    parsed, again = parse_object(raw), parse_object(turned(raw))
    if isinstance(parsed, Invalid):
        assert isinstance(again, Invalid)
        assert set(parsed.findings) == set(again.findings)
    else:
        assert parsed == again
