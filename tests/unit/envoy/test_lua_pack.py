"""The text in which a request that is sent is noted: whoever writes it out has all that was known when it was sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.documents import model, policy
from tests.support.luahandle import JSON, NOW
from tests.support.luajit import required, runtime
from tests.support.luajourney import Worker
from tests.support.luanotes import decision_of, is_packed, state_of
from tests.support.luavalues import from_lua, to_lua
from tests.unit.envoy.journeys import falling

lua = runtime()
pack, line = required(lua, "pack"), required(lua, "line")
DECISION: dict[str, Any] = {
    "id": "id-1",
    "method": "POST",
    "policy": "team/p",
    "revision": "0a1b2c3d4e5f",
    "tenant": "anonymous",
    "step": "plan",
    "model": "auto",
    "rule": "default",
    "tier": "light",
    "target": "team/m",
    "rung": 0,
    "stream": True,
    "path": "/v1/chat/completions",
    "host": "ai.example.com",
    "reason": "wanted",
    "passes": True,
}
STATE: dict[str, Any] = {"wanted": {"tier": 2}, "tier": "light", "spot": 0.25, "seen": 7, "bound": 10_000.0}
STATE |= {"total": 60_000.0, "till": float(NOW), "from": 12, "length": 8, "written": "engine"}
STATE |= {"rung": 1, "repeats": 0, "made": 0}


def opened(decision: dict[str, Any], state: dict[str, Any], began: int = NOW) -> tuple[Any, Any]:
    """What is noted of it in fields, and the state of the gate, out of its text."""
    head = line.head(to_lua(lua, decision))
    packed = pack.close(to_lua(lua, decision), to_lua(lua, state), began, len(head))
    found, kept = pack.open(packed, line.first(head, to_lua(lua, {"target": "team/m"})))
    return from_lua(found), from_lua(kept)


def test_what_is_packed_comes_out_again() -> None:
    found, state = opened(DECISION, STATE)
    abandoned = [{"target": "team/m", "status": 0, "reason": "abandoned", "ms": 0}]
    assert found["decision"] == DECISION
    assert (found["sent"], found["began"], found["attempts"]) == (True, NOW, abandoned)
    assert state == STATE


@pytest.mark.parametrize("absent", ["id", "step", "tier"])
def test_so_does_what_nobody_knows(absent: str) -> None:
    decision = {name: value for name, value in DECISION.items() if name != absent}
    state = {name: value for name, value in STATE.items() if name != absent}
    found, kept = opened(decision, state)
    assert (found["decision"], kept) == (decision, state)


@given(
    spot=st.floats(0, 1, exclude_max=True),
    seen=st.integers(0, 10**9),
    total=st.integers(1, 10**10),
    start=st.integers(0, 2**22),
    kind=st.sampled_from(["tier", "rule"]),
    written=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)
def test_whatever_the_numbers_and_the_engine_s_name_are(
    spot: float, seen: int, total: int, start: int, kind: str, written: str
) -> None:
    state = {**STATE, "spot": spot, "seen": seen, "total": float(total), "till": float(NOW + total), "from": start}
    state |= {"wanted": {kind: 3}, "written": written}
    assert opened(DECISION, state)[1] == state


def test_a_request_is_packed_until_its_first_try_has_failed() -> None:
    asked = falling().ask()
    before = decision_of(asked.notes), state_of(asked.notes)
    assert is_packed(asked.notes)
    asked.refused()
    assert not is_packed(asked.notes)
    after = decision_of(asked.notes), state_of(asked.notes)
    moved = {"rung", "reason", "served", "passes"}
    assert before[0].keys() <= after[0].keys()
    assert all(after[0][name] == it for name, it in before[0].items() if name not in moved)
    assert (after[1]["written"], after[1]["spot"]) == (before[1]["written"], before[1]["spot"])


def test_what_a_later_try_needs_of_the_request_is_not_lost_in_between() -> None:
    external = "{engine: null, external: {url: 'https://api.example.com/v1', credentials: {passThrough: true}}}"
    asked = Worker(policy(), model(external)).ask(headers=[*JSON[1:], ("authorization", "Bearer mine")])
    assert is_packed(asked.notes)
    assert asked.refused().sent[-1].headers["authorization"] == "Bearer mine"
