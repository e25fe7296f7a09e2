"""Who is asked where nobody names the replicas, and what is said where that cannot be found out."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modelfleet.controllers import reports
from modelfleet.kube.errors import Forbidden, ServerError
from tests.unit.controllers.telling import Desk, Telling, document, generation, total, until


def test_replicas_are_looked_for_behind_their_service_and_pods_of_gateways_beside_them(
    desk: Desk, replica: Telling
) -> None:
    desk.getter.has(replica)
    assert desk.start().reported(5).gateways["edge"].total == 1
    assert desk.getter.asked[:2] == [
        (
            "/apis/discovery.k8s.io/v1/namespaces/fleet/endpointslices",
            "app.kubernetes.io/part-of=modelfleet,app.kubernetes.io/component=xds",
        ),
        ("/api/v1/namespaces/fleet/pods", "modelfleet.dev/gateway"),
    ]


def test_where_there_is_no_replica_it_is_said_what_to_do(desk: Desk) -> None:
    assert desk.start().reported(5).silence == (
        'no gateway has reported yet: no xds replica is found in namespace "fleet"; run modelfleet xds with --metrics'
        " behind a Service there, or have the operator given --xds"
    )


def test_a_replica_that_comes_is_found_and_one_that_goes_is_forgotten_after_a_while(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "COUNTED_S", 0.4)
    desk.getter.has(replica)
    reader = desk.start()
    reader.reported(5)
    other = Telling(document(1, "gw-1"))
    desk.getter.has(replica, other)
    until(lambda: total(reader) == 2)
    replica.die()
    desk.getter.has(other)
    until(lambda: reader.silent() == {other.address: 0.0})
    assert total(reader) == 2, "its Envoys still have what they had"
    until(lambda: total(reader) == 1)
    other.die()


def test_a_ready_pod_that_no_replica_knows_is_missed(desk: Desk, replica: Telling) -> None:
    desk.getter.has_pods("gw-0", "gw-1")
    reader = desk.start(replica.address)
    reader.reported(5)
    until(lambda: reader.reported(0).gateways["edge"].cut_off == ("gw-1",))
    desk.changes.clear()
    desk.getter.has_pods("gw-0")
    until(lambda: bool(desk.changes))
    assert reader.reported(0).gateways["edge"].cut_off == ()


def forbidden(what: str) -> Forbidden:
    return Forbidden(f"{what} is forbidden: User cannot list", status=403, reason="Forbidden")


def test_without_the_right_to_look_for_replicas_it_is_said_which_one_is_missing_and_nobody_waits(
    desk: Desk, replica: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    desk.getter.slices = forbidden("endpointslices")
    reader = desk.start()
    began = time.monotonic()
    assert reader.reported(5).silence == (
        "xds replicas cannot be looked for: 403 Forbidden: endpointslices is forbidden: User cannot list"
    )
    assert time.monotonic() - began < 1
    desk.getter.rounds(3)
    assert desk.telemetry.registry.get_sample_value(
        "modelfleet_rbac_denied_total", {"verb": "list", "resource": "endpointslices"}
    )
    assert caplog.text.count("endpointslices cannot be listed") == 1
    desk.getter.has(replica)
    until(lambda: total(reader) == 1)


def test_without_the_right_to_pods_replicas_are_found_and_it_is_said_once(
    desk: Desk, replica: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    desk.getter.has(replica)
    desk.getter.pods = forbidden("pods")
    assert desk.start().reported(5).gateways["edge"].total == 1
    desk.getter.rounds(3)
    assert caplog.text.count("pods cannot be listed") == 1
    assert desk.telemetry.registry.get_sample_value(
        "modelfleet_rbac_denied_total", {"verb": "list", "resource": "pods"}
    )


def test_an_api_server_in_trouble_takes_nothing_back_of_what_is_known(desk: Desk, replica: Telling) -> None:
    desk.getter.has(replica)
    desk.getter.has_pods("gw-0", "gw-1")
    reader = desk.start()
    reader.reported(5)
    until(lambda: total(reader) == 2)
    desk.changes.clear()
    desk.getter.slices = desk.getter.pods = ServerError("down", status=500, reason="InternalError")
    desk.getter.rounds(3)
    assert (total(reader), desk.changes) == (2, [])
    replica.tell(document(2, "gw-0", generation=2))
    until(lambda: generation(reader) == 2)
    replica.tell(document(3, "gw-0", generation=3))
    until(lambda: generation(reader) == 3)
    assert reader.silent() == {replica.address: 0.0}


def test_an_api_server_in_trouble_at_the_start_is_waited_for_a_moment(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an operator that starts would take back for all policies what the one before it knew."""
    monkeypatch.setattr(reports, "LOOK_S", 60)
    desk.getter.slices = ServerError("down", status=500, reason="InternalError")
    reader = desk.start()
    desk.getter.rounds(1)
    desk.getter.has(replica)
    assert reader.reported(5).silence == ""
    desk.getter.slices = ServerError("down", status=500, reason="InternalError")
    other = desk.start()
    began = time.monotonic()
    assert other.reported(5).silence == "no gateway has reported yet"
    assert 0.4 <= time.monotonic() - began < 2


def test_a_mistake_of_ours_ends_one_look_and_not_all(desk: Desk, replica: Telling) -> None:
    desk.getter.has(replica)
    desk.getter.slices, kept = {"items": Odd()}, desk.getter.slices
    reader = desk.start()
    desk.getter.rounds(1)
    desk.getter.slices = kept
    until(lambda: total(reader) == 1)


class Odd(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("a mistake")
