"""How Envoy is told where a try goes, what it has to do to the request, and how a skip is told from a try."""

from typing import Any

import pytest

from tests.support.luahandle import Handled, Headers, Script
from tests.support.luajit import required
from tests.support.luanotes import groups_of
from tests.support.luaroutes import Looks, Route, Table

script = Script(entry="gate")
steer = required(script.lua, "steer")
AROUND = """
local steer = ...
return function(name, ...)
  local given = { ... }
  function envoy_on_request(handle)
    local headers = handle:headers()
    if name == "aim" or name == "again" then
      steer[name](handle, headers, unpack(given))
    else
      steer.found = steer[name](headers, unpack(given))
    end
  end
end
"""
around = script.lua.execute(AROUND, steer)


def call(headers: Headers, name: str, *given: Any) -> Handled:
    """What a call of the module leaves behind, from within a script."""
    around(name.encode(), *given)
    return script.handle(headers, b"").call("envoy_on_request")


NEXT = {"name": "next", "clusters": [{"cluster_name": "default/m/way", "weight": 1}]}
GATE = {"name": "gate"}


@pytest.mark.parametrize("made", [0, 1, 2, 5, 24])
def test_the_attempt_that_comes_next_goes_to_the_cluster_and_the_one_behind_it_to_the_gate(made: int) -> None:
    handled = call([(":authority", "gw")], "again", b"default/m/way", made)
    assert groups_of(handled.noted) == [*[GATE] * made, NEXT, GATE]


@pytest.mark.parametrize("stream", [True, False])
def test_the_first_try_is_a_route_s_and_costs_no_note(stream: bool) -> None:
    handled = call([(":authority", "gw")], "aim", b"default/m/way", stream)
    assert handled.headers["x-modelfleet-target"] == "default/m/way"
    assert handled.headers.get("x-modelfleet-stream") == ("1" if stream else None)
    assert groups_of(handled.noted) == []


def test_the_route_of_the_first_try_is_looked_for_anew() -> None:
    looks = Looks({"*|auto": Table(routes=[Route("to", {"x-modelfleet-target": "c"}), Route("plan")])})
    headers = [("x-modelfleet-scope", "*|auto")]
    assert looks.look(dict(headers)) == Route("plan")
    around(b"aim", b"c", False)
    handled = script.handle(headers, b"", looks=looks).call("envoy_on_request")
    found = looks.look(handled.headers)
    assert found
    assert found.name == "to"


@pytest.mark.parametrize(("name", "given"), [("first", ()), ("again", (b"c", 0))])
def test_a_try_begins_without_a_connection(name: str, given: tuple[Any, ...]) -> None:
    headers = call([(":authority", "gw.example.com"), ("x-other", "1")], name, *given).headers
    assert (headers[":authority"], headers["x-other"]) == ("-", "1")


@pytest.mark.parametrize(("authority", "connected"), [("-", False), ("10.0.0.1:80", True), ("api.example.com", True)])
def test_an_authority_that_envoy_wrote_tells_of_a_connection(authority: str, connected: bool) -> None:
    call([(":authority", authority)], "connected")
    assert steer.found is connected


def test_a_try_is_told_that_it_has_a_name_to_write() -> None:
    assert call([(":path", "/")], "rename").headers == {":path": "/", "x-modelfleet-turn": "rename"}


def test_a_skip_is_taken_off_by_who_finds_it_so_that_the_next_try_is_one_again() -> None:
    headers = call([(":path", "/"), ("x-modelfleet-skipped", "1")], "take_skip").headers
    assert (headers, steer.found) == ({":path": "/"}, True)
    assert call(list(headers.items()), "take_skip").headers == headers
    assert steer.found is False
