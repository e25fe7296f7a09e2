"""A hosted model is asked, and given a key, only when it proves who it is."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dataplane.support.expect import said, unavailable
from tests.dataplane.support.fleets import fleet, hosted, once, simple
from tests.dataplane.support.gateway import RealGateway, Settings
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.support.authority import Authority

KEY = "sk-over-tls"
OWN = {"secretRef": {"name": "keys", "key": "token"}}


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"), "trusted")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


def policies(port: int, host: str) -> str:
    return fleet(hosted("m", f"https://{host}:{port}/base", OWN), once(simple("m")))


def serve(tls: ssl.SSLContext) -> ScriptedUpstream:
    return ScriptedUpstream(chat_answer("engine"), tls=tls)


def gateway_for(upstream: ScriptedUpstream, roots: Path, host: str = "localhost") -> RealGateway:
    return RealGateway(policies(upstream.port, host), {}, {"keys": {"token": KEY}}, Settings(roots=roots))


@pytest.fixture(scope="module")
def upstream(trusted: Authority) -> Iterator[ScriptedUpstream]:
    with serve(trusted.context("localhost")) as upstream:
        yield upstream


# Whatever the caller calls the gateway, it is the hosted model that has to prove its name.
@pytest.mark.parametrize("asked", ["", "ai.example.com", "localhost", "127.0.0.1:80", "[::1]"])
@pytest.mark.parametrize(("host", "name"), [("localhost", "localhost"), ("127.0.0.1", "127.0.0.1")])
def test_a_host_that_proves_its_name_gets_the_request_and_the_key(
    trusted: Authority, host: str, name: str, asked: str
) -> None:
    headers = {"authorization": "Bearer caller-secret"} | ({"host": asked} if asked else {})
    with serve(trusted.context(name)) as upstream, gateway_for(upstream, trusted.roots, host) as gateway:
        answer = gateway.ask("m", headers)
        assert (answer.status, answer.complete, said(answer)["model"]) == (200, True, "m"), answer.text
        seen = upstream.requests[-1]
        assert seen.path == "/base/chat/completions"
        assert seen.header("host") == f"{host}:{upstream.port}"
        assert seen.header_values("authorization") == [f"Bearer {KEY}"]


def assert_never_asked(upstream: ScriptedUpstream, roots: Path, host: str = "localhost") -> None:
    since = len(upstream.requests)
    with gateway_for(upstream, roots, host) as gateway:
        for asked in ("gateway.example", "elsewhere.example", "localhost", "127.0.0.2"):
            record = unavailable(gateway, gateway.ask("m", {"host": asked}), 503, "connect")
            assert record["served"] is None
        assert KEY not in gateway.envoy.text() + gateway.records.text()
    assert upstream.requests[since:] == []


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("localhost", ["elsewhere.example"]),
        ("localhost", ["localhost.example", "x.localhost", "127.0.0.1"]),
        ("127.0.0.1", ["localhost", "127.0.0.2"]),
    ],
)
def test_a_host_of_another_name_is_not_asked(trusted: Authority, host: str, names: list[str]) -> None:
    with serve(trusted.context(*names)) as upstream:
        assert_never_asked(upstream, trusted.roots, host)


def test_a_host_that_an_unknown_authority_vouches_for_is_not_asked(
    upstream: ScriptedUpstream, trusted: Authority, stranger: Authority
) -> None:
    assert_never_asked(upstream, stranger.roots)
    with serve(stranger.context("localhost")) as other:
        assert_never_asked(other, trusted.roots)


def test_a_host_without_tls_is_not_asked(trusted: Authority) -> None:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        # Our greeting is no HTTP to it, which it complains of; it must not have been a request.
        with gateway_for(upstream, trusted.roots) as gateway:
            unavailable(gateway, gateway.ask("m"), 503, "connect")
        assert upstream.requests == []
        upstream.book.failures.clear()
