"""The reader of request bodies against a strict parser that shares nothing with it: the same refusals and facts."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.sizes import SOAK, scale
from tests.support.luajit import fetch_of, plain, required, runtime
from tests.support.request_bodies import a_body, a_chat, expected, expected_kind

FULL_SLICE = 65536
PATHS = ("model", "model.model", "messages.user", "input.n", "tools.工具.model", "prompt.", "", "models.stream")


class Reader:
    """The Lua module with the slices as small as a test wants them."""

    def __init__(self, compiled: bool) -> None:
        self.lua = runtime()
        if not compiled:
            self.lua.execute("jit.off()")
        self.module = required(self.lua, "reader")

    def read(self, body: bytes, size: int) -> bytes | dict[str, Any]:
        self.module[b"SLICE"] = size
        answer = self.module[b"read"](fetch_of(self.lua, body), len(body))
        if isinstance(answer, tuple):
            code = answer[1]
            assert isinstance(code, bytes)
            return code
        facts: dict[str, Any] = plain(answer)
        return facts

    def kind_at(self, body: bytes, path: str, size: int) -> bytes | None:
        self.module[b"SLICE"] = size
        kind: bytes | None = self.module[b"kind_at"](fetch_of(self.lua, body), len(body), path.encode())
        return kind


@pytest.fixture(scope="module", params=[True, False], ids=["compiled", "interpreted"])
def reader(request: pytest.FixtureRequest) -> Reader:
    return Reader(request.param)


def slice_size(source: random.Random) -> int:
    return source.choice((1, 2, 3, 7, source.randint(4, 64), FULL_SLICE))


def test_every_body_is_judged_and_read_as_a_strict_parser_would(reader: Reader, evidence: Callable[..., None]) -> None:
    seen, bodies = set(), scale(2_000, 20_000)
    for seed in range(bodies):
        source = random.Random(seed)
        body = a_body(source)
        answer = expected(body)
        seen.add(answer if isinstance(answer, bytes) else b"facts")
        assert reader.read(body, slice_size(source)) == answer, (seed, body)
    assert seen == {b"facts", b"malformed_json", b"not_an_object", b"duplicate_key", b"invalid_model"}
    evidence(bodies=bodies, differences=0)


def test_a_body_reads_alike_however_it_is_sliced(reader: Reader) -> None:
    for seed in range(scale(20, 200)):
        body = a_body(random.Random(-1 - seed))
        answer = expected(body)
        for size in (*range(1, 65), FULL_SLICE):
            assert reader.read(body, size) == answer, (seed, size, body)


def test_every_truncation_of_a_body_is_malformed(reader: Reader) -> None:
    for seed in range(scale(3, 30)):
        body = a_chat(random.Random(seed)).encode("utf-8", "surrogatepass").strip()
        for end in range(len(body)):
            assert reader.read(body[:end], 16) == b"malformed_json", (seed, end)


def test_every_pair_of_bytes_in_a_string_is_judged_as_utf8_is(reader: Reader) -> None:
    tails = (b"", b"\x80", b"\x80\x80", b"\xbf\xbf", b"n")
    seconds = (0x00, 0x1F, 0x22, 0x5C, 0x6E, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
    for first in range(256):
        for second in range(256) if SOAK else seconds:
            for tail in tails:
                body = b'{"k":"abc' + bytes([first, second]) + tail + b'"}'
                assert reader.read(body, FULL_SLICE) == expected(body), body


def test_the_place_of_the_model_is_where_another_name_can_be_put(reader: Reader) -> None:
    source = random.Random(5)
    filler = {"messages": [{"role": "user", "content": "é\n" + "some text " * 27_000}] * 2}
    for place in ("first", "middle", "last"):
        before = {} if place == "first" else filler
        after = filler if place == "first" else {"x": [filler]} if place == "middle" else {}
        body = json.dumps({**before, "a": {"model": "no"}, "model": "old", **after}, ensure_ascii=False).encode()
        facts = reader.read(body, source.choice((1000, FULL_SLICE)))
        assert isinstance(facts, dict)
        spliced = body[: facts["model_from"]] + b'"new"' + body[facts["model_to"] :]
        assert len(body) > 512 << 10
        assert json.loads(spliced) == {**json.loads(body), "model": "new"}
        assert facts == expected(body)


def test_the_kind_at_a_path_is_the_kind_a_parser_finds_there(reader: Reader) -> None:
    seen = set()
    for seed in range(scale(500, 5_000)):
        source = random.Random(seed)
        body = a_chat(source).encode("utf-8", "surrogatepass")
        if expected(body) == b"malformed_json":
            continue
        for path in PATHS:
            kind = expected_kind(body, path)
            seen.add(kind)
            assert reader.kind_at(body, path, slice_size(source)) == kind, (seed, path, body)
    assert len(seen) > 6
