"""The tokens of an answer, found at its end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.luajit import required, runtime
from tests.support.luavalues import from_lua

lua = runtime()
usage = required(lua, "usage")
SPENT = b'"usage": {"prompt_tokens": 3, "total_tokens": 7, "completion_tokens": 4}'
TAIL = 2048
BUFFER = """
local bytes = ...
local buffer = {}
function buffer:length() return #bytes end
function buffer:getBytes(from, count)
  assert(from >= 0 and count > 0 and from + count <= #bytes, "outside the body")
  return bytes:sub(from + 1, from + count)
end
return buffer
"""


def found(body: bytes) -> Any:
    return from_lua(usage.find(usage.tail(lua.execute(BUFFER, body))))


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [], ' + SPENT + b"}",
        b'{"choices": ["' + b"x" * 9000 + b'"], ' + SPENT + b', "service_tier": null}',
        b'data: {"choices": []}\n\ndata: {' + SPENT + b"}\n\ndata: [DONE]\n\n",
        b'{"content": "\\"prompt_tokens\\": 99, \\"completion_tokens\\": 98", ' + SPENT + b"}",
        b'{"usage":{"prompt_tokens":3,"completion_tokens":4}}',
        b'{"usage":{"prompt_tokens" : 3 ,"completion_tokens"\n:\n4,"prompt_tokens_details":{"cached_tokens":0}}}',
        b'data: {"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\ndata: {' + SPENT + b"}\n\n",
    ],
)
def test_tokens_are_noted_where_the_engine_tells_them_last(body: bytes) -> None:
    assert found(body) == {"in": 3, "out": 4}


def test_an_embedding_has_no_tokens_out() -> None:
    assert found(b'{"data": [], "usage": {"prompt_tokens": 12, "total_tokens": 12}}') == {"in": 12, "out": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"usage": null}',
        b'{"usage": {"prompt_tokens": null}}',
        b'{"usage": {"prompt_tokens": "3"}}',
        b'{"usage": {"completion_tokens": 4}}',
        SPENT + b" " * TAIL,
    ],
)
def test_who_tells_of_no_tokens_has_none(body: bytes) -> None:
    assert found(body) is None


@pytest.mark.parametrize("digits", [20, 400])
def test_a_number_that_no_engine_can_mean_is_none(digits: int) -> None:
    assert found(b'{"usage": {"prompt_tokens": %s, "completion_tokens": 4}}' % (b"9" * digits)) is None
    assert found(b'{"usage": {"prompt_tokens": 3, "completion_tokens": %s}}' % (b"9" * digits)) is None


def test_only_the_end_of_a_long_answer_is_fetched() -> None:
    assert len(usage.tail(lua.execute(BUFFER, b"x" * 1_000_000))) == TAIL
    assert usage.tail(lua.execute(BUFFER, b"")) == b""


@given(st.lists(st.integers(0, 3000), max_size=6))
def test_the_end_of_a_stream_is_the_same_however_it_was_cut(sizes: list[int]) -> None:
    whole = bytes(number % 251 for number in range(sum(sizes)))
    joined, at = b"", 0
    for size in sizes:
        joined = usage.join(joined, usage.tail(lua.execute(BUFFER, whole[at : at + size])))
        at += size
    assert joined == whole[-TAIL:]


def test_an_answer_that_tells_of_no_tokens_is_looked_through_once() -> None:
    # A look from each of its bytes on would take hours.
    assert usage.find(b"x" * 1_000_000) is None
