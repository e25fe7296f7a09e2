"""The rules that a proto may state for one value, as tests with what is said when they fail."""

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.descriptor import FieldDescriptor
from validate import validate_pb2 as pgv

Test = tuple[Callable[[Any], bool], str]
"""What must hold of a value, and what is said when it does not."""

_WRAPPERS = "google/protobuf/wrappers.proto"
_NANOS = 10**9

# As protoc-gen-validate compiles them for Envoy; without `strict` every kind of header text is only kept on one line.
_HEADER_NAME = r"^:?[0-9a-zA-Z!#$%&'*+-.^_|~`]+$"
_HEADER_VALUE = "^[^\u0000-\u0008\u000a-\u001f\u007f]*$"
_HEADER_TEXT = "^[^\u0000\u000a\u000d]*$"

_UUID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LABEL = re.compile(r"(?!-)[0-9A-Za-z-]{1,63}(?<!-)")
_MAX_HOSTNAME = 253


def tests_of(rules: Any, field: FieldDescriptor) -> tuple[Test, ...]:
    """The tests of one value, be it a field's or an item's."""
    kind = rules.WhichOneof("type")
    build = _KINDS.get(kind, _of_number) if kind else None
    if build is None:
        return ()
    rule = getattr(rules, kind)
    tests = tuple(build(rule, field))
    if getattr(rule, "ignore_empty", False):
        tests = tuple((_unless_empty(holds), said) for holds, said in tests)
    if field.message_type is not None and field.message_type.file.name == _WRAPPERS:
        # UInt32Value and its like: the rule means what is wrapped.
        tests = tuple((_unwrapped(holds), said) for holds, said in tests)
    return tests


def many(count: int, unit: str) -> str:
    """A count with its unit: `1 entry`, `2 entries`."""
    plural = f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
    return f"{count} {unit if count == 1 else plural}"


def _unless_empty(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: not value or holds(value)


def _unwrapped(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda wrapper: holds(wrapper.value)


def _of_number(rule: Any, _: FieldDescriptor) -> Iterator[Test]:
    yield from _bounds(rule, lambda limit: limit, str)
    yield from _choices(rule, lambda value: value, str)


def _of_bool(rule: Any, _: FieldDescriptor) -> Iterator[Test]:
    if rule.HasField("const"):
        yield lambda value: value == rule.const, f"must be {str(rule.const).lower()}"


def _of_time(rule: Any, _: FieldDescriptor) -> Iterator[Test]:
    # Rules that compare with now (lt_now, within) need a clock, and no proto of Envoy's has one.
    yield from _bounds(rule, _nanos, _seconds)
    if rule.DESCRIPTOR.name == "DurationRules":
        yield from _choices(rule, _nanos, _seconds)
    elif rule.HasField("const"):
        yield lambda value: bool(value == rule.const), f"must be {_seconds(rule.const)}"


def _nanos(time: Any) -> int:
    return int(time.seconds) * _NANOS + int(time.nanos)


def _seconds(time: Any) -> str:
    return f"{_nanos(time) / _NANOS:g}s"


def _of_enum(rule: Any, field: FieldDescriptor) -> Iterator[Test]:
    assert field.enum_type is not None
    names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
    if rule.defined_only:
        yield names.__contains__, "is no value of its enum"
    yield from _choices(rule, lambda value: value, lambda number: names.get(number, str(number)))


def _of_any(rule: Any, _: FieldDescriptor) -> Iterator[Test]:
    allowed, refused = list(getattr(rule, "in")), list(rule.not_in)
    if allowed:
        yield lambda packed: packed.type_url in allowed, f"must be of type {' or '.join(allowed)}"
    if refused:
        yield lambda packed: packed.type_url not in refused, f"must not be of type {' or '.join(refused)}"


def _bounds(rule: Any, of: Callable[[Any], Any], write: Callable[[Any], str]) -> Iterator[Test]:
    low = next((name for name in ("gt", "gte") if rule.HasField(name)), None)
    high = next((name for name in ("lt", "lte") if rule.HasField(name)), None)
    tests: list[Test] = []
    if low:
        floor, least = of(getattr(rule, low)), write(getattr(rule, low))
        tests.append(
            (lambda value: of(value) > floor, f"must be more than {least}")
            if low == "gt"
            else (lambda value: of(value) >= floor, f"must be at least {least}")
        )
    if high:
        ceiling, most = of(getattr(rule, high)), write(getattr(rule, high))
        tests.append(
            (lambda value: of(value) < ceiling, f"must be less than {most}")
            if high == "lt"
            else (lambda value: of(value) <= ceiling, f"must be at most {most}")
        )
    if low and high and ceiling < floor:
        # The limits in the wrong order mean all that is not between them.
        (above, low_said), (under, high_said) = tests
        tests = [(lambda value: above(value) or under(value), f"{low_said} or {high_said.removeprefix('must be ')}")]
    yield from tests


def _choices(rule: Any, of: Callable[[Any], Any], write: Callable[[Any], str]) -> Iterator[Test]:
    if rule.HasField("const"):
        only = of(rule.const)
        yield lambda value: bool(of(value) == only), f"must be {write(rule.const)}"
    allowed = [of(choice) for choice in getattr(rule, "in")]
    if allowed:
        yield lambda value: of(value) in allowed, f"must be one of {', '.join(map(write, getattr(rule, 'in')))}"
    refused = [of(choice) for choice in rule.not_in]
    if refused:
        yield lambda value: of(value) not in refused, f"must not be {' or '.join(map(write, rule.not_in))}"


def _of_text(rule: Any, _: FieldDescriptor) -> Iterator[Test]:
    yield from _lengths(rule)
    yield from _parts(rule)
    yield from _choices(rule, lambda value: value, repr)
    if rule.pattern:
        yield from _matches(rule.pattern)
    if rule.DESCRIPTOR.name == "StringRules" and rule.well_known_regex:
        yield from _header(rule)
    for name, (holds, said) in _WELL_KNOWN.items():
        if getattr(rule, name, False):
            yield holds, said


def _lengths(rule: Any) -> Iterator[Test]:
    """The lengths of a text, in characters and in bytes; bytes have only the first, which are bytes there."""
    unit = "character" if rule.DESCRIPTOR.name == "StringRules" else "byte"
    for suffix, size, of in (("len", len, unit), ("bytes", _utf8_size, "byte")):
        exact = "len" if suffix == "len" else "len_bytes"
        for name, holds, said in (
            (exact, int.__eq__, "must have {}"),
            (f"min_{suffix}", int.__ge__, "must have at least {}"),
            (f"max_{suffix}", int.__le__, "must have at most {}"),
        ):
            if name in rule.DESCRIPTOR.fields_by_name and rule.HasField(name):
                yield _sized(size, holds, getattr(rule, name)), said.format(many(getattr(rule, name), of))


def _utf8_size(text: str) -> int:
    return len(text.encode())


def _sized(size: Callable[[Any], int], holds: Callable[[int, int], bool], limit: int) -> Callable[[Any], bool]:
    return lambda value: holds(size(value), limit)


def _parts(rule: Any) -> Iterator[Test]:
    prefix, suffix, inner = rule.prefix, rule.suffix, rule.contains
    if prefix:
        yield lambda value: value.startswith(prefix), f"must begin with {prefix!r}"
    if suffix:
        yield lambda value: value.endswith(suffix), f"must end with {suffix!r}"
    if inner:
        yield lambda value: inner in value, f"must contain {inner!r}"
    outer = getattr(rule, "not_contains", "")
    if outer:
        yield lambda value: outer not in value, f"must not contain {outer!r}"


def _matches(pattern: str, said: str = "") -> Iterator[Test]:
    try:
        compiled = re.compile(pattern)
    except re.error:
        # Written for RE2, which knows more: Envoy holds it all the same, and a newer proto must not stop us.
        return
    yield (
        lambda text: compiled.fullmatch(text if isinstance(text, str) else text.decode("latin-1")) is not None,
        said or f"must match {pattern!r}",
    )


def _header(rule: Any) -> Iterator[Test]:
    if not rule.strict:
        yield from _matches(_HEADER_TEXT, "must not contain NUL or line breaks")
    elif rule.well_known_regex == pgv.KnownRegex.HTTP_HEADER_NAME:
        yield from _matches(_HEADER_NAME, "must be the name of a header")
    else:
        yield from _matches(_HEADER_VALUE, "must not contain control characters")


def _parses(parse: Callable[[Any], Any]) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        try:
            return bool(parse(value))
        except ValueError:
            return False

    return holds


def _is_hostname(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= _MAX_HOSTNAME and all(_LABEL.fullmatch(label) for label in labels)


def _is_email(text: str) -> bool:
    user, _, host = text.rpartition("@")
    return bool(user) and _is_hostname(host)


_is_ip = _parses(lambda value: ip_address(value) is not None)

_WELL_KNOWN: dict[str, tuple[Callable[[Any], bool], str]] = {
    "email": (_is_email, "must be an e-mail address"),
    "hostname": (_is_hostname, "must be a host name"),
    "ip": (_is_ip, "must be an IP address"),
    "ipv4": (_parses(lambda value: IPv4Address(value) is not None), "must be an IPv4 address"),
    "ipv6": (_parses(lambda value: IPv6Address(value) is not None), "must be an IPv6 address"),
    "uri": (_parses(lambda text: urlsplit(text).scheme), "must be a URI"),
    "uri_ref": (_parses(lambda text: urlsplit(text) is not None), "must be a URI reference"),
    "address": (lambda text: _is_ip(text) or _is_hostname(text), "must be a host name or an IP address"),
    "uuid": (lambda text: _UUID.fullmatch(text) is not None, "must be a UUID"),
}

_KINDS: dict[str, Callable[[Any, FieldDescriptor], Iterator[Test]]] = {
    "bool": _of_bool,
    "string": _of_text,
    "bytes": _of_text,
    "enum": _of_enum,
    "any": _of_any,
    "duration": _of_time,
    "timestamp": _of_time,
}
