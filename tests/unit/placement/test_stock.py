"""What there is of a class, who holds it, and what is free, as statuses tell it."""

from dataclasses import replace

from modelfleet.placement.ledger import PLENTY, Ledger, Lot, fitting
from modelfleet.placement.stock import Stock, Units
from tests.support.placing import Ground, a_class, a_model, a_node, a_pod, a_taint, key_of, nodes_of

DOCUMENTS = a_class("a"), a_class("b"), a_model("m", "a", "b")


def stock(ground: Ground) -> Stock:
    return Stock(ground.snapshot())


def test_units_are_those_of_ready_nodes_less_what_pods_hold() -> None:
    nodes = a_node("a-0", "a", gpus=4), a_node("a-1", "a", gpus=8), a_node("a-2", "a", gpus=2, ready=False)
    pods = a_pod("m", "a", "a-0", units=3), a_pod("x", "a", "a-1", units=2), a_pod("x", "a", number=1)
    assert stock(Ground(DOCUMENTS, nodes, pods)).units("a") == Units(total=12, used=5, free=7)


def test_what_is_on_its_way_out_is_held_and_what_has_ended_is_not() -> None:
    pods = replace(a_pod("m", "a", "a-0"), terminating=True), replace(a_pod("m", "a", "a-1"), ended=True)
    assert stock(Ground(DOCUMENTS, nodes_of("a", 3), pods)).units("a") == Units(total=3, used=1, free=2)


def test_cordoned_and_tainted_nodes_have_units_and_none_of_them_free() -> None:
    nodes = a_node("a-0", "a", schedulable=False), a_node("a-1", "a", taints=(a_taint(),)), a_node("a-2", "a")
    assert stock(Ground(DOCUMENTS, nodes)).units("a") == Units(total=3, used=0, free=1)


def test_max_units_bounds_what_there_is_and_what_is_free() -> None:
    documents = a_class("a", capacity={"maxUnits": 4}), a_model("m", "a")
    assert stock(Ground(documents, nodes_of("a", 9))).units("a") == Units(total=4, used=0, free=4)
    pods = tuple(a_pod("m", "a", f"a-{number}") for number in range(3))
    assert stock(Ground(documents, nodes_of("a", 9), pods)).units("a") == Units(total=4, used=3, free=1)


def test_what_pods_of_another_class_hold_on_shared_nodes_is_not_free() -> None:
    wide = a_class("wide", nodes={"selector": {"topology.kubernetes.io/region": "eu"}})
    pods = (a_pod("m", "a", "a-0"),)
    found = stock(Ground((*DOCUMENTS, wide), nodes_of("a", 2), pods)).units("wide")
    assert found == Units(total=2, used=0, free=1)


def test_the_scarcest_resource_says_how_many_units_there_are() -> None:
    both = a_class("a", unit={"resources": {"nvidia.com/gpu": 1, "cpu": 3}})
    assert stock(Ground((both,), nodes_of("a", 1, gpus=8))).units("a") == Units(total=2, used=0, free=2)


def test_a_node_that_pods_took_more_of_than_it_has_now_has_nothing_free() -> None:
    pods = tuple(a_pod("m", "a", "a-0", number=number, units=4) for number in range(2))
    assert stock(Ground(DOCUMENTS, nodes_of("a", 1, gpus=6), pods)).units("a") == Units(total=6, used=8, free=0)


def test_of_devices_that_are_claimed_only_those_in_use_are_known() -> None:
    claimed = a_class("a", unit={"deviceClass": "gpu.example.com"})
    found = stock(Ground((claimed,), nodes_of("a", 1), (a_pod("m", "a", "a-0", units=2),)))
    assert found.units("a") == Units(total=None, used=2, free=None)
    assert found.room("a", 1) == PLENTY


def test_units_are_told_by_region() -> None:
    nodes = (*nodes_of("a", 2), a_node("us-0", "a", region="us", gpus=4), a_node("no-0", "a", region=""))
    pods = a_pod("m", "a", "us-0", units=3), a_pod("m", "a", "a-0")
    assert stock(Ground(DOCUMENTS, nodes, pods)).regions("a") == {
        "": Units(total=1, used=0, free=1),
        "eu": Units(total=2, used=1, free=1),
        "us": Units(total=4, used=3, free=1),
    }


def test_who_holds_a_class_is_told_with_the_most_first() -> None:
    pods = a_pod("m", "a", "a-0"), a_pod("x", "a", "a-1", units=2), a_pod("b", "a", "a-2"), a_pod("p", "a")
    found = stock(Ground(DOCUMENTS, nodes_of("a", 3), pods)).holders("a")
    assert found == ((key_of("x"), 2), (key_of("b"), 1), (key_of("m"), 1))


def test_room_is_counted_node_by_node() -> None:
    found = stock(Ground(DOCUMENTS, (*nodes_of("a", 3, gpus=3), a_node("us-0", "a", region="us", gpus=8))))
    assert (found.room("a", 1), found.room("a", 2), found.room("a", 4)) == (17, 7, 2)
    assert (found.room("a", 2, ("eu",)), found.room("a", 2, ("sa",)), found.room("nothing", 1)) == (3, 0, 0)
    largest = [
        found.largest_on(name, found.usable(name, regions)) for name, regions in (("a", ()), ("a", ("eu",)), ("b", ()))
    ]
    assert largest == [8, 3, 0]


def test_nodes_that_have_nothing_of_a_resource_are_counted() -> None:
    nodes = (*nodes_of("a", 2), a_node("x", "a", gpus=0))
    assert stock(Ground(DOCUMENTS, nodes)).lacking("a") == {"nvidia.com/gpu": 1}
    assert stock(Ground(DOCUMENTS, nodes[:2])).lacking("a") == {}


def test_a_class_of_which_nothing_is_known_has_nothing() -> None:
    found = stock(Ground(()))
    assert (found.nodes("a"), dict(found.usable("a")), found.holders("a")) == ((), {}, ())


def test_what_is_taken_is_gone_for_replicas_of_every_size() -> None:
    small, large = Lot((("gpu", 1000),), ("n", "o")), Lot((("gpu", 4000),), ("n", "o"))
    ledger = Ledger({"n": {"gpu": 4000}, "o": {"gpu": 8000}})
    assert (ledger.room(small), ledger.room(large)) == (12, 3)
    ledger.take(small, 1)
    assert (ledger.room(small), ledger.room(large)) == (11, 2)
    ledger.take(large, 9)
    assert (ledger.room(small), ledger.room(large)) == (3, 0)
    ledger.take(small, 9)
    assert (ledger.room(small), ledger.room(large)) == (0, 0)


def test_nothing_asked_fits_everywhere() -> None:
    assert (fitting((), {}), fitting((("gpu", 1),), {}), fitting((("gpu", 1),), {"gpu": -5})) == (PLENTY, 0, 0)
