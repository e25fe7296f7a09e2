"""Whether an object in the cluster is what is wanted of it, whatever others have added beside.

Lists follow the rules of a server-side apply: where items have a key of their own, others may have added some; where
the list or map is one thing, it is ours whole.
"""

from collections.abc import Mapping
from typing import Any, Final

KEYS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "volumes": (("name",),),
    "env": (("name",),),
    "imagePullSecrets": (("name",),),
    "resourceClaims": (("name",),),
    "claims": (("name",),),
    "volumeMounts": (("mountPath",),),
    "volumeDevices": (("devicePath",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "ownerReferences": (("uid",),),
    "hostAliases": (("ip",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
}
"""By what the items of a list are told apart, by the field that holds it. The first that an item has counts."""
DEFAULTS: Final = {"protocol": "TCP"}
"""What a part of a key is where nobody says."""
WHOLE: Final = frozenset(
    {"selector", "matchLabels", "matchExpressions", "nodeSelectorTerms", "tolerations", "httpHeaders", "nodeSelector"}
    | {"preferredDuringSchedulingIgnoredDuringExecution"}
)
"""What is ours whole, and has no defaults in it that the API server would add."""


def contains(live: Any, wanted: Any, name: str = "") -> bool:
    """Whether all that is wanted is there. `name` is the field that holds it."""
    if name in WHOLE:
        return bool(live == wanted)
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            field in live and contains(live[field], part, field) for field, part in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return isinstance(live, list) and _contains_all(live, list(wanted), name)
    return bool(live == wanted) and isinstance(live, bool) is isinstance(wanted, bool)


def without_rivals(live: Any, wanted: Any, name: str = "") -> Any:
    """What is there, with what is wanted in the place of items of the same name that have another key.

    Beside those an item cannot be applied: a port that somebody renumbered keeps the name that ours is to have.
    """
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return {
            field: without_rivals(part, wanted[field], field) if field in wanted else part
            for field, part in live.items()
        }
    keys = _keys(wanted, name)
    if not isinstance(live, list) or keys is None:
        return live
    by_key = dict(zip(keys, wanted, strict=True))
    by_name = {item["name"]: item for item in wanted if "name" in item}
    found = []
    for item in live:
        key = _key(item, name)
        if key in by_key:
            found.append(without_rivals(item, by_key[key]))
        else:
            found.append(by_name.get(item.get("name"), item) if key else item)
    return found


def _contains_all(live: list[Any], wanted: list[Any], name: str) -> bool:
    keys = _keys(wanted, name)
    if keys is None:
        return len(live) == len(wanted) and all(map(contains, live, wanted))
    order = [_key(item, name) for item in live]
    there = dict(zip(order, live, strict=True))
    return keys == [key for key in order if key in keys] and all(
        contains(there[key], item) for key, item in zip(keys, wanted, strict=True)
    )


def _keys(items: Any, name: str) -> list[tuple[Any, ...]] | None:
    """By what items are told apart; None where they are not."""
    found = [_key(item, name) for item in items] if isinstance(items, list) else [None]
    keys = [key for key in found if key is not None]
    return keys if keys and len(set(keys)) == len(found) else None


def _key(item: Any, name: str) -> tuple[Any, ...] | None:
    if not isinstance(item, Mapping):
        return None
    for fields in KEYS.get(name, ()):
        if fields[0] in item:
            return (fields[0], *(item.get(field, DEFAULTS.get(field)) for field in fields))
    return None
