"""Models that somebody else serves: where requests go, with whose credentials, and what comes back."""

from collections.abc import Iterator

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Request, chat
from tests.dataplane.support.expect import error_of, said, unavailable
from tests.dataplane.support.fleets import fleet, hosted, model, once, simple
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.headers import HeadersLike
from tests.dataplane.support.received import Received
from tests.dataplane.support.steps import answer as whole
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream

KEY, ROTATED = "sk-frontier-first", "sk-frontier-second"
SECRETS = {"keys": {"token": KEY, "other": "x"}}
CALLERS = {
    "authorization": "Bearer caller-secret",
    "x-api-key": "caller-secret",
    "api-key": "caller-secret",
    "x-goog-api-key": "caller-secret",
    "cookie": "session=caller-secret",
    "proxy-authorization": "Basic caller-secret",
}
OWN = {"secretRef": {"name": "keys", "key": "token"}}
PASS = {"passThrough": True}
NAMES = ("keyed", "rooted", "named", "open", "passing", "local")


def policies(port: int) -> str:
    here = f"http://127.0.0.1:{port}"
    return fleet(
        hosted("keyed", f"{here}/openai/v2", OWN),
        hosted("rooted", f"{here}/", OWN),
        hosted("named", f"http://localhost:{port}/v1", OWN),
        hosted("open", f"{here}/v1"),
        hosted("passing", f"{here}/v1/", PASS),
        model("local"),
        *(once(simple(name)) for name in NAMES),
    )


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def running(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    with RealGateway(policies(upstream.port), {"local": upstream.address}, SECRETS) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: RealGateway, upstream: ScriptedUpstream) -> RealGateway:
    upstream.script = chat_answer("engine")
    return running


def heard(
    gateway: RealGateway, upstream: ScriptedUpstream, served: str, path: str = CHAT, headers: HeadersLike = ()
) -> Received:
    """What the upstream got of a request that went well."""
    answer = gateway.send(Request(path, chat(served), headers))
    assert answer.status == 200, answer
    return upstream.requests[-1]


@pytest.mark.parametrize(
    ("served", "path", "expected"),
    [
        ("keyed", "/v1/chat/completions", "/openai/v2/chat/completions"),
        ("keyed", "/v1/embeddings?a=b&c=/v1/", "/openai/v2/embeddings?a=b&c=/v1/"),
        ("keyed", "/v1/x/v1/y", "/openai/v2/x/v1/y"),
        ("rooted", "/v1/chat/completions", "/chat/completions"),
        ("named", "/v1/chat/completions", "/v1/chat/completions"),
        ("passing", "/v1/chat/completions?x", "/v1/chat/completions?x"),
        ("local", "/v1/chat/completions?x", "/v1/chat/completions?x"),
    ],
)
def test_the_path_begins_as_the_address_does(
    gateway: RealGateway, upstream: ScriptedUpstream, served: str, path: str, expected: str
) -> None:
    assert heard(gateway, upstream, served, path).path == expected


def test_the_host_is_that_of_the_address(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    host = {"host": "ai.example.com"}
    assert heard(gateway, upstream, "keyed", headers=host).header("host") == f"127.0.0.1:{upstream.port}"
    assert heard(gateway, upstream, "named", headers=host).header("host") == f"localhost:{upstream.port}"


def test_the_gateway_sends_its_own_key_and_nothing_of_the_callers(
    gateway: RealGateway, upstream: ScriptedUpstream
) -> None:
    for headers in ((), CALLERS, [("Authorization", "a"), ("AUTHORIZATION", "b")]):
        seen = heard(gateway, upstream, "keyed", headers=headers)
        assert seen.header_values("authorization") == [f"Bearer {KEY}"]
        assert "caller-secret" not in str(seen.headers)


@pytest.mark.parametrize("served", ["open", "local"])
def test_a_model_without_credentials_gets_none(gateway: RealGateway, upstream: ScriptedUpstream, served: str) -> None:
    seen = heard(gateway, upstream, served, headers=CALLERS)
    assert [name for name, _ in seen.headers if name in CALLERS] == []
    assert "caller-secret" not in str(seen.headers)


def test_the_callers_own_credentials_go_along_where_they_are_passed_through(
    gateway: RealGateway, upstream: ScriptedUpstream
) -> None:
    seen = heard(gateway, upstream, "passing", headers=CALLERS)
    assert seen.header("authorization") == "Bearer caller-secret"
    assert {seen.header(name) for name in ("x-api-key", "api-key", "x-goog-api-key")} == {"caller-secret"}


def test_a_hosted_model_hears_its_own_name(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    assert heard(gateway, upstream, "keyed").json()["model"] == "engine-keyed"


def test_the_record_says_that_it_was_served_elsewhere(gateway: RealGateway) -> None:
    served = gateway.record(gateway.ask("keyed"))["served"]
    assert (served["hardware"], served["model"], served["tier"]) == ("external", "keyed", "only")


def test_a_key_that_was_changed_is_used_at_once(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    gateway.apply(secrets={"keys": {"token": ROTATED, "other": "x"}})
    assert heard(gateway, upstream, "keyed").header("authorization") == f"Bearer {ROTATED}"
    gateway.apply(secrets=SECRETS)
    assert heard(gateway, upstream, "keyed").header("authorization") == f"Bearer {KEY}"


def test_a_key_with_a_line_end_is_sent_without_it(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    gateway.apply(secrets={"keys": {"token": f"{ROTATED}\n"}})
    assert heard(gateway, upstream, "keyed").header("authorization") == f"Bearer {ROTATED}"
    gateway.apply(secrets=SECRETS)


def test_what_is_logged_and_shown_has_no_credential_in_it(gateway: RealGateway) -> None:
    gateway.ask("keyed", CALLERS)
    gateway.ask("passing", CALLERS)
    shown = gateway.envoy.text() + gateway.records.text() + gateway.envoy.ask("/config_dump?include_eds")[1]
    for secret in (KEY, ROTATED, "caller-secret"):
        assert secret not in shown


# What comes back.

BLAME = b'{"error": {"message": "the key sk-*** is wrong", "code": "whatever"}}'


def told(
    gateway: RealGateway, upstream: ScriptedUpstream, served: str, status: int, headers: HeadersLike = ()
) -> Answer:
    upstream.script = whole(status, BLAME, [("content-type", "application/problem"), *headers])
    return gateway.ask(served)


@pytest.mark.parametrize("served", ["keyed", "open", "local"])
@pytest.mark.parametrize("status", [401, 403])
def test_that_an_upstream_refuses_our_key_is_not_the_callers_fault(
    gateway: RealGateway, upstream: ScriptedUpstream, served: str, status: int
) -> None:
    answer = told(gateway, upstream, served, status, [("www-authenticate", 'Bearer realm="them"')])
    assert_softened(gateway, answer, status, "5xx")
    assert answer.header("www-authenticate") is None


@pytest.mark.parametrize("served", ["keyed", "passing", "local"])
def test_that_an_upstream_is_overloaded_is_not_the_callers_fault(
    gateway: RealGateway, upstream: ScriptedUpstream, served: str
) -> None:
    answer = told(gateway, upstream, served, 429, [("retry-after", "17")])
    assert_softened(gateway, answer, 429, "overload")
    assert answer.header("retry-after") == "17"


def assert_softened(gateway: RealGateway, answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.complete) == (503, True), answer
    assert answer.header("retry-after")
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.json()["error"]["code"] == reason
    assert answer.json()["error"]["type"] == "api_error"
    assert b"sk-" not in answer.body
    assert (said(answer)["reason"], said(answer)["attempts"]) == (reason, "1")
    record = gateway.record(answer)
    (attempt,) = record["attempts"]
    assert (attempt["status"], attempt["reason"], record["status"]) == (status, reason, 503)


@pytest.mark.parametrize("status", [401, 403])
def test_a_caller_who_brings_a_key_is_told_that_it_is_wrong(
    gateway: RealGateway, upstream: ScriptedUpstream, status: int
) -> None:
    answer = told(gateway, upstream, "passing", status, [("www-authenticate", "Bearer")])
    assert (answer.status, answer.body) == (status, BLAME)
    assert answer.header("content-type") == "application/problem"
    assert answer.header("www-authenticate") == "Bearer"
    assert said(answer)["reason"] == "wanted"


@pytest.mark.parametrize("served", ["keyed", "local"])
@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 451])
def test_what_blames_the_caller_rightly_comes_through_byte_for_byte(
    gateway: RealGateway, upstream: ScriptedUpstream, served: str, status: int
) -> None:
    answer = told(gateway, upstream, served, status, [("x-their-own", "1")])
    assert (answer.status, answer.body, answer.header("x-their-own")) == (status, BLAME, "1")
    assert answer.header("content-type") == "application/problem"
    record = gateway.record(answer)
    (attempt,) = record["attempts"]
    assert (attempt["status"], attempt["reason"]) == (status, "ok")
    assert record["status"] == status


FAILURES = {500: "5xx", 501: "5xx", 502: "5xx", 504: "5xx", 599: "5xx", 503: "overload", 529: "overload"}


@pytest.mark.parametrize("served", ["keyed", "local"])
@pytest.mark.parametrize("status", FAILURES)
def test_a_failure_of_the_host_is_told_in_our_words(
    gateway: RealGateway, upstream: ScriptedUpstream, served: str, status: int
) -> None:
    # Each failure is followed by a success, so that the replica is not ejected.
    gateway.ask(served)
    assert_softened(gateway, told(gateway, upstream, served, status), status, FAILURES[status])
    upstream.script = chat_answer("engine")
    assert gateway.ask(served).status == 200


def test_an_upstream_that_is_not_there_is_told_as_such(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    with upstream.refuse():
        answer = gateway.ask("rooted")
    record = unavailable(gateway, answer, 503, "connect")
    assert record["served"] is None
    assert record["attempts"][0]["reason"] == "connect"
    error_of(answer, 503, "connect")
