"""What the table of mistakes does not show of placement: where the checks say nothing, and what they count."""

from collections.abc import Iterable

import pytest

from modelfleet.findings import Condition, Finding, Severity
from modelfleet.placement.fit import check_fit
from modelfleet.placement.overlap import check_overlap
from modelfleet.placement.suits import check_suits
from tests.support.documents import Document, fleet, hardware_class, model


def placed(*classes: str, name: str = "m", work: str = "inference", units: int = 1) -> Document:
    choices = [{"name": one, "units": units} for one in classes]
    return model(name=name, work=work, placement={"classes": choices})


def hardware(name: str, units: int | None = None, suits: list[str] | None = None) -> Document:
    return hardware_class(name=name, capacity=None if units is None else {"maxUnits": units}, suits=suits)


def told(found: Iterable[Finding]) -> list[tuple[str, Severity]]:
    return [
        (finding.subject.name + "".join(f".{step}" for step in finding.path[1:]), finding.severity) for finding in found
    ]


ERROR, WARNING = Severity.ERROR, Severity.WARNING


def test_a_replica_may_take_all_there_is() -> None:
    assert told(check_fit(fleet(placed("gpu", units=4), hardware("gpu", 4)))) == []


def test_a_class_without_a_bound_holds_anything() -> None:
    assert told(check_fit(fleet(placed("gpu", units=1000), hardware("gpu")))) == []


def test_a_class_of_no_units_holds_nothing() -> None:
    assert told(check_fit(fleet(placed("gpu"), hardware("gpu", 0)))) == [("m.placement.classes.0.units", ERROR)]


def test_every_class_too_small_is_an_error_for_each() -> None:
    found = check_fit(fleet(placed("a", "b", units=9), hardware("a", 4), hardware("b", 8)))
    assert told(found) == [("m.placement.classes.0.units", ERROR), ("m.placement.classes.1.units", ERROR)]


def test_a_class_that_is_not_there_leaves_hope() -> None:
    found = check_fit(fleet(placed("gpu", "gone", units=9), hardware("gpu", 4)))
    assert told(found) == [("m.placement.classes.0.units", WARNING)]


def test_whether_it_fits_speaks_to_the_condition_placed() -> None:
    (found,) = check_fit(fleet(placed("gpu", units=9), hardware("gpu", 4)))
    assert found.condition is Condition.PLACED


def test_models_without_a_placement_are_not_looked_at() -> None:
    snapshot = fleet(model(), hardware("gpu", 0, ["vision"]))
    assert told([*check_fit(snapshot), *check_suits(snapshot)]) == []


def test_a_class_that_says_nothing_suits_everything() -> None:
    assert told(check_suits(fleet(placed("gpu", work="simulation"), hardware("gpu")))) == []


def test_a_class_with_some_of_the_right_work_is_not_itself_told() -> None:
    models = placed("gpu", work="vision"), placed("gpu", name="n", work="speech")
    found = check_suits(fleet(*models, hardware("gpu", suits=["vision"])))
    assert told(found) == [("n.placement.classes.0.name", WARNING)]


def test_a_class_with_nothing_on_it_is_not_told() -> None:
    assert told(check_suits(fleet(hardware("gpu", suits=["vision"]), placed("gone")))) == []


def test_misplaced_work_is_told_of_each_class() -> None:
    classes = hardware("a", suits=["vision"]), hardware("b"), hardware("c", suits=["speech"])
    found = check_suits(fleet(placed("a", "b", "c"), *classes))
    assert [name for name, _ in told(found)] == [
        "m.placement.classes.0.name",
        "m.placement.classes.2.name",
        "a.suits",
        "c.suits",
    ]


def test_misplacement_speaks_to_a_condition_of_its_own() -> None:
    found = check_suits(fleet(placed("a"), hardware("a", suits=["vision"])))
    assert {finding.condition for finding in found} == {Condition.MISPLACED}


def overlapping(**selectors: str) -> list[tuple[str, str]]:
    """Which class matches every node of which other."""
    classes = [hardware_class(f"nodes: {{selector: {labels}}}", name=name) for name, labels in selectors.items()]
    return [(found.subject.name, found.message.split('"')[1]) for found in check_overlap(fleet(*classes))]


@pytest.mark.parametrize(
    "other", ["{pool: b}", "{POOL: a}", "{gpu: a}", "{gpu: l4, market: spot}", "{pool: b, market: spot}"]
)
def test_classes_with_a_label_that_differs_do_not_overlap(other: str) -> None:
    assert overlapping(one="{pool: a}", two=other) == []


def test_classes_that_share_some_nodes_at_most_do_not_overlap() -> None:
    assert overlapping(one="{pool: a, market: spot}", two="{pool: a, zone: x}") == []


def test_the_class_with_fewer_labels_is_told() -> None:
    assert overlapping(one="{pool: a, market: spot}", two="{pool: a}") == [("two", "one")]


def test_of_two_equal_classes_one_is_told() -> None:
    assert overlapping(one="{pool: a}", two="{pool: a}") == [("two", "one")]


def test_each_class_inside_another_is_told() -> None:
    found = overlapping(a="{x: '1'}", b="{x: '1', y: '1'}", c="{x: '1', y: '1', z: '1'}", d="{q: '1'}")
    assert found == [("a", "b"), ("b", "c")]  # of "a" the first is named, and the other counted
