"""Every condition, where it holds, where it does not and at its bounds."""

from typing import Any

import pytest

from modelfleet.api.routingpolicy.decision import When
from modelfleet.routing.clauses.conditions import plan_condition
from tests.support.luajit import required, runtime
from tests.support.luavalues import to_lua

lua = runtime()
conditions = required(lua, "conditions")

Case = tuple[dict[str, Any], dict[str, Any], bool]
SOME = {"x-a": ["1"], "x-b": ["1", "2"], "x-empty": [""]}
KINDS = {"messages": "array", "none": "null", "nothing": "empty", "deep.key": "number"}
REQUEST: dict[str, Any] = {
    "path": "/v1/chat/completions",
    "prompt_bytes": 100,
    "max_tokens": 10,
    "tools": True,
    "stream": False,
    "tenant": "acme",
    "step": "plan",
    "feature": "search",
    "class": "batch",
}

CASES: list[Case] = [
    ({"headers": {"x-a": "1"}}, {}, True),
    ({"headers": {"X-A": "1"}}, {}, True),
    ({"headers": {"x-a": "2"}}, {}, False),
    ({"headers": {"x-b": "2"}}, {}, True),
    ({"headers": {"x-b": "1, 2"}}, {}, False),
    ({"headers": {"x-none": "1"}}, {}, False),
    ({"headers": {"x-a": "1", "x-b": "1"}}, {}, True),
    ({"headers": {"x-a": "1", "x-b": "3"}}, {}, False),
    ({"path": "/v1/chat/completions"}, {}, True),
    ({"path": "/v1/chat"}, {}, False),
    ({"path": "/v1/chat*"}, {}, True),
    ({"path": "/v1/*"}, {}, True),
    ({"path": "/v1/chat/completions*"}, {}, True),
    ({"path": "/v1/chat/completions/*"}, {}, False),
    ({"path": "/v1/%a*"}, {"path": "/v1/x"}, False),
    ({"promptBytes": ">100"}, {}, False),
    ({"promptBytes": ">99"}, {}, True),
    ({"promptBytes": ">=100"}, {}, True),
    ({"promptBytes": ">=101"}, {}, False),
    ({"promptBytes": "<100"}, {}, False),
    ({"promptBytes": "<101"}, {}, True),
    ({"promptBytes": "<=100"}, {}, True),
    ({"promptBytes": "<=99"}, {}, False),
    ({"promptBytes": "<1"}, {"prompt_bytes": 0}, True),
    ({"maxTokens": "<=10"}, {}, True),
    ({"maxTokens": ">10"}, {}, False),
    ({"maxTokens": "<=10"}, {"max_tokens": None}, False),
    ({"maxTokens": ">10"}, {"max_tokens": None}, False),
    ({"maxTokens": ">10"}, {"max_tokens": float("inf")}, True),
    ({"maxTokens": "<10"}, {"max_tokens": 9.5}, True),
    ({"tools": True}, {}, True),
    ({"tools": False}, {}, False),
    ({"tools": False}, {"tools": False}, True),
    ({"stream": False}, {}, True),
    ({"stream": True}, {}, False),
    ({"step": "plan"}, {}, True),
    ({"step": "Plan"}, {}, False),
    ({"step": "plan"}, {"step": None}, False),
    ({"feature": "search"}, {}, True),
    ({"feature": "other"}, {}, False),
    ({"tenant": "acme"}, {}, True),
    ({"tenant": "anonymous"}, {}, False),
    ({"class": "batch"}, {}, True),
    ({"class": "interactive"}, {}, False),
    ({"missing": ["messages"]}, {}, False),
    ({"missing": ["nothing"]}, {}, False),
    ({"missing": ["none"]}, {}, True),
    ({"missing": ["absent"]}, {}, True),
    ({"missing": ["messages", "absent"]}, {}, True),
    ({"missing": ["deep.key"]}, {}, False),
    ({"missing": ["header:x-a"]}, {}, False),
    ({"missing": ["header:X-None"]}, {}, True),
    ({"missing": ["header:x-empty"]}, {}, False),
    ({"missing": ["messages", "header:x-none"]}, {}, True),
    ({"empty": ["nothing"]}, {}, True),
    ({"empty": ["none"]}, {}, False),
    ({"empty": ["absent"]}, {}, False),
    ({"empty": ["messages", "nothing"]}, {}, True),
    ({"empty": ["header:x-empty"]}, {}, True),
    ({"empty": ["header:x-a"]}, {}, False),
    ({"empty": ["header:x-none"]}, {}, False),
    ({"tools": True, "stream": False, "step": "plan"}, {}, True),
    ({"tools": True, "stream": True, "step": "plan"}, {}, False),
]


def request(**changed: Any) -> Any:
    facts = lua.table_from({key.encode(): to_lua(lua, value) for key, value in {**REQUEST, **changed}.items()})
    facts[b"header"] = lambda name: to_lua(lua, SOME.get(name.decode(), []))
    facts[b"kind"] = lambda path: to_lua(lua, KINDS.get(path.decode()))
    return facts


def holds(when: Any, **changed: Any) -> Any:
    return conditions.hold(to_lua(lua, when), request(**changed))


@pytest.mark.parametrize(("when", "changed", "expected"), CASES, ids=str)
def test_a_condition_holds_where_it_should(when: dict[str, Any], changed: dict[str, Any], expected: bool) -> None:
    assert holds(plan_condition(When.model_validate(when)), **changed) is expected


def test_every_condition_that_a_policy_may_have_is_in_the_table() -> None:
    fields = {field.alias or name for name, field in When.model_fields.items()}
    assert {name for when, _, _ in CASES for name in when} == fields


def test_no_condition_holds_for_everything_and_an_unknown_one_for_nothing() -> None:
    assert conditions.hold(None, request()) is True
    assert holds({}) is True
    assert holds({"moon": "full"}) is False
    assert holds({"tools": True, "moon": "full"}) is False


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_the_body_is_walked_through_only_where_all_else_holds(name: str) -> None:
    looks: list[bytes] = []
    for number in range(20):  # a table has another order each time it is made
        when = to_lua(lua, {name: [{"path": "messages"}], "feature": "other", f"x{number}": None})
        asked = request()
        asked[b"kind"] = looks.append
        assert conditions.hold(when, asked) is False
    assert not looks
