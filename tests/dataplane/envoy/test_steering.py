"""Headers by which a caller, or an upstream, tries to steer what is not theirs."""

from collections.abc import Iterator

import pytest

from tests.dataplane.support.client import chat, send_raw
from tests.dataplane.support.expect import SAID, error_of, said
from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.steps import Stall, chat_answer
from tests.dataplane.support.steps import answer as whole
from tests.dataplane.support.upstream import ScriptedUpstream

FLEET = fleet(
    model("small"),
    model("big"),
    policy(
        "auto",
        """
        serves: {models: [auto]}
        tiers: [{name: light, models: [{name: small}]}, {name: heavy, models: [{name: big}]}]
        rules:
        - {name: spoof, when: {missing: ["header:x-present"], headers: {x-envoy-force: "1"}}, tier: heavy}
        breaker: {consecutive: 1000}
        retries: {attempts: 0}
        """,
    ),
    policy(
        "brisk",
        """
        serves: {models: [brisk]}
        tiers: [{name: light, models: [{name: small}]}]
        timeouts: {total: 300ms}
        breaker: {consecutive: 1000}
        """,
    ),
    policy(
        "elsewhere", "{serves: {models: [auto], hosts: [b.example]}, tiers: [{name: heavy, models: [{name: big}]}]}"
    ),
)
OURS = (*SAID, "scope", "target", "stream", "upstream", "anything")
SPOOFS = {
    **{f"x-modelfleet-{name}": "b.example|auto" for name in OURS},
    "X-ModelFleet-Target": "default/big",
    "x-modelfleet-stream": "1",
    "x-envoy-upstream-rq-timeout-ms": "60000",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-envoy-retry-on": "5xx",
    "x-envoy-max-retries": "5",
    "x-envoy-original-path": "/v1/models",
    "x-envoy-expected-rq-timeout-ms": "1",
    "x-envoy-upstream-alt-stat-name": "x",
    "x-envoy-force-trace": "1",
    "x-envoy-internal": "true",
    "x-envoy-decorator-operation": "x",
    "x-envoy-attempt-count": "7",
    "x-envoy-hedge-on-per-try-timeout": "true",
    "x-envoy-force": "1",
    "x-request-id": "mine",
}


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, ScriptedUpstream]]:
    with ScriptedUpstream() as small, ScriptedUpstream() as big:
        yield {"small": small, "big": big}


@pytest.fixture(scope="module")
def running(upstreams: dict[str, ScriptedUpstream]) -> Iterator[RealGateway]:
    with RealGateway(FLEET, {name: upstream.address for name, upstream in upstreams.items()}) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: RealGateway, upstreams: dict[str, ScriptedUpstream]) -> RealGateway:
    for upstream in upstreams.values():
        upstream.script = chat_answer("engine")
    return running


@pytest.mark.parametrize("name", SPOOFS)
def test_a_callers_header_changes_nothing(
    gateway: RealGateway, upstreams: dict[str, ScriptedUpstream], name: str
) -> None:
    plain = said(gateway.ask("auto"))
    headers = {name: SPOOFS[name]}
    for header in (headers, {name.upper(): SPOOFS[name]}):
        answer = gateway.ask("auto", header)
        assert answer.status == 200
        told = said(answer)
        assert told["request-id"] not in {plain["request-id"], SPOOFS[name]}
        assert {**told, "request-id": ""} == {**plain, "request-id": ""}
        assert gateway.record(answer)["stream"] is False
    seen = upstreams["small"].requests[-1]
    assert [header for header, _ in seen.headers if header.startswith(("x-modelfleet", "x-envoy"))] == []


def test_all_of_them_at_once_change_nothing(gateway: RealGateway, upstreams: dict[str, ScriptedUpstream]) -> None:
    before = len(upstreams["big"].requests)
    answer = gateway.ask("auto", [*SPOOFS.items(), *SPOOFS.items()])
    assert (answer.status, said(answer)["model"]) == (200, "small")
    assert len(upstreams["big"].requests) == before


def test_a_callers_header_lengthens_no_time_and_repeats_nothing(
    gateway: RealGateway, upstreams: dict[str, ScriptedUpstream]
) -> None:
    upstreams["small"].script = [Stall()]
    before = len(upstreams["small"].requests)
    answer = gateway.ask("brisk", SPOOFS)
    error_of(answer, 504, "timeout")
    assert answer.total_s < 8
    upstreams["small"].script = whole(500, b"{}")
    assert gateway.ask("auto", SPOOFS).status == 503
    assert len(upstreams["small"].requests) == before + 2


def test_a_header_that_is_sent_as_a_trailer_or_in_the_connection_header_changes_nothing(gateway: RealGateway) -> None:
    body = chat("auto")
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        "connection: x-modelfleet-target, x-modelfleet-scope\r\nx-modelfleet-target: default/big\r\n"
        "trailer: x-modelfleet-target\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chunk = b"%x\r\n%b\r\n0\r\nx-modelfleet-target: default/big\r\n\r\n" % (len(body), body)
    told = send_raw(gateway.address, head.encode() + chunk)
    assert (told.status, said(told)["model"]) == (200, "small")


def test_what_an_upstream_says_in_our_name_never_reaches_the_caller(
    gateway: RealGateway, upstreams: dict[str, ScriptedUpstream]
) -> None:
    spoofs = [(f"x-modelfleet-{name}", "evil") for name in (*SAID, "upstream")]
    for status in (200, 400, 429, 500):
        upstreams["small"].script = whole(status, b"{}", spoofs)
        told = gateway.ask("auto")
        assert "evil" not in said(told).values()
        record = gateway.record(told)
        assert "evil" not in str(record)
        assert record["attempts"][0]["status"] == status
        assert record["attempts"][0]["reason"] in {"ok", "overload", "5xx"}


# Nothing steers by them, but a reader may take them for ours.
def test_no_header_that_is_ours_is_an_upstreams(gateway: RealGateway, upstreams: dict[str, ScriptedUpstream]) -> None:
    others = [(f"x-modelfleet-{name}", "evil") for name in OURS]
    upstreams["small"].script = whole(200, b"{}", others)
    said(gateway.ask("auto"))
