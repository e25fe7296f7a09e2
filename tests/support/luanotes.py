"""Envoy's dynamic metadata as our scripts meet it: what is noted is copied, and comes back as a message keeps it."""

import json
from typing import Any

from lupa import luajit21

from tests.support.luavalues import to_lua

OURS, SENT = "modelfleet", "modelfleet.sent"


class Notes:
    """The notes of one request, which all its scripts read and write."""

    def __init__(self, **ours: Any) -> None:
        self._kept: dict[str, dict[str, Any]] = {OURS: ours} if ours else {}

    def of(self, namespace: str = OURS) -> Any:
        return self._kept.get(namespace, {})

    def put(self, namespace: str, **values: Any) -> None:
        self._kept.setdefault(namespace, {}).update(values)

    def for_lua(self, lua: Any) -> Any:
        """What the handle of a script calls."""

        def get(namespace: bytes) -> Any:
            found = self._kept.get(namespace.decode())
            return None if found is None else to_lua(lua, found)

        def put(namespace: bytes, key: bytes, value: Any) -> None:
            assert value is not None, "nothing cannot be noted"
            self.put(namespace.decode(), **{key.decode(): noted(value)})

        return lua.table_from({b"get": get, b"set": put})


def noted(value: Any) -> Any:
    """The value as a message keeps it. An empty table is a mapping there and never a list."""
    if isinstance(value, bytes):
        assert b"\0" not in value, "Envoy ends a text at the first zero byte"
        return value.decode(errors="surrogateescape")
    kind = luajit21.lua_type(value)
    if kind != "table":
        assert kind is None, f"a {kind} cannot be noted"
        return value
    items = dict(value.items())
    if items and all(isinstance(key, int) and key > 0 for key in items):
        return [noted(items.get(place)) for place in range(1, max(items) + 1)]
    assert all(isinstance(key, bytes) for key in items), f"keys of a note are texts: {list(items)}"
    return {key.decode(): noted(item) for key, item in items.items()}


# How our scripts pack what they note is read here and nowhere else.


def decision_of(notes: Notes) -> dict[str, Any]:
    """What was decided of a request, and where it has got to since."""
    found: dict[str, Any] = written_out(notes)["decision"] if is_packed(notes) else notes.of().get("decision", {})
    return found


def state_of(notes: Notes) -> dict[str, Any]:
    """What the gate has to know of it."""
    kept = notes.of("modelfleet.ladder")
    found: dict[str, Any] = {**written_out(notes)["state"], **kept} if is_packed(notes) else kept["state"]
    return found


def began_of(notes: Notes) -> int:
    """When its last try began."""
    found: int = written_out(notes)["began"] if is_packed(notes) else notes.of()["began"]
    return found


def is_packed(notes: Notes) -> bool:
    """Whether all that is noted of it is a text."""
    return bool(notes.of(SENT).get("packed"))


def written_out(notes: Notes) -> dict[str, Any]:
    """What such a text says."""
    times, identity, policy, rule, tier, target, numbers, written = notes.of(SENT)["packed"].split("\n", 7)
    began, length, passes = map(int, times.split())
    kind, *found = numbers.split()
    place, spot, seen, bound, total, till, start, size = map(float, found)
    decision = {name: it for name, it in json.loads("{" + notes.of()["first"][:length] + "}").items() if it is not None}
    named = {"id": identity, "policy": policy, "rule": rule, "tier": tier, "target": target}
    assert named == {name: decision.get(name, "-") for name in named}
    state = {"wanted": {kind: place}, "spot": spot, "seen": seen, "bound": bound, "total": total, "till": till}
    state |= {"from": start, "length": size, "written": written, "rung": 1, "repeats": 0, "made": 0}
    state |= {"tier": tier} if tier != "-" else {}
    return {"decision": {**decision, "reason": "wanted", "passes": bool(passes)}, "state": state, "began": began}


def groups_of(notes: Notes) -> list[Any]:
    """Where its attempts go, if that is noted, and no route's business any more."""
    found: list[Any] = notes.of("modelfleet.way").get("priority_groups", [])
    return found


def under_way(began: int, attempts: list[dict[str, Any]], decision: dict[str, Any], **others: Any) -> Notes:
    """What is noted of a request while the last of these tries is under way."""
    notes = Notes(decision=decision, sent=True, began=began, attempts=attempts, **others)
    notes.put("modelfleet.ladder", state={"wanted": {"tier": 1}})
    return notes


def said(decision: dict[str, Any], notes: Notes | None = None) -> Notes:
    """What is noted of a request that one of our scripts answers."""
    notes = notes or Notes(sent=False)
    notes.put(OURS, decision=decision, said=True)
    return notes
