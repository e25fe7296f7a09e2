"""Elections by clocks that the test turns."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from modelfleet.kube import lease as module
from modelfleet.kube.lease import Election, LeaseKeeper
from tests.unit.kube.leases import START, Api, Candidate, Store


@pytest.fixture
def store() -> Store:
    return Store()


def test_the_first_candidate_makes_the_lease(store: Store) -> None:
    one = Candidate(store, "one")
    assert not one.keeper.holds()
    assert one.keeper.step() == 2
    assert one.keeper.holds()
    assert one.keeper.holder == "one"
    assert one.changes == [True]
    assert store.spec == {
        "holderIdentity": "one",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:16:40.000000Z",
        "renewTime": "2026-01-01T00:16:40.000000Z",
        "leaseTransitions": 0,
    }


def test_a_holder_renews_with_one_request(store: Store) -> None:
    one = Candidate(store, "one")
    one.keeper.step()
    one.api.asked.clear()
    store.now += 2
    one.keeper.step()
    assert one.api.asked == ["PUT"]
    assert store.spec["renewTime"] == "2026-01-01T00:16:42.000000Z"
    assert store.spec["acquireTime"] == "2026-01-01T00:16:40.000000Z"
    assert one.changes == [True]


def test_a_standby_writes_nothing_while_the_lease_changes(store: Store) -> None:
    one, two = Candidate(store, "one"), Candidate(store, "two", offset=-900)
    for _ in range(30):
        one.keeper.step()
        two.keeper.step()
        store.now += 2
    assert set(two.api.asked) == {"GET"}
    assert two.keeper.holder == "one"
    assert two.changes == []


def test_a_standby_takes_over_fifteen_seconds_after_the_last_change_that_it_saw(store: Store) -> None:
    one, two = Candidate(store, "one"), Candidate(store, "two", offset=77)
    one.keeper.step()
    store.now += 5
    two.keeper.step()
    store.now += 14.9
    two.keeper.step()
    assert not two.keeper.holds()
    store.now += 0.1
    two.keeper.step()
    assert two.keeper.holds()
    assert store.spec["leaseTransitions"] == 1
    assert store.spec["acquireTime"] == store.spec["renewTime"]


@pytest.mark.parametrize("renewed", ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z", "nonsense", None])
def test_no_clock_of_anybody_else_is_believed(store: Store, renewed: str | None) -> None:
    store.put({"metadata": {}, "spec": {"holderIdentity": "ghost", "renewTime": renewed, "leaseDurationSeconds": 1}})
    one = Candidate(store, "one")
    for waited in range(15):
        one.keeper.step()
        assert not one.keeper.holds(), waited
        store.now += 1
    one.keeper.step()
    assert one.keeper.holds()


def test_labelling_the_lease_of_a_dead_holder_keeps_nobody_waiting(store: Store) -> None:
    store.put({"metadata": {}, "spec": {"holderIdentity": "ghost"}})
    one = Candidate(store, "one")
    for _ in range(8):
        one.keeper.step()
        store.label()
        store.now += 2
    one.keeper.step()
    assert one.keeper.holds()


def test_a_holder_counts_itself_one_for_ten_seconds_from_the_start_of_its_renewal(store: Store) -> None:
    one = Candidate(store, "one")
    store.after = lambda: setattr(store, "now", store.now + 3)
    one.keeper.step()
    store.after = lambda: None
    assert one.keeper.holds()
    store.now += 3.9  # three of the ten were spent on the look, and three on the write
    assert one.keeper.holds()
    store.now += 3.1
    assert not one.keeper.holds()


def test_a_holder_that_was_frozen_holds_nothing_when_it_awakes(store: Store) -> None:
    one, two = Candidate(store, "one"), Candidate(store, "two")
    one.keeper.step()
    two.keeper.step()
    store.now += 60
    assert not one.keeper.holds()
    two.keeper.step()
    assert two.keeper.holds()
    one.keeper.step()
    assert not one.keeper.holds()
    assert one.changes == [True, False]
    assert one.keeper.holder == "two"


def test_a_holder_that_cannot_renew_gives_up_and_says_so_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    one = Candidate(store, "one")
    one.keeper.step()
    one.api.is_down = True
    caplog.clear()  # another test may have left loggers that say more
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            store.now += 2
            one.keeper.step()
    assert one.changes == [True, False]
    assert [record.message for record in caplog.records] == [
        "The Lease modelfleet-operator could not be read or written: down"
    ]
    one.api.is_down = False
    one.keeper.step()
    assert one.changes == [True, False, True]
    assert store.spec["leaseTransitions"] == 0


def test_a_round_ends_no_later_than_the_hold(store: Store) -> None:
    one = Candidate(store, "one")
    one.keeper.step()
    one.api.is_down = True
    store.now += 9.5
    assert one.keeper.step() == pytest.approx(0.5)


def test_a_slow_round_is_followed_by_the_next_at_once(store: Store) -> None:
    one = Candidate(store, "one")
    store.before = lambda: setattr(store, "now", store.now + 3)
    assert one.keeper.step() == 0


def test_a_lease_that_names_another_is_lost_at_once(store: Store) -> None:
    one = Candidate(store, "one")
    one.keeper.step()
    store.put({"metadata": {}, "spec": {"holderIdentity": "thief"}})
    store.now += 2
    one.keeper.step()
    assert not one.keeper.holds()
    assert one.changes == [True, False]
    assert store.spec["holderIdentity"] == "thief"


def test_a_renewal_whose_answer_was_lost_is_found_to_be_ours(store: Store) -> None:
    one = Candidate(store, "one")
    one.keeper.step()
    one.api.loses_answers = True
    store.now += 2
    one.keeper.step()
    one.api.loses_answers = False
    store.now += 2
    one.keeper.step()
    assert one.api.asked[-3:] == ["PUT", "GET", "PUT"]
    store.now += 9.9
    assert one.keeper.holds()
    assert one.changes == [True]


def test_a_holder_outlives_somebody_who_edits_its_lease_all_the_time(store: Store) -> None:
    one = Candidate(store, "one")
    one.keeper.step()
    for _ in range(20):
        store.label()
        store.now += 2
        one.keeper.step()
    assert one.changes == [True]
    assert store.lease is not None
    assert store.lease["metadata"]["labels"], "what others wrote stays"


def test_a_holder_makes_a_lease_that_was_deleted_again(store: Store) -> None:
    one = Candidate(store, "one")
    one.keeper.step()
    store.lease = None
    store.now += 2
    one.keeper.step()
    assert one.keeper.holds()
    assert store.spec["holderIdentity"] == "one"


def test_a_standby_does_not_take_a_lease_that_was_just_deleted(store: Store) -> None:
    one, two = Candidate(store, "one"), Candidate(store, "two")
    one.keeper.step()
    two.keeper.step()
    store.lease = None
    store.now += 14
    two.keeper.step()
    assert store.lease is None
    store.now += 1
    two.keeper.step()
    assert two.keeper.holds()


def test_of_two_who_find_the_lease_free_one_gets_it(store: Store) -> None:
    one, two = Candidate(store, "one"), Candidate(store, "two")

    def the_other_is_faster() -> None:
        store.after = lambda: None
        two.keeper.step()

    store.before = lambda: None
    store.after = the_other_is_faster
    one.keeper.step()
    assert [one.keeper.holds(), two.keeper.holds()] in ([True, False], [False, True])
    assert len(store.writes) == 1


@pytest.mark.parametrize("spec", [None, [], {}, {"holderIdentity": None, "leaseTransitions": "many"}])
def test_a_lease_that_says_nothing_is_free(spec: object) -> None:
    election = Election("one")
    election.observe({"metadata": {"resourceVersion": "1"}, "spec": spec}, 0)
    bid = election.bid(0, START)
    assert bid is not None
    assert bid["metadata"] == {"resourceVersion": "1"}
    assert bid["spec"]["leaseTransitions"] == 0


def test_a_candidate_that_fails_to_be_told_goes_on_holding(store: Store) -> None:
    def fail(_: bool) -> None:
        raise RuntimeError("a bug of whoever is told")

    keeper = LeaseKeeper(Api(store), "here", "n", "one", clock=lambda: store.now, on_change=fail)
    keeper.step()
    assert keeper.holds()


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_keeper_that_could_have_no_thread_is_stopped_like_any_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    keeper = LeaseKeeper(Api(store), "here", "n", "one")
    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        keeper.start()
    keeper.stop()
    assert not keeper.holds()


def test_a_keeper_that_is_stopped_says_so_first_and_then_releases(store: Store) -> None:
    order: list[tuple[bool, str]] = []
    keeper = LeaseKeeper(
        Api(store), "here", "n", "one", on_change=lambda holds: order.append((holds, store.spec["holderIdentity"]))
    )
    keeper.start()
    eventually(keeper.holds)
    keeper.stop()
    assert order == [(True, "one"), (False, "one")]
    assert not keeper.holds()
    assert keeper.holder == ""
    assert (store.spec["holderIdentity"], store.spec["leaseDurationSeconds"]) == ("", 1)
    successor = Candidate(store, "two")
    successor.keeper.step()
    assert successor.keeper.holds()
    assert store.spec["leaseTransitions"] == 1


def test_a_keeper_that_is_stopped_releases_what_it_does_not_know_it_has(store: Store) -> None:
    api = Api(store)
    keeper = LeaseKeeper(api, "here", "n", "one")
    store.after = lambda: setattr(api, "loses_answers", store.lease is not None)
    keeper.start()
    eventually(lambda: store.lease is not None)
    store.after = lambda: setattr(api, "loses_answers", False)
    api.loses_answers = False
    keeper.stop()
    assert store.spec["holderIdentity"] == ""


def test_a_standby_that_is_stopped_leaves_the_lease_alone(store: Store) -> None:
    one = Candidate(store, "one")
    one.keeper.step()
    two = LeaseKeeper(Api(store), "here", "n", "two")
    two.start()
    eventually(lambda: two.holder == "one")
    two.stop()
    assert store.spec["holderIdentity"] == "one"


def test_a_keeper_that_is_stopped_in_the_midst_of_a_request_holds_no_longer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWS_S", 0.2)
    keeper = LeaseKeeper(Api(store), "here", "n", "one")
    keeper.start()
    eventually(keeper.holds)
    asked, answered = threading.Event(), threading.Event()

    def hang() -> None:
        asked.set()
        answered.wait(5)

    store.before = hang
    assert asked.wait(5)
    stopping = threading.Thread(target=keeper.stop)
    stopping.start()
    eventually(lambda: not keeper.holds())
    assert stopping.is_alive()
    answered.set()
    stopping.join()
    assert store.spec["holderIdentity"] == ""


def test_a_keeper_stops_without_a_server_too(store: Store) -> None:
    api = Api(store)
    keeper = LeaseKeeper(api, "here", "n", "one")
    keeper.start()
    eventually(keeper.holds)
    api.is_down = True
    keeper.stop()
    assert not keeper.holds()
    assert "lease-n" not in {thread.name for thread in threading.enumerate()}


def test_a_bug_in_a_round_does_not_end_the_election(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    api = Api(store)
    keeper = LeaseKeeper(api, "here", "n", "one")
    store.before = lambda: 1 // 0  # type: ignore[assignment]
    keeper.start()
    eventually(lambda: "A round of the election" in caplog.text)
    store.before = lambda: None
    keeper.stop()
    assert "ZeroDivisionError" in caplog.text
