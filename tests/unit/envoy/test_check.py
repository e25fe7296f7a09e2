"""A snapshot with one bug in it: what is said, about whom, and what is left when it is left out."""

from dataclasses import replace

import pytest
from envoy.config.cluster.v3 import cluster_pb2

from modelfleet.envoy import check
from modelfleet.envoy.check import Seen, without_defective
from modelfleet.envoy.resource import XdsResource, resource_of
from tests.unit.envoy.snapshots import (
    A,
    B,
    aggregate,
    cluster,
    eds,
    endpoints,
    left,
    resources,
    route,
    scope,
    secret,
    table,
    told,
)

WHOLE = (eds(), endpoints(), table(route()), scope())


def messages(one: XdsResource) -> list[str]:
    return [defect.message for defect in without_defective([one])[1]]


def test_a_whole_and_closed_snapshot_has_no_defect() -> None:
    assert told(*WHOLE) == []
    assert without_defective(resources(*WHOLE)) == (tuple(resources(*WHOLE)), ())


def test_nothing_has_no_defect() -> None:
    assert without_defective([]) == ((), ())


def test_a_defect_names_the_resource_and_its_owners() -> None:
    _, (defect,) = without_defective([resource_of("c", cluster_pb2.Cluster(name="c", lb_policy=77), [A, B])])
    assert defect.type_url == "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    assert (defect.name, defect.owners) == ("c", frozenset({A, B}))
    assert defect.message == "lb_policy: is no value of its enum"
    assert str(defect) == 'Cluster "c": lb_policy: is no value of its enum'


def test_bytes_that_are_no_message_are_told() -> None:
    broken = replace(resource_of("c", cluster()), body=b"\xff")
    assert messages(broken) == ["the bytes are no message of this type"]


@pytest.mark.parametrize("type_url", ["type.googleapis.com/nobody.Knows", "envoy.config.cluster.v3.Cluster"])
def test_a_type_that_nobody_knows_is_told(type_url: str) -> None:
    strange = replace(resource_of("c", cluster()), type_url=type_url)
    assert messages(strange) == [f"{type_url} is no type that is known here"]


def test_a_resource_goes_under_its_own_name() -> None:
    said = "is not the name under which the resource is sent"
    assert messages(resource_of("d", cluster())) == [f"name: {said}"]
    assert messages(resource_of("d", endpoints())) == [f"cluster_name: {said}"]


@pytest.mark.parametrize("name", ["a b", "ä", "a\n", "\t", " "])
def test_a_name_is_printable_ascii(name: str) -> None:
    assert "the name must be printable ASCII without spaces" in " ".join(told(cluster(name)))


def test_a_name_is_not_empty_and_not_endless() -> None:
    assert "has no name" in messages(resource_of("", cluster("")))
    assert told(cluster("a" * 1024)) == []
    assert [text.split(": ")[1] for text in told(cluster("a" * 1025))] == ["the name has more than 1024 bytes"]


def test_a_sentence_stays_on_its_line() -> None:
    assert "\n" not in "".join(told(cluster("a\nb"), table(route(cluster="c\nd"))))


def test_the_second_of_one_name_is_told_and_left_out() -> None:
    first, second = cluster(), cluster(lb_policy=cluster_pb2.Cluster.RANDOM)
    both = [*resources(first), *resources(second, owner=B)]
    kept, (defect,) = without_defective(both)
    assert defect.owners == {B}
    assert defect.message == 'has the name of "c", made from RoutingPolicy default/a, which comes first'
    assert kept == (both[0],)


def test_the_very_same_resource_twice_is_told() -> None:
    (one,) = resources(cluster())
    kept, defects = without_defective([one, one])
    assert (kept, len(defects)) == ((one,), 1)


def test_one_name_may_belong_to_several_types() -> None:
    assert told(eds("x"), endpoints("x"), secret("x")) == []


def test_of_one_name_the_sound_one_stays() -> None:
    assert left(cluster(lb_policy=77), cluster()) == ["c"]


def test_an_eds_cluster_needs_its_endpoints() -> None:
    assert told(eds()) == ['Cluster "c": eds_cluster_config: there is no ClusterLoadAssignment "c"']
    assert told(eds(service="d"), endpoints("d")) == []
    assert told(eds(service="d"), endpoints("c")) != []


def test_endpoints_in_a_file_are_not_asked_for() -> None:
    made = eds()
    made.eds_cluster_config.eds_config.path_config_source.path = "/x"
    assert told(made) == []


def test_a_scope_needs_its_routes() -> None:
    assert told(scope()) == [
        'ScopedRouteConfiguration "s": route_configuration_name: there is no RouteConfiguration "r"'
    ]


def test_two_scopes_of_one_key_are_told_and_the_first_stays() -> None:
    base = (cluster(), table(route()))
    (text,) = told(*base, scope("s"), scope("t"))
    assert text == (
        'ScopedRouteConfiguration "t": has the key of "s", made from RoutingPolicy default/a, which comes first'
    )
    assert left(*base, scope("s"), scope("t")) == ["c", "r", "s"]
    assert told(*base, scope("s"), scope("t", key="l")) == []


def test_a_scope_that_does_not_close_displaces_no_other() -> None:
    assert left(cluster(), table(route()), scope("s", routes="gone"), scope("t")) == ["c", "r", "t"]


def test_a_resource_is_not_too_large() -> None:
    made = secret()
    made.validation_context.trusted_ca.inline_string = "x" * check.MAX_RESOURCE
    (text,) = told(made)
    assert text.endswith("and 1048576 are the most")


def test_of_too_much_the_largest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large, whole = cluster("small"), cluster("large", alt_stat_name="x" * 100), cluster("whole")
    monkeypatch.setattr(check, "MAX_TOTAL", 50)
    assert left(small, large, whole) == ["small", "whole"]
    assert [text.split(":")[0] for text in told(small, large, whole)] == ['Cluster "large"']


def test_only_the_first_of_many_sentences_about_one_resource_are_told() -> None:
    messages = [text.split('"r": ')[1] for text in told(table(*[route(f"/{index}") for index in range(30)]))]
    assert len(messages) == 11
    assert messages[-1] == "and 20 more"
    ten = [route(f"/{index}") for index in range(10)]
    assert len(told(table(*ten))) == 10


def test_what_needs_what_is_left_out_is_left_out_and_nothing_else() -> None:
    bad = (cluster("bad", lb_policy=77), aggregate("c", "bad"), table(route(cluster="all"), name="rb"))
    good = (eds(), endpoints(), table(route()), scope())
    kept, defects = without_defective(resources(*bad, scope("sb", "kb", "rb"), *good))
    assert kept == tuple(resources(*good))
    assert [defect.name for defect in defects] == ["bad", "all", "rb", "sb"]


def test_what_is_kept_has_no_defect_and_keeps_its_order() -> None:
    mixed = resources(scope(), table(route()), scope("t", "u", "gone"), endpoints(), eds(), eds("e"))
    kept, defects = without_defective(mixed)
    assert list(kept) == [mixed[0], mixed[1], mixed[3], mixed[4]]
    assert [defect.name for defect in defects] == ["t", "e"]
    assert without_defective(kept) == (kept, ())


def test_bytes_that_were_seen_are_not_opened_again() -> None:
    seen: Seen = {}
    made = resources(*WHOLE)
    assert without_defective(made, seen=seen) == (tuple(made), ())
    blind = [replace(one, body=b"\xff") for one in made]
    assert without_defective(blind, seen=seen) == (tuple(blind), ())
    assert without_defective(blind)[0] == ()


def test_what_was_seen_is_forgotten_when_it_is_gone() -> None:
    seen: Seen = {}
    without_defective(resources(*WHOLE), seen=seen)
    without_defective(resources(*WHOLE[:2]), seen=seen)
    assert {name for _, name, _ in seen} == {"c"}
    assert len(seen) == 2
