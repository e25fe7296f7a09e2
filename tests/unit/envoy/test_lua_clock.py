"""How long a request may take: the smaller bound wins, and a caller only lowers."""

from typing import Any

import pytest
from lupa import luajit21

from tests.support.luajit import required, runtime
from tests.support.luavalues import to_lua

lua = runtime()
clock = required(lua, "clock")
TIMES = {"total": 30_000, "firstToken": 4_000, "answer": 20_000, "gap": 9_000, "lower": True}
UNTIL = 1_700_000_030_000
TOTAL, TRY = b"x-envoy-upstream-rq-timeout-ms", b"x-envoy-upstream-rq-per-try-timeout-ms"

HANDLE = """
local told = { headers = {}, notes = {} }
local headers, dynamic = {}, {}
function headers:replace(name, value)
  assert(type(value) == "string", "headers are strings")
  told.headers[name] = value
end
function dynamic:set(namespace, key, value) told.notes[namespace .. "/" .. key] = value end
local info = { dynamicMetadata = function() return dynamic end }
return { streamInfo = function() return info end }, headers, told
"""


def total(asked: bytes | None, **times: Any) -> Any:
    return clock.total(to_lua(lua, {**TIMES, **times}), asked)


def told(bound: int, whole: int = 30_000, *, stream: bool) -> tuple[dict[bytes, bytes], dict[bytes, int]]:
    """The headers that the router reads, and the notes that the clock filter reads."""
    handle, headers, found = lua.execute(HANDLE)
    clock.set(handle, headers, to_lua(lua, TIMES), to_lua(lua, {"bound": bound, "total": whole, "till": UNTIL}), stream)
    return dict(found.headers.items()), dict(found.notes.items())


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


def test_the_router_bounds_a_whole_answer_and_each_try_at_it_where_that_is_shorter() -> None:
    assert told(20_000, stream=False) == ({TOTAL: b"30000", TRY: b"20000"}, {})
    assert told(30_000, stream=False) == ({TOTAL: b"30000"}, {})
    assert told(5_000, 5_000, stream=False) == ({TOTAL: b"5000"}, {})


def test_of_a_stream_the_router_bounds_a_try_alone_and_the_clock_the_whole_up_to_its_first_byte() -> None:
    watched = {b"modelfleet.clock/until": UNTIL, b"modelfleet.clock/gap": 9_000}
    assert told(4_000, stream=True) == ({TRY: b"4000"}, watched)
    assert told(1_500, 1_500, stream=True) == ({TRY: b"1500"}, watched)


def test_the_longest_bound_is_written_as_a_number_and_not_as_a_power() -> None:
    longest = 359_996_400_000  # what four parts of a duration come to
    assert told(longest, longest, stream=False)[0] == {TOTAL: b"359996400000"}
    assert told(longest, longest, stream=True)[0] == {TRY: b"359996400000"}


def test_nothing_of_it_is_kept_between_requests() -> None:
    assert luajit21.lua_type(clock) == "table"
    assert [total(b"1s"), total(None), total(b"1s")] == [1_000, 30_000, 1_000]
