"""When conditions last changed, and whether a status says anything new."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.statuses.times import same, settle, with_others
from tests.support.statuses import NOW
from tests.support.values import JSON, ODD

EARLIER, LATER = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def wanted(status: str = "True", reason: str = "Ready", **fields: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "observedGeneration": 1, "reason": reason, "message": "m"}
    return {"observedGeneration": 1, "conditions": [condition], **fields}


def since(settled: dict[str, Any]) -> str:
    (condition,) = settled["conditions"]
    return str(condition["lastTransitionTime"])


def test_a_condition_that_is_new_begins_now() -> None:
    assert since(settle(wanted(), None, NOW)) == NOW


def test_a_condition_that_stays_keeps_its_time_whatever_else_changes() -> None:
    before = settle(wanted(), None, EARLIER)
    assert since(settle(wanted(reason="Provisionable"), before, NOW)) == EARLIER


def test_a_condition_that_changes_begins_now() -> None:
    assert since(settle(wanted("False"), settle(wanted(), None, EARLIER), NOW)) == NOW


def test_no_time_goes_back_when_the_clock_does() -> None:
    before = settle(wanted(), None, LATER)
    assert since(settle(wanted("False"), before, NOW)) == LATER


@pytest.mark.parametrize("time", ["", "soon", 7, None, "2026-01-31T12:00:00+02:00", "2026-01-31T12:00:00.5Z"])
def test_a_time_that_nobody_of_us_wrote_is_replaced_once(time: Any) -> None:
    before = settle(wanted(), None, EARLIER)
    before["conditions"][0]["lastTransitionTime"] = time
    settled = settle(wanted(), before, NOW)
    assert since(settled) == NOW
    assert settle(wanted(), settled, LATER) == settled


def test_nothing_is_written_where_nothing_is_new() -> None:
    settled = settle(wanted(replicas=1), None, EARLIER)
    assert same(settle(wanted(replicas=1), settled, NOW), settled)
    turned = {name: settled[name] for name in reversed(settled)}
    assert same(settled, turned)


def test_what_is_new_is_written() -> None:
    current = settle(wanted(replicas=1), None, EARLIER)
    for change in (
        wanted(replicas=2),
        wanted("False", replicas=1),
        wanted(reason="Provisionable", replicas=1),
        wanted(),
    ):
        assert not same(settle(change, current, NOW), current)
    older = {**wanted(replicas=1), "observedGeneration": 2}
    assert not same(settle(older, current, NOW), current)


def test_conditions_of_other_managers_are_nobodys_news() -> None:
    settled = settle(wanted(), None, EARLIER)
    current = copy.deepcopy(settled)
    current["conditions"].insert(0, {"type": "example.com/Checked", "status": "True"})
    assert same(settled, current)
    assert settle(wanted(), current, NOW) == settled


def test_a_condition_of_ours_that_is_said_no_more_is_news() -> None:
    current = settle(wanted(), None, EARLIER)
    current["conditions"].append({"type": "Placed", "status": "True"})
    assert not same(settle(wanted(), current, NOW), current)


def test_what_somebody_wrote_into_a_field_of_ours_is_news_and_what_replaces_it_keeps_the_conditions_of_others() -> None:
    settled = settle(wanted(), None, EARLIER)
    other = {"type": "example.com/Checked", "status": "True"}
    stray = {"type": "Placed", "status": "True"}
    current = {**settled, "revision": "x", "conditions": [other, *settled["conditions"], stray]}
    assert not same(settled, current)
    whole = with_others(settled, current)
    assert whole["conditions"] == [*settled["conditions"], other]
    assert same(settled, whole)


def rung(settled: dict[str, Any]) -> Any:
    return settled["rung"]


def test_a_rung_keeps_its_time_while_requests_end_there_whatever_else_changes() -> None:
    before = settle(wanted(rung={"index": 1, "name": "mid"}), None, EARLIER)
    assert rung(before) == {"index": 1, "name": "mid", "since": EARLIER}
    after = settle(wanted("False", rung={"index": 1, "name": "mid"}), before, NOW)
    assert rung(after) == rung(before)


@pytest.mark.parametrize("other", [{"index": 2, "name": "mid"}, {"index": 1, "name": "answer"}])
def test_another_rung_begins_now(other: dict[str, Any]) -> None:
    before = settle(wanted(rung={"index": 1, "name": "mid"}), None, EARLIER)
    assert rung(settle(wanted(rung=other), before, NOW)) == {**other, "since": NOW}


def test_no_rung_begins_before_the_last_one_did() -> None:
    before = settle(wanted(rung={"index": 1, "name": "mid"}), None, LATER)
    assert rung(settle(wanted(rung={"index": 0, "name": "wanted"}), before, NOW))["since"] == LATER


def test_a_rung_that_nobody_tells_any_more_is_news_once() -> None:
    before = settle(wanted(rung={"index": 1, "name": "mid"}), None, EARLIER)
    after = settle(wanted(), before, NOW)
    assert "rung" not in after
    assert not same(after, before)
    assert same(settle(wanted(), after, LATER), after)


@given(
    ODD | st.fixed_dictionaries({"rung": JSON | st.fixed_dictionaries({"index": JSON, "name": JSON, "since": JSON})})
)
def test_whatever_stands_in_the_place_of_a_rung_one_write_settles_it(current: Any) -> None:
    asked = wanted(rung={"index": 1, "name": "mid"})
    settled = settle(asked, current, NOW)
    assert same(settle(asked, settled, LATER), settled)


@pytest.mark.parametrize("current", [None, {}, {"conditions": []}, {"conditions": "gone"}, []])
def test_a_status_that_somebody_wiped_is_written_again(current: Any) -> None:
    assert not same(settle(wanted(), current, NOW), current)


@given(
    ODD
    | st.fixed_dictionaries(
        {
            "conditions": st.lists(
                JSON | st.fixed_dictionaries({"type": JSON, "status": JSON, "lastTransitionTime": JSON})
            )
        }
    )
)
def test_whatever_stands_on_an_object_one_write_settles_it(current: Any) -> None:
    settled = settle(wanted(), current, NOW)
    assert same(settle(wanted(), settled, LATER), settled)
    assert same(settled, current) in (True, False)
