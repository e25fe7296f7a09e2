"""A gateway with a relay beside it goes on serving, and starts to serve again, whatever else is gone."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelfleet.envoy.types import CLUSTER
from modelfleet.xds.events import Refusal
from tests.dataplane.support.client import Request, chat
from tests.dataplane.support.fleets import Raw, fleet, hosted, model, simple
from tests.dataplane.support.gateway import JSON, Settings
from tests.dataplane.support.ledger import Load
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.relays import NODE, RelayedGateway, Wiper
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream

SOON_S = 5.0
OBJECTS = (model("a"), simple("one", "a"))
MORE = (*OBJECTS, simple("two", "a"))
REFUSED = "trusted"
"""What Envoy says of a file of certificate authorities that is not there: it cannot read the trusted ones."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        yield upstream


def begun(upstream: ScriptedUpstream, *objects: Raw, settings: Settings | None = None) -> RelayedGateway:
    return RelayedGateway(fleet(*(objects or OBJECTS)), {"a": upstream.address}, settings=settings)


@pytest.fixture
def gateway(upstream: ScriptedUpstream) -> Iterator[RelayedGateway]:
    """It serves, and all of it is on disk."""
    with begun(upstream) as gateway:
        gateway.wait_until_kept()
        yield gateway


def asked(_: int) -> Request:
    return Request(body=chat("one"), headers=[JSON])


def updates(gateway: RelayedGateway) -> list[str]:
    """Every update that Envoy has taken or refused since it was started."""
    lines = gateway.envoy.ask("/stats?filter=update_(success|rejected|failure)")[1].splitlines()
    return [line for line in lines if "update_failure" not in line]


# What is left serves.


def test_a_gateway_starts_through_a_relay_that_has_nothing(
    upstream: ScriptedUpstream, evidence: Callable[..., None]
) -> None:
    began = time.monotonic()
    with begun(upstream) as gateway:
        wait_for(lambda: gateway.serves("one"), "it serves")
        seconds = time.monotonic() - began
        assert gateway.plane.nodes == {NODE}
        gateway.wait_until_kept()
        assert gateway.relay.file.stat().st_mode & 0o777 == 0o600
        assert gateway.relay.cache.stat().st_mode & 0o777 == 0o700
    assert seconds < SOON_S
    evidence(first_start_s=round(seconds, 2))


def test_a_killed_gateway_serves_again_while_the_control_plane_is_gone(
    gateway: RelayedGateway, evidence: Callable[..., None]
) -> None:
    gateway.stop_xds()
    gateway.envoy.end(kill=True)
    began = time.monotonic()
    gateway.envoy.start()
    wait_for(lambda: gateway.serves("one"), "it serves again")
    seconds = time.monotonic() - began
    assert seconds < SOON_S
    evidence(again_s=round(seconds, 2))


def test_a_killed_gateway_whose_relay_was_killed_too_serves_again_while_the_control_plane_is_gone(
    gateway: RelayedGateway, evidence: Callable[..., None]
) -> None:
    gateway.stop_xds()
    gateway.envoy.end(kill=True)
    gateway.relay.end(kill=True)
    began = time.monotonic()
    gateway.relay.start()
    gateway.envoy.start()
    wait_for(lambda: gateway.serves("one"), "it serves again")
    seconds = time.monotonic() - began
    assert seconds < SOON_S
    assert gateway.relay.ask("/readyz")[0] == 200
    assert gateway.relay.figure("upstream_connected") == 0
    evidence(again_s=round(seconds, 2))


@pytest.mark.alone
def test_a_relay_that_is_killed_costs_no_request_and_sends_nothing_twice(
    gateway: RelayedGateway, evidence: Callable[..., None]
) -> None:
    before, acknowledged = updates(gateway), dict(gateway.plane.acknowledged)
    assert any("lds.update_success: " in line for line in before)
    with Load(gateway.address, asked, rate=200, limit_s=30) as load:
        load.wait_for(50)
        gateway.relay.end(kill=True)
        load.wait_for(100)
        gateway.plane.forget_settled()
        gateway.relay.start()
        gateway.settle()
        load.wait_for(100)
    load.report().assert_none_lost(250)
    assert updates(gateway) == before
    assert dict(gateway.plane.acknowledged) == acknowledged
    evidence(requests=len(load.report().outcomes))


def test_a_control_plane_that_comes_back_unchanged_has_nothing_to_send(
    gateway: RelayedGateway, evidence: Callable[..., None]
) -> None:
    before, acknowledged = updates(gateway), dict(gateway.plane.acknowledged)
    responses = gateway.relay.figure("responses_total")
    gateway.stop_xds()
    gateway.start_xds()
    # It says of the one type of which this fleet has none that there is none, and nothing else.
    assert gateway.relay.figure("responses_total") - responses == 1
    assert gateway.relay.figure('resources{type="Secret"}') == 0
    assert dict(gateway.plane.acknowledged) == acknowledged
    assert updates(gateway) == before
    began = time.monotonic()
    gateway.apply(fleet(*MORE))
    milliseconds = 1000 * (time.monotonic() - began)
    assert gateway.ask("two").status == 200
    evidence(change_ms=round(milliseconds, 1))


def test_a_change_is_in_force_and_on_disk(gateway: RelayedGateway) -> None:
    gateway.apply(fleet(*MORE))
    gateway.wait_until_kept()
    gateway.stop_xds()
    gateway.relay.end()
    gateway.relay.start()
    gateway.restart_envoy()
    wait_for(lambda: gateway.serves("two"), "the change is served from disk")


# What it may refuse.


def test_what_the_gateway_refuses_the_control_plane_hears_and_the_disk_does_not(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    settings = Settings(refusals_expected=True, errors_expected=True, roots=tmp_path / "no-such-file.pem")
    with begun(upstream, settings=settings) as gateway:
        gateway.wait_until_kept()
        kept = gateway.relay.file.read_bytes()
        secure = (hosted("b", "https://localhost:1/v1"), simple("two", "b"))
        gateway.apply(fleet(*OBJECTS, *secure))
        refusal = gateway.refusals[-1]
        assert refusal.type_url == CLUSTER
        assert [it for it in refusal.owners if it.name == "b"]
        assert str(tmp_path) in refusal.message or REFUSED in refusal.message.lower(), refusal
        assert gateway.relay.figure('responses_total{outcome="refused"}') > 0
        assert gateway.serves("one")
        assert not gateway.serves("two")
        gateway.wait_until_kept()
        assert b"no-such-file" not in gateway.relay.file.read_bytes()
        assert len(gateway.relay.file.read_bytes()) >= len(kept)
        _restart_all_without_control_plane(gateway)
        # Whoever comes back hears of it again, and so does a control plane that does.
        before: list[Refusal] = gateway.refusals
        gateway.start_xds()
        assert [it.names for it in gateway.refusals[len(before) :]] == [refusal.names]


def _restart_all_without_control_plane(gateway: RelayedGateway) -> None:
    gateway.stop_xds()
    gateway.relay.end(kill=True)
    gateway.relay.start()
    gateway.restart_envoy()
    wait_for(lambda: gateway.serves("one"), "it serves from disk")


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize(
    "damage",
    [flipped, lambda data: data[: len(data) // 2], lambda _: b"\0garbage" * 100],
    ids=["flip", "cut", "garbage"],
)
def test_a_damaged_cache_is_not_believed_and_fetched_again(
    gateway: RelayedGateway, damage: Callable[[bytes], bytes]
) -> None:
    good = gateway.relay.file.read_bytes()
    gateway.stop_xds()
    gateway.relay.end(kill=True)
    gateway.relay.file.write_bytes(damage(good))
    gateway.relay.start()
    wait_for(lambda: gateway.relay.ask("/readyz")[0] == 503, "it says that it has nothing")
    assert gateway.relay.text().count("default.xds is not used") == 1
    # The gateway never went, and nothing is taken from it.
    before = updates(gateway)
    assert gateway.serves("one")
    gateway.start_xds()
    assert gateway.serves("one")
    assert updates(gateway) == before
    gateway.wait_until_kept()
    assert len(gateway.relay.file.read_bytes()) == len(good)
    _restart_all_without_control_plane(gateway)


def test_a_control_plane_that_has_lost_everything_takes_nothing_away(gateway: RelayedGateway) -> None:
    kept = gateway.relay.file.read_bytes()
    before = updates(gateway)
    gateway.stop_xds()
    with Wiper(gateway.plane.address) as wiper:
        wait_for(lambda: len(wiper.refused) == len(wiper.told) > 4, "everything is refused")
        assert all("they stay" in message for message in wiper.refused.values())
        assert gateway.serves("one")
    assert updates(gateway) == before
    assert gateway.relay.file.read_bytes() == kept
    _restart_all_without_control_plane(gateway)


@pytest.mark.parametrize("why", ["full", "gone"])
def test_a_disk_that_takes_nothing_keeps_nobody_from_serving(upstream: ScriptedUpstream, why: str) -> None:
    gateway = begun(upstream)
    with gateway:
        gateway.wait_until_kept()
        kept = gateway.relay.file.read_bytes()
        gateway.relay.end()
        gateway.relay.full = why == "full"
        gateway.plane.forget_settled()
        gateway.relay.start()
        gateway.settle()
        if why == "gone":
            gateway.relay.file.rename(gateway.relay.cache.with_name("elsewhere"))
            gateway.relay.cache.rmdir()
            gateway.relay.cache.write_text("in its place")
        gateway.apply(fleet(*MORE))
        assert gateway.serves("two")
        wait_for(lambda: gateway.relay.figure('cache_writes_total{outcome="failed"}') > 0, "it tried")
        gateway.apply(fleet(*OBJECTS))
        if why == "gone":  # where the disk is full there is no room for the log either
            assert gateway.relay.text().count("cannot be written and keeps what it has") == 1
        if why == "full":
            assert gateway.relay.file.read_bytes() == kept
            assert [it.name for it in gateway.relay.cache.iterdir()] == ["default.xds"]
