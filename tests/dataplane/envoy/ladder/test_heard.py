"""What each engine hears of a request that comes to it by a fall or a repeat: its own name, path and credentials."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Request
from tests.dataplane.support.expect import said
from tests.dataplane.support.fleets import Raw, fleet, hosted, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.headers import HeadersLike
from tests.dataplane.support.received import Received
from tests.dataplane.support.steps import Reset, Stall, Step, in_turn, json_answer
from tests.dataplane.support.upstream import ScriptedUpstream

KEY, OTHER = "sk-of-the-first", "sk-of-the-second"
SECRETS = {"keys": {"first": KEY, "second": OTHER}}
CALLERS = {
    "authorization": "Bearer caller-secret",
    "x-api-key": "caller-secret",
    "cookie": "session=caller-secret",
    "x-request-timeout": "20s",
}
NAMES = {
    "own": "Llama/3.1-own",
    "keyed": "engine-keyed",
    "open": "engine-open",
    "rooted": "engine-rooted",
    "passing": "engine-passing",
    "last": "o",
}
"""The engines in the order of the ladder, and what each calls its model."""
PATHS = {"own": "/v1", "keyed": "/openai/v2", "open": "/open", "rooted": "", "passing": "/v1", "last": "/v1"}
BODY = b'{ "messages" : [{"role":"user",\r\n"content":"\\u00dc \xc3\x9c"}],\t"model" :"auto" , "n":1.50,"x":%b}'
MEBIBYTE = 1024 * 1024
GOOD = json_answer(200, '"from last"')
INTERNAL = ("x-modelfleet", "x-envoy")


def secret(key: str) -> dict[str, object]:
    return {"secretRef": {"name": "keys", "key": key}}


def serving(attempts: int) -> Raw:
    tiers = ", ".join(f"{{name: {name}, models: [{{name: {name}}}]}}" for name in NAMES)
    falls = ", ".join(f"{{tier: {name}}}" for name in NAMES)
    retries = f"{{attempts: {attempts}, budgetPercent: 100}}"
    name = f"auto-{attempts}"
    clauses = f"degrade: [{falls}], retries: {retries}, timeouts: {{answer: 5s}}, breaker: {{consecutive: 1000}}"
    return policy(name, f"{{serves: {{models: [auto], hosts: [{name}.example]}}, tiers: [{tiers}], {clauses}}}")


class Engines:
    """All but the last fail; each may be asked what it heard."""

    def __init__(self, stack: ExitStack) -> None:
        self.of = {name: stack.enter_context(ScriptedUpstream()) for name in NAMES}
        at = {name: f"http://127.0.0.1:{self.of[name].port}{path}" for name, path in PATHS.items()}
        objects = [
            model("own", NAMES["own"]),
            hosted("keyed", at["keyed"], secret("first")),
            hosted("open", at["open"]),
            hosted("rooted", f"{at['rooted']}/", secret("second")),
            hosted("passing", at["passing"], {"passThrough": True}),
            model("last", NAMES["last"]),
            *(serving(attempts) for attempts in (0, 1)),
        ]
        own = {name: self.of[name].address for name in ("own", "last")}
        self.gateway = stack.enter_context(RealGateway(fleet(*objects), own, SECRETS))
        self.seen: dict[str, list[Received]] = {}

    def fail(self, steps: list[Step]) -> None:
        for name, engine in self.of.items():
            engine.hold()
            engine.script = GOOD if name == "last" else steps

    def ask(self, body: bytes, attempts: int = 0, path: str = CHAT, headers: HeadersLike = ()) -> Answer:
        """Asks, and sees to it that all engines heard of it as often as they should."""
        self._pay(attempts)
        before = {name: len(engine.requests) for name, engine in self.of.items()}
        told = [*dict(headers).items(), ("host", f"auto-{attempts}.example")]
        answer = self.gateway.send(Request(path, body, told))
        assert (answer.status, answer.text, said(answer)["model"]) == (200, '"from last"', "last"), answer
        self.seen = {name: engine.requests[before[name] :] for name, engine in self.of.items()}
        counts = {name: len(seen) for name, seen in self.seen.items()}
        assert counts == {**dict.fromkeys(NAMES, attempts + 1), "last": 1}
        return answer

    def _pay(self, attempts: int) -> None:
        """The budget has room for one repeat a request, and what follows needs one for each engine that fails."""
        failing, self.of["own"].script = self.of["own"].script, GOOD
        for _ in range(attempts * len(NAMES)):
            assert self.gateway.ask("auto", {"host": f"auto-{attempts}.example"}).status == 200
        self.of["own"].script = failing


@pytest.fixture(scope="module")
def running() -> Iterator[Engines]:
    with ExitStack() as stack:
        yield Engines(stack)


@pytest.fixture
def engines(running: Engines) -> Iterator[Engines]:
    running.fail(json_answer(503))
    yield running
    for engine in running.of.values():
        engine.release()


FAILURES: dict[str, list[Step]] = {
    "a status": json_answer(502),
    "a reset": [Reset()],
}


@pytest.mark.parametrize("steps", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("attempts", [0, 1])
def test_each_engine_hears_its_own_name_and_the_rest_as_it_was_sent(
    engines: Engines, steps: list[Step], attempts: int
) -> None:
    engines.fail(steps)
    body = BODY % b"[1,\t2]"
    engines.ask(body, attempts)
    for name, requests in engines.seen.items():
        for seen in requests:
            assert seen.body == body.replace(b'"auto"', f'"{NAMES[name]}"'.encode())
            assert seen.header("content-length") == str(len(seen.body))
            assert seen.header("transfer-encoding") is None


@pytest.mark.parametrize("attempts", [0, 1])
def test_a_body_of_a_mebibyte_is_sent_again_whole(engines: Engines, attempts: int) -> None:
    body = BODY % (b'"' + bytes(range(0x61, 0x7B)) * (MEBIBYTE // 26) + b'"')
    engines.ask(body, attempts)
    for name, requests in engines.seen.items():
        for seen in requests:
            assert seen.body == body.replace(b'"auto"', f'"{NAMES[name]}"'.encode())
            assert seen.header("content-length") == str(len(seen.body))


def test_a_body_that_came_packed_or_in_chunks_is_sent_again_whole(engines: Engines) -> None:
    body = BODY % b"0"
    engines.ask(gzip.compress(body), headers={"content-encoding": "gzip"})
    assert {name: seen[0].body for name, seen in engines.seen.items()} == {
        name: body.replace(b'"auto"', f'"{own}"'.encode()) for name, own in NAMES.items()
    }
    assert {seen[0].header("content-encoding") for seen in engines.seen.values()} == {None}


@pytest.mark.parametrize("attempts", [0, 1])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings?a=b&c=/v1/", "/v1/x/v1/y"])
def test_each_path_begins_as_its_address_does(engines: Engines, path: str, attempts: int) -> None:
    engines.ask(BODY % b"0", attempts, path)
    found = {name: {seen.path for seen in requests} for name, requests in engines.seen.items()}
    assert found == {name: {base + path.removeprefix("/v1")} for name, base in PATHS.items()}


@pytest.mark.parametrize("attempts", [0, 1])
def test_each_hosted_engine_hears_its_own_host(engines: Engines, attempts: int) -> None:
    engines.ask(BODY % b"0", attempts)
    for name in ("keyed", "open", "rooted", "passing"):
        hosts = {seen.header("host") for seen in engines.seen[name]}
        assert hosts == {f"127.0.0.1:{engines.of[name].port}"}


@pytest.mark.parametrize("attempts", [0, 1])
@pytest.mark.parametrize("callers", [CALLERS, {}], ids=["with credentials", "without"])
def test_credentials_go_to_whom_they_are_meant_for(engines: Engines, callers: dict[str, str], attempts: int) -> None:
    engines.ask(BODY % b"0", attempts, headers=callers)
    expected = {
        "own": [],
        "keyed": [f"Bearer {KEY}"],
        "open": [],
        "rooted": [f"Bearer {OTHER}"],
        "passing": [callers["authorization"]] if callers else [],
        "last": [],
    }
    for name, requests in engines.seen.items():
        for seen in requests:
            assert seen.header_values("authorization") == expected[name]
            assert ("caller-secret" in str(seen.headers)) == (name == "passing" and bool(callers))
            for key in (KEY, OTHER):
                assert (key in str(seen.headers)) == (f"Bearer {key}" in expected[name])


@pytest.mark.parametrize("attempts", [0, 1])
def test_no_engine_hears_a_word_of_ours(engines: Engines, attempts: int) -> None:
    ours = {"x-modelfleet-upstream": "last", "x-envoy-retry-on": "5xx", "x-modelfleet-attempts": "7"}
    engines.ask(BODY % b"0", attempts, headers={**CALLERS, **ours, "x-their-own": "1"})
    for requests in engines.seen.values():
        for seen in requests:
            names = [name for name, _ in seen.headers]
            assert [name for name in names if name.startswith(INTERNAL) or "timeout" in name] == []
            assert seen.header("x-their-own") == "1"


def test_every_try_has_the_id_of_the_request(engines: Engines) -> None:
    answer = engines.ask(BODY % b"0", 1)
    ids = {seen.header("x-request-id") for requests in engines.seen.values() for seen in requests}
    assert ids == {said(answer)["request-id"]}


def test_the_record_tells_of_all_tries_and_of_no_secret(engines: Engines) -> None:
    record = engines.gateway.record(engines.ask(BODY % b"0", headers=CALLERS))
    assert [it["target"] for it in record["attempts"]] == list(NAMES)
    assert (record["rung"], record["served"]["model"], record["served"]["hardware"]) == (5, "last", "local")
    assert record["served"]["endpoint"] == f"127.0.0.1:{engines.of['last'].port}"
    shown = engines.gateway.records.text() + engines.gateway.envoy.text()
    for key in (KEY, OTHER, "caller-secret"):
        assert key not in shown


def test_an_engine_that_is_left_behind_is_left_at_once(engines: Engines) -> None:
    """Who fell behind with its body does not go on working for nobody."""
    engines.fail([*json_answer(503)[:1], Stall()])
    engines.ask(BODY % b"0")
    for name in ("own", "keyed", "open", "rooted", "passing"):
        engines.of[name].wait_until_gone()


def test_a_repeat_is_sent_from_the_beginning(engines: Engines) -> None:
    engines.of["own"].script = in_turn([Reset()], GOOD)
    body = BODY % b"0"
    sent = Request(CHAT, body, {"host": "auto-1.example"})
    before = len(engines.of["own"].requests)
    assert said(engines.gateway.send(sent))["model"] == "own"
    first, second = engines.of["own"].requests[before:]
    assert first.body == second.body
    assert (first.path, first.method) == (second.path, second.method)
    assert sorted(first.headers) == sorted(second.headers)
