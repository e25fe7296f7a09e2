"""How long a request may take: the smaller bound wins, and a caller only lowers."""

from typing import Any

import pytest
from lupa import luajit21

from tests.support.luajit import required, runtime
from tests.support.luavalues import to_lua

lua = runtime()
clock = required(lua, "clock")
TIMES = {"total": 30_000, "firstToken": 4_000, "answer": 20_000, "lower": True}

HEADERS = """
local headers = { set = {} }
function headers:replace(name, value) self.set[#self.set + 1] = name .. "=" .. value end
return headers
"""


def total(asked: bytes | None, **times: Any) -> Any:
    return clock.total(to_lua(lua, {**TIMES, **times}), asked)


def told(bound: int, *, stream: bool, **times: Any) -> list[bytes]:
    headers = lua.execute(HEADERS)
    clock.set(headers, to_lua(lua, {**TIMES, **times}), bound, stream)
    return list(headers.set.values())


@pytest.mark.parametrize(
    ("asked", "bound"), [(None, 30_000), (b"5s", 5_000), (b"1ms", 1), (b"0.001", 1), (b"29999ms", 29_999)]
)
def test_a_caller_lowers_the_whole(asked: bytes | None, bound: int) -> None:
    assert total(asked) == bound


@pytest.mark.parametrize("asked", [b"30s", b"31s", b"99999h", b"999999999999"])
def test_a_caller_raises_nothing(asked: bytes) -> None:
    assert total(asked) == 30_000


@pytest.mark.parametrize("asked", [b"soon", b"", b"0", b"0s", b"0.0001", b"-1s"])
def test_what_is_no_time_is_refused_with_a_word(asked: bytes) -> None:
    bound, words = total(asked)
    assert bound is None
    assert b"x-request-timeout must be a duration" in words


@pytest.mark.parametrize("asked", [b"1s", b"soon", b"0"])
def test_where_callers_may_not_lower_what_they_ask_is_nobody_s_business(asked: bytes) -> None:
    assert total(asked, lower=False) == 30_000


def test_a_whole_answer_is_bounded_by_the_smaller_of_its_own_bound_and_the_total() -> None:
    assert told(30_000, stream=False) == [b"x-envoy-upstream-rq-timeout-ms=20000"]
    assert told(5_000, stream=False) == [b"x-envoy-upstream-rq-timeout-ms=5000"]


def test_a_stream_is_bounded_up_to_its_first_byte_alone() -> None:
    assert told(30_000, stream=True) == [b"x-envoy-upstream-rq-per-try-timeout-ms=4000"]
    assert told(1_500, stream=True) == [b"x-envoy-upstream-rq-per-try-timeout-ms=1500"]


def test_the_longest_bound_is_written_as_a_number_and_not_as_a_power() -> None:
    longest = 359_996_400_000  # what four parts of a duration come to
    assert told(longest, stream=False, answer=longest) == [b"x-envoy-upstream-rq-timeout-ms=359996400000"]


def test_nothing_of_it_is_kept_between_requests() -> None:
    assert luajit21.lua_type(clock) == "table"
    assert [total(b"1s"), total(None), total(b"1s")] == [1_000, 30_000, 1_000]
