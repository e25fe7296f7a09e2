"""Which changes of a status are told as events, and which of them somebody should look at."""

from typing import Any

from hypothesis import given

from modelfleet.statuses.changes import Transition, transitions
from tests.support.cluster_objects import node, pod
from tests.support.documents import hardware_class, model, policy
from tests.support.statuses import GPU, Cluster, M, P, statuses
from tests.support.values import ODD


def brief(before: Any, after: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [(one.type, one.reason, one.warning) for one in transitions(before, after)]


def of_policy(*documents: dict[str, Any]) -> dict[str, Any]:
    return statuses(*documents)[P]


def test_a_status_that_stays_tells_nothing() -> None:
    found = of_policy(model(), policy())
    assert transitions(found, found) == ()


def test_a_first_status_tells_the_sum_and_nothing_that_is_open() -> None:
    assert brief(None, of_policy(policy())) == [("Ready", "ModelNotFound", True)]
    assert brief(None, of_policy(model(), policy())) == [], "no gateway has reported yet"


def test_what_breaks_is_a_warning_and_what_heals_is_none() -> None:
    good, broken = of_policy(model(), policy()), of_policy(policy())
    assert brief(good, broken) == [
        ("ResolvedRefs", "ModelNotFound", True),
        ("Conflicted", "NotAccepted", True),
        ("Degraded", "NotAccepted", True),
        ("Ready", "ModelNotFound", True),
    ]
    assert brief(broken, good) == [
        ("ResolvedRefs", "ResolvedRefs", False),
        ("Conflicted", "NoConflict", False),
        ("Degraded", "AsWanted", False),
        ("Ready", "NoGateway", False),
    ]


def test_a_name_that_is_lost_is_a_warning() -> None:
    both = statuses(model(), policy(), policy(name="a"))
    assert ("Conflicted", "Conflicted", True) in brief(of_policy(model(), policy()), both[P])


def test_a_policy_that_falls_back_as_it_says_is_no_warning_and_one_that_nobody_answers_is() -> None:
    idle = Cluster(ready=("n",))
    tiers = [{"name": name, "models": [{"name": name}]} for name in ("m", "n")]
    good, laddered = of_policy(model(), policy()), policy(tiers=tiers, degrade=[{"tier": "n"}])
    fallen = statuses(model(), model(name="n"), laddered, cluster=idle)[P]
    refused = statuses(model(), policy(), cluster=idle)[P]
    assert brief(good, fallen) == [("Degraded", "FallsToTier", False), ("Ready", "FallsToTier", False)]
    assert brief(good, refused) == [("Degraded", "NothingLeft", True), ("Ready", "NothingLeft", True)]


def test_a_transition_says_what_the_condition_says() -> None:
    broken = of_policy(policy())
    found = transitions(of_policy(model(), policy()), broken)[-1]
    ready = broken["conditions"][-1]
    assert found == Transition("Ready", "False", ready["reason"], ready["message"], warning=True)


def test_a_message_that_changes_alone_tells_nothing() -> None:
    one = statuses(hardware_class(), cluster=Cluster(nodes=[node()]))[GPU]
    two = statuses(hardware_class(), cluster=Cluster(nodes=[node(), node("b")]))[GPU]
    assert one != two
    assert transitions(one, two) == ()


def test_a_model_that_takes_its_time_is_no_warning() -> None:
    raw = hardware_class(), model(placement={"classes": [{"name": "gpu"}]})
    found = statuses(*raw)[M]
    assert [one.warning for one in transitions(None, found) if one.reason == "Pending"] == [False]
    serving = statuses(*raw, cluster=Cluster(pods=[pod(ready=True)]))[M]
    assert brief(found, serving) == [
        ("Placed", "Placed", False),
        ("Available", "Available", False),
        ("Ready", "Ready", False),
    ]


WHOLE = of_policy(model(), policy())


@given(ODD)
def test_whatever_stands_on_an_object_its_events_are_told(before: Any) -> None:
    assert len(transitions(before, WHOLE)) <= 6
