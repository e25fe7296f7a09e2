"""What a request looks like to the model that it goes to: its path, whose credentials it has, the name in its body."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.luajit import required, runtime
from tests.support.luavalues import from_lua, to_lua

lua = runtime()
upstreams = required(lua, "upstreams")
SECRETS = ("authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")
CALLERS = {name: f"caller's {name}" for name in SECRETS}
PATH = "/v1/chat/completions?x=/v1/"
HEADERS = """
local kept = ...
local headers = {}
function headers:get(name) return kept[name] end
function headers:getNumValues(name) return kept[name] and 1 or 0 end
function headers:remove(name) kept[name] = nil end
function headers:replace(name, value)
  assert(type(value) == "string", "headers are strings")
  kept[name] = value
end
return headers
"""
BODY = """
local bytes = ...
local body = {}
function body:length() return #bytes end
function body:getBytes(from, count)
  assert(from >= 0 and count > 0 and from + count <= #bytes, "outside the body")
  return bytes:sub(from + 1, from + count)
end
function body:setBytes(changed) bytes = changed end
return body
"""


def dressed(model: dict[str, Any], kept: dict[str, str] | None = None, **headers: str) -> dict[str, str]:
    table = to_lua(lua, {":path": PATH, "x-other": "1", **{name.replace("_", "-"): it for name, it in headers.items()}})
    upstreams.dress(lua.execute(HEADERS, table), to_lua(lua, model), to_lua(lua, kept) if kept else None)
    return {from_lua(name): from_lua(value) for name, value in table.items()}


def kept(plan: dict[str, Any], **headers: str) -> Any:
    found = upstreams.keep(lua.execute(HEADERS, to_lua(lua, {":path": PATH, **headers})), to_lua(lua, plan))
    return from_lua(found)


# The headers.


def test_a_model_hears_nothing_of_the_caller_s_credentials_unless_they_are_passed_through() -> None:
    plain = {":path": PATH, "x-other": "1"}
    assert dressed({}, None, **CALLERS) == plain
    assert dressed({"passThrough": False}, None, **CALLERS) == plain
    assert dressed({"passThrough": True}, None, **CALLERS) == {**plain, **CALLERS}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/openai/v2", "/openai/v2/chat/completions?x=/v1/"),
        ("", "/chat/completions?x=/v1/"),
        (None, PATH),
    ],
)
def test_the_path_begins_as_the_model_s_address_does(path: str | None, expected: str) -> None:
    model = {} if path is None else {"path": path}
    assert dressed(model)[":path"] == expected


def test_a_later_try_has_the_path_and_the_credentials_as_they_came() -> None:
    came = {":path": PATH, **CALLERS}
    changed = {":path": "/other/chat/completions"}
    assert dressed({}, came, **changed)[":path"] == PATH
    assert dressed({"path": "/third"}, came, **changed)[":path"] == "/third/chat/completions?x=/v1/"
    again = dressed({"passThrough": True}, came)
    assert {name: again[name] for name in SECRETS} == CALLERS
    assert not SECRETS & dressed({}, came, **CALLERS).keys()


def test_a_key_of_ours_goes_no_further_than_the_model_that_it_is_for() -> None:
    assert "authorization" not in dressed({}, {":path": PATH}, authorization="Bearer ours")
    assert "authorization" not in dressed({}, None, authorization="Bearer ours")


@pytest.mark.parametrize("came", [{}, {"x-api-key": "caller's"}])
def test_a_model_with_the_caller_s_own_credentials_has_no_others(came: dict[str, str]) -> None:
    """Envoy put our key on for the model before, and headers live as long as the request."""
    made = dressed({"passThrough": True}, {":path": PATH, **came}, authorization="Bearer ours")
    assert made == {":path": PATH, "x-other": "1", **came}


def test_only_what_a_model_of_the_policy_may_want_is_kept() -> None:
    assert kept({}, **CALLERS) is None
    assert kept({"keeps": False, "passes": False}, **CALLERS) is None
    assert kept({"keeps": True, "passes": False}, **CALLERS) == {":path": PATH}
    assert kept({"keeps": True, "passes": True}, **CALLERS) == {":path": PATH, **CALLERS}
    assert kept({"keeps": True, "passes": True}, cookie="a=b") == {":path": PATH, "cookie": "a=b"}


def wants(tiers: list[Any], rules: list[Any]) -> tuple[bool, bool]:
    plan = {"tiers": [{"models": models} for models in tiers], "rules": rules}
    keeps, passes = upstreams.wants(to_lua(lua, plan))
    return keeps, passes


OWN, ROOTED, PASSING = {"name": "m"}, {"name": "r", "path": ""}, {"name": "p", "passThrough": True}


@pytest.mark.parametrize(
    ("tiers", "rules", "expected"),
    [
        ([[OWN]], [], (False, False)),
        ([[OWN], [OWN, ROOTED]], [], (True, False)),
        ([[OWN, PASSING]], [], (True, True)),
        ([[PASSING], [ROOTED]], [], (True, True)),
        ([[OWN]], [{"models": [OWN]}, {"models": [PASSING]}], (True, True)),
        ([[OWN]], [{"models": [ROOTED]}, {"tier": 1}, {"answer": {}}], (True, False)),
        ([[OWN]], [{"tier": 1}], (False, False)),
    ],
)
def test_a_policy_wants_what_any_of_its_models_wants(tiers: Any, rules: Any, expected: tuple[bool, bool]) -> None:
    assert wants(tiers, rules) == expected


# The name in the body.


def renamed(body: bytes, begin: int, length: int, name: bytes) -> tuple[bytes, int]:
    made = lua.execute(BODY, body)
    now = upstreams.rename(made, begin, length, name)
    return made.getBytes(made, 0, made.length(made)), now


@pytest.mark.parametrize("name", [b"m", b"meta-llama/Llama-3.1-8B", b'a"b', b"a\\b", b"\n", b"%1"])
def test_the_name_is_written_in_its_place_and_every_other_byte_stays(name: bytes) -> None:
    before, after = b'{"a": "auto", "model": ', b', "seed": 1, "model2": "auto"}'
    body, length = renamed(before + b'"auto"' + after, len(before), 6, name)
    assert (body[: len(before)], body[len(before) + length :]) == (before, after)
    quoted = body[len(before) : len(before) + length]
    assert quoted.decode("unicode-escape") == f'"{name.decode()}"'


@given(st.lists(st.text("abc/.-", min_size=1, max_size=12), min_size=1, max_size=5), st.binary(max_size=20))
def test_names_follow_each_other_in_one_place(names: list[str], rest: bytes) -> None:
    body, length = b'"auto"' + rest, len(b'"auto"')
    for name in names:
        body, length = renamed(body, 0, length, name.encode())
        assert body == f'"{name}"'.encode() + rest
        assert length == len(name) + 2
