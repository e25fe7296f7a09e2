"""How often the rules of a policy walk through a body: each walk reads all of it, and the others wait."""

import json
from typing import Any

import pytest

from modelfleet.routing.looks import MOST
from tests.support.documents import model, policy
from tests.support.luahandle import Handled, Script
from tests.support.luajourney import routed
from tests.support.luanotes import decision_of

MIB = 1024 * 1024
PATHS = [f"part{number}.inner" for number in range(MOST)]
COUNTING = b"""
local reader = require("reader")
local kind_at = reader.kind_at
looks = {}
function reader.kind_at(fetch, length, path)
  looks[#looks + 1] = path
  return kind_at(fetch, length, path)
end
"""


def script(rules: list[dict[str, Any]]) -> Script:
    """One whose looks into bodies are counted."""
    made = Script(routed(policy(rules=rules), model()))
    made.lua.execute(COUNTING)
    return made


def looks(made: Script) -> list[str]:
    """The paths that were looked at so far, as the script writes them."""
    return [path.decode() for path in made.lua.globals().looks.values()]


def rule(name: str, **when: Any) -> dict[str, Any]:
    return {"name": name, "when": when, "answer": {"status": 422, "body": name}}


def body(size: int, **parts: Any) -> bytes:
    """A request of about so many bytes, whose parts stand behind the most of it."""
    return json.dumps({"model": "auto", "messages": [{"content": "x" * size}], **parts}).encode()


def all_parts() -> dict[str, Any]:
    return {path.partition(".")[0]: {"inner": "y"} for path in PATHS}


def rule_of(handled: Handled) -> str:
    return str(decision_of(handled.noted)["rule"])


def test_sixteen_places_of_a_large_body_are_looked_at_once_each_and_decided_by() -> None:
    made = script([rule(f"missing-{number}", missing=[path]) for number, path in enumerate(PATHS)])
    asked = body(4 * MIB - 2048, **all_parts())
    handled = made.request(asked)
    assert rule_of(handled) == "default"
    assert (len(looks(made)), len(set(looks(made)))) == (MOST, MOST)
    # Once by the reader, once for each place, and once to write the engine's name into it.
    assert handled.state.fetched <= (MOST + 2) * len(asked)


def test_the_last_of_sixteen_places_decides_where_the_others_do_not() -> None:
    made = script([rule(f"missing-{number}", missing=[path]) for number, path in enumerate(PATHS)])
    parts = all_parts()
    del parts[PATHS[-1].partition(".")[0]]
    assert rule_of(made.request(body(4 * MIB - 2048, **parts))) == f"missing-{MOST - 1}"


def test_a_place_that_many_rules_ask_for_is_looked_at_once() -> None:
    again = [rule(f"again-{number}", missing=[path], empty=[path]) for number, path in enumerate(PATHS * 2)]
    made = script([*again, rule("empty", empty=PATHS[:1])])
    parts = {**all_parts(), "part0": {"inner": ""}}
    assert rule_of(made.request(body(1024, **parts))) == "empty"
    assert len(looks(made)) == len(set(looks(made))) == MOST


@pytest.mark.parametrize("present", [True, False])
def test_every_request_is_looked_at_anew(*, present: bool) -> None:
    made = script([rule("missing", missing=PATHS[:1])])
    assert rule_of(made.request(body(10, **(all_parts() if present else {})))) == ("default" if present else "missing")
    assert rule_of(made.request(body(10, **({} if present else all_parts())))) == ("missing" if present else "default")
    assert len(looks(made)) == 2


def test_nothing_is_looked_at_where_no_rule_asks() -> None:
    made = script([rule("header", headers={"x-a": "1"})])
    assert rule_of(made.request(body(1024))) == "default"
    assert looks(made) == []
