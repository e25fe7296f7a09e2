"""The scripts that Envoy runs: files of lua/ in one text, the same for every policy."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig

from modelfleet.envoy.names import NAMESPACE
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.envoy.typed import typed_struct
from modelfleet.fleet.world import Gateway

FOLDER = files("modelfleet.envoy").joinpath("lua")
ENTRIES = ("gateway", "rename", "judge", "gate", "tell")
"""What Envoy calls, each a script of its own: when a request comes, at its tries, between them, and on the way back."""
_NEEDED = re.compile(r'require\("([a-z_]+)"\)')


@cache
def modules() -> dict[str, str]:
    """The text of each file by its name, in the order of the names."""
    found = sorted((item.name.removesuffix(".lua"), item) for item in FOLDER.iterdir() if item.name.endswith(".lua"))
    return {name: item.read_text(encoding="utf-8") for name, item in found}


@cache
def bundle(entry: str) -> str:
    """An entry and all that it needs as one script. Each stays a module, found by require as in a folder.

    So does the entry: what a module says of its own compilation holds for it alone.
    """
    texts = modules()
    parts = [f'package.preload["{name}"] = function()\n{texts[name]}\nend\n' for name in sorted(_needed(entry, texts))]
    return f'{"".join(parts)}require("{entry}")\n'


def _needed(entry: str, texts: dict[str, str]) -> set[str]:
    found, waiting = set[str](), [entry]
    while waiting:
        name = waiting.pop()
        if name not in found and name in texts:
            found.add(name)
            waiting += _NEEDED.findall(texts[name])
    return found


def render_script(gateway: Gateway, hosts: Mapping[str, list[str]]) -> XdsResource:
    """The script with the hosts that policies name, and for which names.

    It travels apart from the listener, which each change of it would drain.
    """
    context = {"hosts": dict(hosts), "maxBodyBytes": gateway.max_body_bytes}
    source = {
        "default_source_code": {"inline_string": bundle("gateway")},
        "filter_context": context,
        # The script says itself when a route is to be looked for anew.
        "clear_route_cache": False,
    }
    config = typed_struct("envoy.extensions.filters.http.lua.v3.Lua", source)
    return resource_of(NAMESPACE, TypedExtensionConfig(name=NAMESPACE, typed_config=config))
