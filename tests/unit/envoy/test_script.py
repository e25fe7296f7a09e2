"""The scripts that Envoy runs: each has what it needs and nothing else."""

import re

import pytest
from lupa import luajit21

from modelfleet.envoy.display import display_resource
from modelfleet.envoy.script import ENTRIES, bundle, modules, render_script
from modelfleet.fleet.world import Gateway

# LuaJIT as it comes, and `require` finds what is preloaded and nothing else.
BARE = """
local text = ...
package.loaders, package.path, package.cpath = { package.loaders[1] }, "", ""
local own = {}
for name in pairs(package.preload) do own[name] = true end
assert(loadstring(text))()
local brought = {}
for name in pairs(package.preload) do
  if not own[name] then brought[#brought + 1] = name end
end
return type(envoy_on_request), type(envoy_on_response), brought
"""


def loaded(entry: str) -> tuple[bytes, bytes, set[str]]:
    """What Envoy finds to call, and the modules that the script brings along."""
    lua = luajit21.LuaRuntime(encoding=None, unpack_returned_tuples=True)
    before, after, names = lua.execute(BARE, bundle(entry).encode())
    return before, after, {name.decode() for name in names.values()}


def needed(entry: str) -> set[str]:
    """By the texts alone: what an entry requires, and what those require."""
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in modules() and name not in found:
            found.add(name)
            waiting += re.findall(r"require\(\s*[\"']([^\"']+)[\"']\s*\)", modules()[name])
    return found


CALLED = {
    "gateway": {"envoy_on_request"},
    "rename": {"envoy_on_request"},
    "judge": {"envoy_on_response"},
    "gate": {"envoy_on_request"},
    "tell": {"envoy_on_response"},
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_script_runs_with_nothing_beside_it_and_is_called_for_no_more_than_it_does(entry: str) -> None:
    """Each call costs Envoy something, also where nothing is done."""
    before, after, _ = loaded(entry)
    called = {
        name for name, kind in (("envoy_on_request", before), ("envoy_on_response", after)) if kind == b"function"
    }
    assert called == CALLED[entry]


COMPILED = """
local text = ...
local options = {}
package.loaded["jit.opt"] = { start = function(...) options = { ... } end }
assert(loadstring(text))()
return (jit.status()), options
"""


READING = b"""
local body = '{"model":"m","messages":"' .. ("some words\\\\n"):rep(40000) .. '"}'
local function fetch(offset, count)
  return body:sub(offset + 1, offset + count)
end
local function took()
  local began = os.clock()
  assert(require("reader").read(fetch, #body))
  return os.clock() - began
end
local before = math.min(took(), took(), took())
require("jit").off()
require("jit").flush()
return before, took()
"""


def compiled(entry: str) -> tuple[bool, set[str]]:
    """Whether LuaJIT compiles what the script does, and with how much room."""
    lua = luajit21.LuaRuntime(encoding=None, unpack_returned_tuples=True)
    lua.execute(b"package.loaders = { package.loaders[1] }")
    found, options = lua.execute(COMPILED, bundle(entry).encode())
    return found, {option.decode() for option in options.values()}


def test_the_reader_is_compiled_with_room_for_all_its_ways_and_what_only_calls_envoy_is_not() -> None:
    assert compiled("gateway") == (True, {"maxtrace=4000", "maxmcode=4096"})
    assert {entry: compiled(entry)[0] for entry in ("judge", "gate", "tell")} == dict.fromkeys(
        ("judge", "gate", "tell"), False
    )


def test_the_reader_stays_compiled_when_the_script_has_been_read() -> None:
    lua = luajit21.LuaRuntime(encoding=None, unpack_returned_tuples=True)
    lua.execute(b"package.loaders = { package.loaders[1] }")
    compiled, interpreted = lua.execute(bundle("gateway").encode() + READING)
    assert compiled * 5 < interpreted


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_script_has_every_file_that_it_needs_once_and_no_other(entry: str) -> None:
    text = bundle(entry)
    assert {name for name in modules() if modules()[name] in text} == needed(entry)
    assert all(text.count(modules()[name]) == 1 for name in needed(entry))
    assert loaded(entry)[2] == needed(entry)
    assert text.endswith(f'\nrequire("{entry}")\n')


def test_every_file_is_needed_by_one_of_them() -> None:
    assert set.union(*(needed(entry) for entry in ENTRIES)) == set(modules())


@pytest.mark.parametrize("entry", sorted({*ENTRIES} - {"gateway"}))
def test_nothing_behind_the_gateway_needs_the_reader_or_the_catalogue(entry: str) -> None:
    """Those of a try are told again with each way that has a key, and again at each change of those."""
    assert {"reader", "reader_grammar", "catalogue", "chance"} & needed(entry) == set()


def test_no_entry_has_another_in_it() -> None:
    for entry in ENTRIES:
        assert {*ENTRIES} & needed(entry) == {entry}


@pytest.mark.parametrize("name", sorted(modules()))
def test_nothing_global_but_what_envoy_calls(name: str) -> None:
    assert set(re.findall(r"^function (\w+)\(", modules()[name], re.MULTILINE)) == CALLED.get(name, set())


@pytest.mark.parametrize("hosts", [{}, {"a.example.com": ["auto", "b"], "b.example.com": ["auto"]}])
def test_the_script_knows_the_hosts_and_changes_with_nothing_else(hosts: dict[str, list[str]]) -> None:
    made = render_script(Gateway("default", port=1, max_body_bytes=5000), hosts)
    shown = display_resource(made, script=True)["resource"]["typed_config"]
    assert shown["filter_context"] == {"hosts": hosts, "maxBodyBytes": 5000}
    assert shown["default_source_code"]["inline_string"] == bundle("gateway")
    assert made == render_script(Gateway("other", port=2, max_body_bytes=5000), dict(hosts))
