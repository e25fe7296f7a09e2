"""How Envoy is told where the next try goes, and how a try and the gate tell each other apart."""

from typing import Any

import pytest

from tests.support.luahandle import Headers, Script
from tests.support.luajit import required
from tests.support.luanotes import Notes

script = Script(entry="attempt")
steer = required(script.lua, "steer")
AROUND = """
local steer = ...
return function(name, ...)
  local given = { ... }
  function envoy_on_request(handle)
    local headers = handle:headers()
    if name == "towards" then
      steer.towards(handle, headers, unpack(given))
    elseif name == "mark" then
      steer.mark(headers, unpack(given))
    else
      steer.found = steer[name](headers)
    end
  end
end
"""
around = script.lua.execute(AROUND, steer)


def call(headers: Headers, name: str, *given: Any) -> tuple[dict[str, str], Notes]:
    """The headers and the notes after a call of the module, from within a script."""
    around(name.encode(), *given)
    handled = script.handle(headers, b"").call("envoy_on_request")
    return handled.headers, handled.noted


def groups(made: int) -> Any:
    _, notes = call([(":authority", "gw")], "towards", b"default/m/way", made)
    assert list(notes.of("modelfleet.way")) == ["priority_groups"]
    return notes.of("modelfleet.way")["priority_groups"]


NEXT = {"name": "next", "clusters": [{"cluster_name": "default/m/way", "weight": 1}]}
GATE = {"name": "gate"}


@pytest.mark.parametrize("made", [0, 1, 2, 5, 24])
def test_the_attempt_that_comes_next_goes_to_the_cluster_and_the_one_behind_it_to_the_gate(made: int) -> None:
    assert groups(made) == [*[GATE] * made, NEXT, GATE]


def test_a_try_begins_without_a_connection() -> None:
    headers, _ = call([(":authority", "gw.example.com"), ("x-other", "1")], "towards", b"c", 0)
    assert headers == {":authority": "-", "x-other": "1"}


@pytest.mark.parametrize(("authority", "connected"), [("-", False), ("10.0.0.1:80", True), ("api.example.com", True)])
def test_an_authority_that_envoy_wrote_tells_of_a_connection(authority: str, connected: bool) -> None:
    call([(":authority", authority)], "connected")
    assert steer.found is connected


def test_a_mark_is_taken_off_by_who_finds_it() -> None:
    headers, _ = call([(":path", "/")], "mark", b"rename")
    assert headers == {":path": "/", "x-modelfleet-turn": "rename"}
    headers, _ = call(list(headers.items()), "take_mark")
    assert (headers, steer.found) == ({":path": "/"}, b"rename")
    call([(":path", "/")], "take_mark")
    assert steer.found is None
