"""The script's part of a record's line: all that Envoy's own JSON says of the same request, or nothing at all."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sizes import scale
from tests.support.luajit import required, runtime
from tests.support.luanotes import Notes
from tests.support.luarecord import record_of
from tests.support.luavalues import from_lua, to_lua

lua = runtime()
line = required(lua, "line")
FREE = ("path", "host", "feature", "step", "class", "id", "method")
"""What callers say, or what is named after what they say, as it comes."""
DECISION: dict[str, Any] = {
    "id": "id-1",
    "method": "POST",
    "policy": "team/p",
    "revision": "0a1b2c3d4e5f",
    "tenant": "anonymous",
    "feature": "legal",
    "step": "plan",
    "class": "batch",
    "model": "auto:1/a@b",
    "rule": "default",
    "tier": "light",
    "target": "team/m",
    "rung": 0,
    "stream": False,
    "path": "/v1/chat/completions",
    "host": "ai.example.com",
    "reason": "wanted",
    "passes": True,
}
TRY = {"target": "team/m", "status": 200, "reason": "ok", "ms": 12}
SERVED = {"tier": "light", "model": "team/m", "hardware": "gpu", "endpoint": "10.0.0.1:80"}
TOKENS = {"in": 3, "out": 4}
END = b"\n"
"""Between what is noted when a request is sent and how it goes on: a line has none in it."""
ODD = [*(chr(code) for code in [*range(32), 127]), '"', "\\", *(chr(0xDC00 + byte) for byte in range(128, 256))]
"""Each byte that does not stand for itself in JSON, or may not be text at all."""
PLAIN = "".join(chr(code) for code in range(32, 127) if chr(code) not in '"\\')


def line_of(decision: Any, served: Any, tokens: Any = TOKENS, attempt: Any = TRY) -> str | None:
    head = line.head(to_lua(lua, decision))
    first = head and line.first(head, to_lua(lua, attempt))
    given = (attempt, served, decision.get("reason"), tokens)
    tail = line.tail(*(None if it is None else to_lua(lua, it) for it in given))
    return None if not first or tail is None else from_lua(first + END + tail)


def by_script(words: str, decision: Any) -> dict[str, Any]:
    first, further = words.split(END.decode())
    return written(Notes(first=first, line=further, decision=decision, sent=True), decision)


def by_envoy(decision: Any, served: Any, tokens: Any = TOKENS, attempt: Any = TRY) -> dict[str, Any]:
    notes = Notes(decision=decision, sent=True, attempts=[attempt], served=served, reason=decision.get("reason"))
    if tokens:
        notes.put("modelfleet", tokens=tokens)
    return written(notes, decision)


def written(notes: Notes, decision: Any) -> dict[str, Any]:
    commands = {"REQ(x-request-id)": decision.get("id"), "REQ(:METHOD)": decision.get("method")}
    return record_of(notes, **commands)


def test_a_line_says_what_envoy_s_own_json_says() -> None:
    words = line_of(DECISION, SERVED)
    assert words is not None
    assert by_script(words, DECISION) == by_envoy(DECISION, SERVED)


@pytest.mark.parametrize("absent", [it for it in DECISION if it not in {"rung", "stream"}])
def test_what_nobody_knows_of_a_request_is_null(absent: str) -> None:
    decision = {name: value for name, value in DECISION.items() if name != absent}
    words = line_of(decision, SERVED)
    assert words is not None
    assert by_script(words, decision) == by_envoy(decision, SERVED)


@pytest.mark.parametrize("absent", list(SERVED))
def test_what_nobody_knows_of_who_served_it_is_left_out(absent: str) -> None:
    served = {name: value for name, value in SERVED.items() if name != absent}
    words = line_of(DECISION, served)
    assert words is not None
    assert by_script(words, DECISION) == by_envoy(DECISION, served)
    assert absent not in by_script(words, DECISION)["served"]


@pytest.mark.parametrize("tokens", [None, {"in": 0, "out": 0}, {"in": 10**15 - 1, "out": 123_456_789_012}])
def test_tokens_are_whole_numbers_of_any_length_or_null(tokens: Any) -> None:
    words = line_of(DECISION, SERVED, tokens)
    assert words is not None
    assert by_script(words, DECISION)["tokens"] == (tokens or {"in": None, "out": None})


@pytest.mark.parametrize("field", FREE)
def test_a_letter_of_the_caller_s_that_json_would_escape_is_envoy_s_to_write(field: str) -> None:
    for odd in ODD:
        for value in (odd, f"a{odd}", f"{odd}b", f"a{odd}b"):
            assert line_of({**DECISION, field: value}, SERVED) is None, repr(value)


@pytest.mark.parametrize("field", ["hardware", "endpoint"])
def test_so_is_one_in_what_is_known_of_the_replica(field: str) -> None:
    for odd in ODD:
        assert line_of(DECISION, {**SERVED, field: f"a{odd}b"}) is None, repr(odd)


@pytest.mark.parametrize("field", FREE)
def test_every_other_letter_is_written_as_it_is(field: str) -> None:
    """A percent sign among them: what a note says is no format."""
    decision = {**DECISION, field: PLAIN + "%REQ(x)%"}
    words = line_of(decision, SERVED)
    assert words is not None
    assert by_script(words, decision) == by_envoy(decision, SERVED)


WORDS = st.none() | st.text(PLAIN, max_size=8) | st.text(max_size=4)
COUNTS = st.integers(0, 10**9)


@settings(max_examples=scale(100, 3_000))
@given(st.data())
def test_whatever_a_request_is_like_the_line_is_envoy_s_or_none(data: st.DataObject) -> None:
    free = {name: data.draw(WORDS) for name in FREE}
    decision = {**DECISION, **free, "rung": data.draw(st.integers(0, 12)), "stream": data.draw(st.booleans())}
    decision = {name: value for name, value in decision.items() if value is not None}
    served = {name: value for name, value in SERVED.items() if data.draw(st.booleans())}
    attempt = {**TRY, "status": data.draw(st.integers(200, 499)), "ms": data.draw(COUNTS)}
    tokens = data.draw(st.none() | st.fixed_dictionaries({"in": COUNTS, "out": COUNTS}))
    words = line_of(decision, served, tokens, attempt)
    odd = any(letter not in PLAIN for value in free.values() if value for letter in value)
    assert (words is None) is odd
    if words is not None:
        assert by_script(words, decision) == by_envoy(decision, served, tokens, attempt)
