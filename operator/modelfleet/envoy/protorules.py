"""The rules that Envoy's protos carry, held against messages before Envoy does.

Written here because protoc-gen-validate's Python package generates and runs source at run time and is no longer
developed, and its successor protovalidate reads other annotations (`buf.validate`) than Envoy's (`validate.rules`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from validate import validate_pb2 as pgv

from modelfleet.envoy.valuerules import Test, many, tests_of
from modelfleet.envoy.walk import Fields, Walk, is_map, value_type

_Check = Callable[[Any], list[tuple[str, str]]]
"""What is wrong with the value of one field, each with the place below the field."""


def violations(message: Message) -> Iterator[str]:
    """What is wrong with the message and all below it, as `virtual_hosts[0].routes[2].match: is required`."""
    for path, sentence in _WALK.over(message):
        yield f"{path}: {sentence}" if path else sentence


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of one message type."""

    absent: tuple[tuple[int, str, str], ...]
    checks: dict[int, tuple[str, _Check]]
    oneofs: tuple[tuple[str, frozenset[int]], ...]

    def look(self, _: Message, fields: Fields) -> list[tuple[str, str]]:
        """What the fields break. Only what is set is looked at; what is missing was judged beforehand."""
        found: list[tuple[str, str]] = []
        for number, name, sentence in self.absent:
            if number not in fields:
                found.append((name, sentence))
        for number, value in fields.items():
            known = self.checks.get(number)
            if known is not None:
                found.extend((known[0] + below, sentence) for below, sentence in known[1](value))
        for name, members in self.oneofs:
            if members.isdisjoint(fields):
                found.append((name, "is required"))
        return found


def _look_of(descriptor: Descriptor) -> Callable[[Message, Fields], list[tuple[str, str]]] | None:
    if _is_off(descriptor):
        return None
    absent: list[tuple[int, str, str]] = []
    checks: dict[int, tuple[str, _Check]] = {}
    for field in descriptor.fields:
        if not field.GetOptions().HasExtension(pgv.rules):
            continue
        rules = field.GetOptions().Extensions[pgv.rules]
        check = _check_of(rules, field)
        if check is not None:
            checks[field.number] = (field.name, check)
        absent.extend((field.number, field.name, said) for said in _said_of_absent(rules, field, check))
    oneofs = tuple(
        (oneof.name, frozenset(member.number for member in oneof.fields))
        for oneof in descriptor.oneofs
        if oneof.GetOptions().Extensions[pgv.required]
    )
    return _Rules(tuple(absent), checks, oneofs).look if absent or checks or oneofs else None


def _is_off(descriptor: Descriptor) -> bool:
    options = descriptor.GetOptions()
    return bool(options.Extensions[pgv.disabled] or options.Extensions[pgv.ignored])


def _enters(field: FieldDescriptor) -> bool:
    rules = field.GetOptions().Extensions[pgv.rules]
    below = value_type(field)
    return not (rules.message.skip or rules.repeated.items.message.skip or (below is not None and _is_off(below)))


def _said_of_absent(rules: Any, field: FieldDescriptor, check: _Check | None) -> Iterable[str]:
    """What is wrong with a message that lacks the field: such a one has the default, unless it can tell the two."""
    if field.containing_oneof is not None:
        return ()
    if field.has_presence:
        return ("is required",) if _is_required(rules) else ()
    if check is None:
        return ()
    empty: Any = field.default_value
    if field.is_repeated:
        empty = {} if is_map(field) else []
    return [said for _, said in check(empty)]


def _is_required(rules: Any) -> bool:
    kind = rules.WhichOneof("type")
    return bool(rules.message.required or (kind in ("any", "duration", "timestamp") and getattr(rules, kind).required))


def _check_of(rules: Any, field: FieldDescriptor) -> _Check | None:
    kind = rules.WhichOneof("type")
    if kind == "repeated":
        return _check_of_list(rules.repeated, field)
    if kind == "map":
        return _check_of_map(rules.map, field)
    tests = tests_of(rules, field)
    if not tests:
        return None
    return lambda value: [("", said) for holds, said in tests if not holds(value)]


def _check_of_list(rule: Any, field: FieldDescriptor) -> _Check:
    whole = list(_counts(rule, "min_items", "max_items", "item"))
    if rule.unique:
        whole.append((_has_no_twins, "has an item twice"))
    each = tests_of(rule.items, field)

    def check(items: Any) -> list[tuple[str, str]]:
        if rule.ignore_empty and not items:
            return []
        found = [("", said) for holds, said in whole if not holds(items)]
        if each:
            for index, item in enumerate(items):
                found.extend((f"[{index}]", said) for holds, said in each if not holds(item))
        return found

    return check


def _check_of_map(rule: Any, field: FieldDescriptor) -> _Check:
    assert field.message_type is not None
    whole = list(_counts(rule, "min_pairs", "max_pairs", "entry"))
    keys = tests_of(rule.keys, field.message_type.fields_by_name["key"])
    values = tests_of(rule.values, field.message_type.fields_by_name["value"])

    def check(pairs: Any) -> list[tuple[str, str]]:
        if rule.ignore_empty and not pairs:
            return []
        found = [("", said) for holds, said in whole if not holds(pairs)]
        for key in sorted(pairs) if keys or values else ():
            found.extend((f"[{key}]", f"the key {said}") for holds, said in keys if not holds(key))
            found.extend((f"[{key}]", said) for holds, said in values if not holds(pairs[key]))
        return found

    return check


def _counts(rule: Any, least: str, most: str, unit: str) -> Iterator[Test]:
    low, high = getattr(rule, least), getattr(rule, most)
    if rule.HasField(least):
        yield lambda items: len(items) >= low, f"has fewer than {many(low, unit)}"
    if rule.HasField(most):
        yield lambda items: len(items) <= high, f"has more than {many(high, unit)}"


def _has_no_twins(items: Any) -> bool:
    plain = [item.SerializeToString(deterministic=True) if isinstance(item, Message) else item for item in items]
    return len(set(plain)) == len(plain)


_WALK: Walk[str] = Walk(_look_of, _enters, lambda type_url: f"does not parse as {type_url}")
