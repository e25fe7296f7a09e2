"""What an object falls back on: by its status, and by what a process remembers."""

from typing import Any

import pytest
from hypothesis import given

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.inforce import InForce, Version
from modelfleet.fleet.lastgood import Judgement, holders_of_stand_ins, last_good, parse_judgement
from modelfleet.fleet.parse import Foreign, Invalid, Valid, parse_object
from tests.support.documents import Document, base_spec, fleet, hardware_class, model, policy, valid
from tests.support.values import ODD

M, P = Key("ModelDeployment", "default", "m"), Key("RoutingPolicy", "default", "p")
BAD: Document = {"tiersss": []}


def at(generation: int, uid: str = "u", status: Any = None, **spec: Any) -> Document:
    """The policy `p` at a generation, as the API server has it."""
    made = policy(namespace="default", **spec)
    metadata = {**made["metadata"], "uid": uid, "generation": generation}
    return {**made, "metadata": metadata, "status": status}


def timed(total: str) -> Document:
    return {**base_spec("RoutingPolicy"), "timeouts": {"total": total}}


def judged(generation: int, *, in_force: int | None = None, spec: Any = None) -> Document:
    """A status that speaks of a generation."""
    said = {"generation": in_force, **({"spec": spec} if spec else {})}
    return {"observedGeneration": generation, **({"inForce": said} if in_force is not None else {})}


def remembering(raw: Document) -> InForce:
    """A process in which this version of the policy was in force until now."""
    known = valid(raw)
    assert isinstance(known, RoutingPolicy)
    return InForce(policies={P: known})


def fallback(raw: Document, before: InForce | None = None) -> Version | None:
    parsed = parse_object(raw)
    assert not isinstance(parsed, Foreign)
    return last_good([parsed], {parsed.key: parse_judgement(raw)}, before or InForce()).version_of(parsed.key)


def total(version: Version | None) -> str:
    """How the version is told from others; nothing where it is not known."""
    policy = version.resource if version else None
    return str(policy.spec.timeouts.total) if isinstance(policy, RoutingPolicy) and policy.spec.timeouts else ""


def test_the_version_that_a_status_holds_is_what_a_wrong_object_falls_back_on() -> None:
    found = fallback(at(3, status=judged(3, in_force=2, spec=timed("2s")), **BAD))
    assert (found and found.generation, total(found)) == (2, "2s")
    assert found == Version(2, valid(at(2, timeouts={"total": "2s"})))


def test_where_the_present_spec_was_good_once_it_is_its_own_last_good_version() -> None:
    raw = at(3, status=judged(3, in_force=3, spec=timed("2s")), timeouts={"total": "3s"})
    assert fallback(raw) == Version(3, valid({**raw, "status": None}))


@pytest.mark.parametrize("spec", [{}, BAD])
def test_an_object_that_never_was_in_force_falls_back_on_nothing(spec: Document) -> None:
    assert fallback(at(1, status=judged(1), **spec)) is None
    assert fallback(at(1, **spec)) is None


def test_the_word_of_who_judged_this_very_spec_counts_over_what_is_remembered() -> None:
    known = remembering(at(2, timeouts={"total": "2s"}))
    assert total(fallback(at(3, status=judged(3, in_force=1, spec=timed("1s")), **BAD), known)) == "1s"
    assert fallback(at(3, status=judged(3), **BAD), known) is None


def test_until_it_is_judged_who_remembers_a_newer_version_goes_on_with_it() -> None:
    known = remembering(at(2, timeouts={"total": "2s"}))
    assert total(fallback(at(3, status=judged(2, in_force=1, spec=timed("1s")), **BAD), known)) == "2s"
    assert total(fallback(at(3, status=judged(1), **BAD), known)) == "2s"
    assert total(fallback(at(3, **BAD), known)) == "2s"


def test_who_remembers_nothing_newer_takes_what_is_written_also_of_a_spec_that_was_not_judged() -> None:
    raw = at(4, status=judged(3, in_force=2, spec=timed("2s")), **BAD)
    assert total(fallback(raw)) == "2s"
    assert total(fallback(raw, remembering(at(1, timeouts={"total": "1s"})))) == "2s"


def test_a_version_that_nobody_wrote_down_is_kept_by_who_remembers_one_and_its_number_by_all() -> None:
    """A process must not be told to drop what it serves by an operator that was not there when the edit came."""
    raw = at(2, status=judged(2, in_force=1), **BAD)
    assert total(fallback(raw, remembering(at(1, timeouts={"total": "1s"})))) == "1s"
    assert fallback(raw) == Version(1)


def test_what_is_remembered_of_another_object_of_the_name_is_forgotten() -> None:
    assert fallback(at(2, uid="new", **BAD), remembering(at(1, uid="old"))) is None


def test_only_what_cannot_be_parsed_and_has_a_version_is_called_malformed() -> None:
    parsed = [parse_object(raw) for raw in (at(2, **BAD), model("{model: 1}"), hardware_class(), policy(name="q"))]
    objects = [one for one in parsed if isinstance(one, Valid | Invalid)]
    found = last_good(objects, {}, remembering(at(1)))
    assert [set(keys) for keys in (found.malformed, found.policies, found.models)] == [{P}, {P}, set()]


def test_a_version_is_not_held_up_by_labels_and_annotations_of_today() -> None:
    raw = at(3, status=judged(3, in_force=2, spec=timed("2s")))
    raw["metadata"] |= {"labels": {"a": "b"}, "annotations": {"not a key": "x"}, "resourceVersion": "7"}
    assert fallback(raw) == Version(2, valid(at(2, timeouts={"total": "2s"})))


def test_the_age_that_wins_names_outlasts_every_edit() -> None:
    raw = at(3, status=judged(3, in_force=2, spec=timed("2s")), **BAD)
    raw["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    found = fallback(raw)
    assert found
    assert found.resource
    assert found.resource.metadata.creation_timestamp == "2026-01-01T00:00:00Z"


@given(ODD)
def test_no_status_is_odd_enough_to_raise(value: Any) -> None:
    for status in (
        value,
        {"observedGeneration": value, "inForce": value},
        {"inForce": {"generation": value, "spec": value}},
        judged(3, in_force=2, spec=value),
    ):
        found = fallback(at(3, status=status, **BAD))
        assert found is None or found.resource is None


@pytest.mark.parametrize("generation", [True, 2.0, "2", -1, 4, None])
def test_a_generation_that_the_object_cannot_have_had_is_not_believed(generation: Any) -> None:
    assert parse_judgement(at(3, status=judged(3, in_force=2) | {"inForce": {"generation": generation}})) == Judgement(
        3
    )


def test_a_stored_spec_that_does_not_parse_is_as_good_as_none() -> None:
    assert fallback(at(3, status=judged(3, in_force=2, spec=BAD))) == Version(2)


def test_it_is_news_unless_all_agree_on_the_object_as_it_is() -> None:
    raw = at(2, status=judged(2, in_force=2))
    one, judgement = parse_object(raw), parse_judgement(raw)
    assert isinstance(one, Valid)
    assert not judgement.may_change(one, remembering(at(2)))
    assert judgement.may_change(one, remembering(at(1)))
    assert judgement.may_change(one, InForce())
    assert Judgement(2).may_change(one, remembering(at(2)))
    assert Judgement(2, Version(1)).may_change(one, remembering(at(2)))
    assert Judgement(2, Version(1)).may_change(one, remembering(at(1)))


def test_what_an_older_version_refers_to_is_read_and_what_the_present_one_does_is_not_asked_for_twice() -> None:
    def keyed(secret: str) -> Document:
        credentials = {"secretRef": {"name": secret, "key": "token"}}
        hosted = {"url": "https://a.example.com/v1", "credentials": credentials}
        return model(engine=None, external=hosted)

    snapshot = fleet(keyed("new"))
    same, older = InForce(models=snapshot.models), InForce(models=fleet(keyed("old")).models)
    assert holders_of_stand_ins(same, snapshot) == frozenset()
    assert holders_of_stand_ins(older, snapshot) == {Key("Secret", "default", "old")}
    assert holders_of_stand_ins(older, fleet()) == {Key("Secret", "default", "old")}
