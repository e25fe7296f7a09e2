"""Each engine hears its own name for the model, and every other byte of a body as it was sent."""

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator

import pytest

from tests.dataplane.support.client import Request
from tests.dataplane.support.fleets import fleet, model, simple
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.received import Received
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import scale
from tests.support.request_bodies import a_body, expected

ALIAS = "org/Engine-7B:q4"
FILLER = "x" * 200_000 + "é工具😀" * 5_000


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    objects = [model("m", ALIAS), model("same", "same"), model("long", "n" * 253)]
    policies = [simple(name) for name in ("m", "same", "long")]
    # llama-3 is one of the names that the generated bodies ask for.
    with RealGateway(
        fleet(*objects, *policies, simple("llama-3", "m")),
        dict.fromkeys(("m", "same", "long"), upstream.address),
    ) as gateway:
        yield gateway


def heard(gateway: RealGateway, upstream: ScriptedUpstream, body: bytes) -> Received:
    answer = gateway.send(Request(body=body))
    assert answer.status == 200, answer
    seen = upstream.requests[-1]
    assert seen.header("content-length") == str(len(seen.body))
    assert seen.header("transfer-encoding") is None
    return seen


BODIES = {
    "first": b'{"model": "m", "messages": "%s"}',
    "middle": b'{"messages": "%s", "model": "m", "input": "%s"}',
    "last": b'{"messages": "%s", "model": "m"}',
    "spaced": b' \r\n{\t"messages" : "%s" ,\n"model"  :\t "m"  }\n',
    "escaped key": b'{"messages": "%s", "mod\\u0065l": "m"}',
    "escaped value": b'{"messages": "%s", "model": "\\u006d"}',
    "nested before": b'{"metadata": {"model": "m", "model": "x"}, "messages": "%s", "model": "m"}',
    "nested after": b'{"model": "m", "messages": [{"model": "m"}, "%s"], "tools": [{"model": "m"}]}',
    "in a string": b'{"messages": "\\"model\\": \\"m\\" %s", "model": "m"}',
    "unusual": b'{"a": 1e999, "b": "\\ud800", "c": 0.10, "d": {}, "model": "m", "e": "\\/", "f": "%s", "g": -0}',
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("filler", ["", FILLER], ids=["short", "long"])
def test_only_the_name_of_the_model_is_changed(
    gateway: RealGateway, upstream: ScriptedUpstream, name: str, filler: str
) -> None:
    sent = BODIES[name].replace(b"%s", filler.encode())
    facts = expected(sent)
    assert isinstance(facts, dict)
    renamed = sent[: facts["model_from"]] + json.dumps(ALIAS).encode() + sent[facts["model_to"] :]
    assert heard(gateway, upstream, sent).body == renamed


def test_a_model_that_is_called_as_it_is_asked_for_gets_the_body_as_it_is(
    gateway: RealGateway, upstream: ScriptedUpstream
) -> None:
    for sent in (b'{"model": "same"}', b' {"x": "\xc3\xa9", "model" : "s\\u0061me" } '):
        assert heard(gateway, upstream, sent).body == sent


def test_a_name_may_be_as_long_as_is_allowed(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    sent = {"model": "long", "messages": ["ü"]}
    assert heard(gateway, upstream, json.dumps(sent).encode()).json() == {**sent, "model": "n" * 253}


def test_a_body_of_megabytes_is_changed_in_the_same_way(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    noise = random.Random(1).randbytes(900_000).hex()
    sent = json.dumps({"messages": noise, "model": "m", "input": noise}).encode()
    assert len(sent) > 3 << 20
    assert heard(gateway, upstream, sent).body == sent.replace(b'"model": "m"', f'"model": "{ALIAS}"'.encode())


@pytest.mark.parametrize("size", [1, 7, 4096, 65536])
def test_a_body_in_chunks_arrives_whole(gateway: RealGateway, upstream: ScriptedUpstream, size: int) -> None:
    sent = json.dumps({"messages": "x" * 50 * size, "model": "m"}).encode()
    chunks = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert gateway.send(Request(body=chunks)).status == 200
    assert upstream.requests[-1].body == sent.replace(b'"m"', f'"{ALIAS}"'.encode())


def test_a_packed_body_is_handed_on_unpacked(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    sent = json.dumps({"messages": random.Random(2).randbytes(50_000).hex(), "model": "m"}).encode()
    for packed in (gzip.compress(sent), gzip.compress(sent, 0), in_pieces(sent)):
        assert gateway.send(Request(body=packed, headers={"content-encoding": "gzip"})).status == 200
        seen = upstream.requests[-1]
        assert seen.body == sent.replace(b'"m"', f'"{ALIAS}"'.encode())
        assert seen.header("content-encoding") is None


def in_pieces(body: bytes) -> list[bytes]:
    packed = gzip.compress(body)
    return [packed[at : at + 1000] for at in range(0, len(packed), 1000)]


def test_headers_that_are_nobodys_business_go_along(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    headers = [("x-own", "a"), ("x-own", "b"), ("openai-organization", "org"), ("user-agent", "me/1")]
    assert gateway.ask("m", headers).status == 200
    seen = upstream.requests[-1]
    assert seen.header("openai-organization") == "org"
    assert seen.header("user-agent") == "me/1"
    assert ",".join(seen.header_values("x-own")) == "a,b"


# A slice of the exactness that tests/property proves, through all that Envoy does with a body on its way.


def a_request(seed: int, body: bytes) -> Request:
    """Plain, in chunks, or packed."""
    source = random.Random(seed)
    if seed % 3 == 0:
        return Request(body=body)
    if seed % 3 == 1:
        size = source.choice((1, 3, 17, 1000))
        return Request(body=[body[at : at + size] for at in range(0, len(body), size)])
    packed = zlib.compressobj(source.randrange(10), zlib.DEFLATED, 31)
    return Request(body=packed.compress(body) + packed.flush(), headers={"content-encoding": "gzip"})


def verdict(body: bytes) -> tuple[int, str]:
    """What an independent reader makes of it."""
    facts = expected(body)
    if isinstance(facts, bytes):
        return 400, facts.decode() if body else "missing_model"
    asked = facts.get("model", b"").decode()
    if not asked:
        return 400, "missing_model"
    return (200, asked) if asked in SERVED else (404, "model_not_found")


SERVED = {"m", "llama-3"}


def test_bodies_are_read_as_a_strict_parser_reads_them(
    gateway: RealGateway, upstream: ScriptedUpstream, evidence: Callable[..., None]
) -> None:
    seen, bodies = set(), scale(300, 20_000)
    for seed in range(bodies):
        body = a_body(random.Random(seed))
        answer = gateway.send(a_request(seed, body))
        status, word = verdict(body)
        assert answer.status == status, (seed, body, answer)
        seen.add((status, word))
        if status != 200:
            assert answer.json()["error"]["code"] == word, (seed, body, answer)
            continue
        facts = expected(body)
        assert isinstance(facts, dict)
        renamed = body[: facts["model_from"]] + json.dumps(ALIAS).encode() + body[facts["model_to"] :]
        assert upstream.requests[-1].body == renamed, (seed, body)
    assert len(seen) >= 7
    evidence(bodies=bodies, differences=0)
