"""What a central server sends, read as bytes, and what of it must not be passed on."""

from collections.abc import Collection
from typing import Any

from modelfleet.envoy.resource import XdsResource
from modelfleet.xds.emptiness import meant_empty
from modelfleet.xds.types import PUSH_ORDER


def resource_in(sent: Any) -> XdsResource:
    """One resource of a response in which nothing is wrong."""
    return XdsResource(sent.resource.type_url, sent.name, sent.version, sent.resource.value, frozenset())


def what_is_wrong(response: Any, held: Collection[str]) -> str:
    """Why the response is refused whole by somebody who holds these names of its type, or nothing."""
    type_url = response.type_url
    if type_url not in PUSH_ORDER:
        return f"a gateway takes no resources of type {type_url!r}"
    names = [sent.name for sent in response.resources] + list(response.removed_resources)
    if len(set(names)) < len(names):
        return "a name stands twice in one response"
    for sent in response.resources:
        if sent.resource.type_url != type_url:
            return f"{sent.name!r} has no body, or one of another type"
        if not sent.version:
            return f"{sent.name!r} has no version"
    if _removes_all(response, held) and type_url not in meant_empty(response.system_version_info):
        short = type_url.rpartition(".")[2]
        return f"it removes every {short}, {len(held)} in all, and the server does not say that it has none: they stay"
    return ""


def _removes_all(response: Any, held: Collection[str]) -> bool:
    return bool(held) and not response.resources and set(response.removed_resources).issuperset(held)
