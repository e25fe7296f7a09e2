"""The rules of one value, those that Envoy has today and those that the language has."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import envoy
import pytest
from envoy.config.core.v3 import extension_pb2
from google.protobuf import (
    any_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from validate import validate_pb2 as pgv

from modelfleet.envoy.valuerules import tests_of as rules_as_tests


def broken(rules: Any, value: Any, of: Any = wrappers_pb2.StringValue) -> list[str]:
    field: FieldDescriptor = of.DESCRIPTOR.fields_by_name["value"]
    return [said for holds, said in rules_as_tests(rules, field) if not holds(value)]


def text(value: str, **rules: Any) -> list[str]:
    return broken(pgv.FieldRules(string=pgv.StringRules(**rules)), value)


def uint(value: int, **rules: Any) -> list[str]:
    return broken(pgv.FieldRules(uint32=pgv.UInt32Rules(**rules)), value, wrappers_pb2.UInt32Value)


@pytest.mark.parametrize(
    ("rules", "good", "bad"),
    [
        ({"const": 3}, (3,), (2, 4)),
        ({"lt": 3}, (2,), (3,)),
        ({"lte": 3}, (3,), (4,)),
        ({"gt": 3}, (4,), (3,)),
        ({"gte": 3}, (3,), (2,)),
        ({"gt": 3, "lt": 5}, (4,), (3, 5)),
        ({"gte": 5, "lt": 3}, (5, 2), (3, 4)),
        ({"in": [1, 3]}, (1, 3), (2,)),
        ({"not_in": [1, 3]}, (2,), (1, 3)),
        ({"gte": 3, "ignore_empty": True}, (0, 3), (1,)),
    ],
)
def test_numbers_keep_to_their_rules(rules: Any, good: Any, bad: Any) -> None:
    assert [value for value in good if uint(value, **rules)] == []
    assert [value for value in bad if not uint(value, **rules)] == []


@pytest.mark.parametrize(
    ("rules", "good", "bad"),
    [
        ({"const": "a"}, ["a"], ["b", ""]),
        ({"len": 2}, ["ab", "äö"], ["a", "abc"]),
        ({"min_len": 2}, ["äö"], ["ä"]),
        ({"max_len": 2}, ["äö"], ["abc"]),
        ({"len_bytes": 2}, ["ab", "ä"], ["äö"]),
        ({"min_bytes": 2}, ["ä"], ["a"]),
        ({"max_bytes": 2}, ["ä"], ["äö"]),
        ({"pattern": "^a+$"}, ["aa"], ["b", "aa\n", "aab"]),
        ({"pattern": "a"}, ["a"], ["ba", "ab"]),
        ({"prefix": "ab"}, ["abc"], ["cab"]),
        ({"suffix": "ab"}, ["cab"], ["abc"]),
        ({"contains": "ab"}, ["cabc"], ["acb"]),
        ({"not_contains": "ab"}, ["acb"], ["cabc"]),
        ({"in": ["a", "b"]}, ["a"], ["c", ""]),
        ({"not_in": ["a", "b"]}, ["c"], ["a"]),
        ({"min_len": 2, "ignore_empty": True}, ["", "ab"], ["a"]),
        ({"email": True}, ["a@b.c"], ["a", "@b.c", "a@-"]),
        ({"hostname": True}, ["a.b-c", "a."], ["a_b", "-a", "a-", "", "a" * 64, ".".join(["abc"] * 80)]),
        ({"ip": True}, ["1.2.3.4", "::1"], ["1.2.3", "a"]),
        ({"ipv4": True}, ["1.2.3.4"], ["::1"]),
        ({"ipv6": True}, ["::1"], ["1.2.3.4"]),
        ({"uri": True}, ["http://a"], ["/a", "http://["]),
        ({"uri_ref": True}, ["http://a", "/a"], ["http://["]),
        ({"address": True}, ["1.2.3.4", "::1", "a.b"], ["a b"]),
        ({"uuid": True}, ["12345678-1234-1234-1234-123456789abc"], ["12345678123412341234123456789abc", "x"]),
        ({"well_known_regex": pgv.HTTP_HEADER_NAME}, ["x-a", ":path", "a,b"], ["", "a b", "a\n", "a:b", "ä"]),
        ({"well_known_regex": pgv.HTTP_HEADER_NAME, "strict": False}, ["", "a b"], ["a\nb", "a\0", "a\r"]),
        ({"well_known_regex": pgv.HTTP_HEADER_VALUE}, ["", "a b", "\t", "ä"], ["a\n", "\x7f", "\x01"]),
        ({"well_known_regex": pgv.HTTP_HEADER_VALUE, "strict": False}, ["\x01"], ["a\n", "a\r", "\0"]),
    ],
)
def test_texts_keep_to_their_rules(rules: Any, good: Any, bad: Any) -> None:
    assert [value for value in good if text(value, **rules)] == []
    assert [value for value in bad if not text(value, **rules)] == []


def test_bytes_are_counted_as_bytes() -> None:
    rules = pgv.FieldRules(bytes=pgv.BytesRules(min_len=2, prefix=b"a"))
    assert broken(rules, b"ab", wrappers_pb2.BytesValue) == []
    assert broken(rules, b"b", wrappers_pb2.BytesValue) == ["must have at least 2 bytes", "must begin with b'a'"]


def test_packed_types_can_be_limited() -> None:
    field = extension_pb2.TypedExtensionConfig.DESCRIPTOR.fields_by_name["typed_config"]
    rules = pgv.FieldRules(any=pgv.AnyRules(**{"in": ["a"], "not_in": ["b"]}))
    tests = rules_as_tests(rules, field)
    assert [holds(any_pb2.Any(type_url="a")) for holds, _ in tests] == [True, True]
    assert [holds(any_pb2.Any(type_url="b")) for holds, _ in tests] == [False, False]


def test_a_pattern_that_only_envoy_can_read_stops_nobody() -> None:
    assert text("a", pattern=r"\pN(") == []


def every_descriptor() -> Iterator[Descriptor]:
    for found in pkgutil.walk_packages(envoy.__path__, "envoy."):
        if found.name.endswith("_pb2") and ".v2" not in found.name:
            waiting = list(importlib.import_module(found.name).DESCRIPTOR.message_types_by_name.values())
            while waiting:
                descriptor = waiting.pop()
                waiting.extend(descriptor.nested_types)
                yield descriptor


def of_one_value(field: FieldDescriptor) -> tuple[Any, FieldDescriptor]:
    rules = field.GetOptions().Extensions[pgv.rules]
    kind = rules.WhichOneof("type")
    if kind == "repeated":
        return rules.repeated.items, field
    if kind == "map":
        assert field.message_type is not None
        return rules.map.values, field.message_type.fields_by_name["value"]
    return rules, field


def stated(rules: Any) -> int:
    kind = rules.WhichOneof("type")
    modes = ("strict", "ignore_empty", "required")
    return len([rule for rule, _ in getattr(rules, kind).ListFields() if rule.name not in modes]) if kind else 0


def judged(rules: Any, field: FieldDescriptor) -> int:
    # Two limits that leave out what is between them are one test with one sentence.
    return sum(1 + (" or at most " in said) for _, said in rules_as_tests(rules, field))


def test_no_rule_of_any_proto_is_passed_over() -> None:
    count = 0
    for descriptor in every_descriptor():
        for field in descriptor.fields:
            rules, of = of_one_value(field)
            assert judged(rules, of) == stated(rules), f"{descriptor.full_name}.{field.name}"
            count += stated(rules)
    assert count > 900
