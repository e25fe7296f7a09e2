"""What the reader of request bodies finds, what it refuses, and in which words."""

import math
from typing import Any

import pytest

from tests.support.luajit import LUA, fetch_of, plain, required, runtime
from tests.support.request_bodies import expected

lua = runtime()
reader = required(lua, "reader")

# As in JSONTestSuite: i_ is left open by the RFC, and these are accepted.
ACCEPTED = [
    b'{"a":[]}',
    b'{"a":[\n]}',
    b'{"a":[1,2.5,-0,0e1,0E-1,1e+9,123.456e78]}',
    b'{"a":1.7976931348623157e400}',
    b'{"":0}',
    b'{"a":"\\u0000\\u007F\\uFFFF"}',
    b'{"a":"\x7f"}',
    b'{"a":"\xe2\x80\xa8\xef\xbf\xbf\xf4\x8f\xbf\xbf"}',
    b'{"a":"\\ud834\\uDD1E"}',
    b'{"a":"\\uDFAA"}',
    b'{"a":"\\uD888\\u1234"}',
    b'{"a":"\\uD800\\n"}',
    b'{"a":"/ \\/"}',
    b'{"a":1,"a":2}',
    b' \t\r\n{ "a" : true , "b" : [ null , false ] } \n',
]

MALFORMED = {
    "no value": b"",
    "only space": b" \n",
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "a byte order mark of UTF-16": '{"a":1}'.encode("utf-16"),
    "a comma at the end of an object": b'{"a":1,}',
    "a comma at the end of an array": b'{"a":[1,]}',
    "a comma at the start": b'{"a":[,1]}',
    "two commas": b'{"a":[1,,2]}',
    "two colons": b'{"a"::1}',
    "no colon": b'{"a" 1}',
    "no key": b"{:1}",
    "a key without quotes": b"{a:1}",
    "single quotes": b"{'a':1}",
    "a number as key": b"{1:1}",
    "a colon in an array": b'{"a":["b":1]}',
    "a closing bracket of the other sort": b'{"a":[1}',
    "a closing brace of the other sort": b'{"a":{"b":1]',
    "one bracket too many": b'{"a":[1]]}',
    "one brace too many": b'{"a":1}}',
    "a second value": b'{"a":1}{"b":2}',
    "a comma after the value": b'{"a":1},',
    "a comment": b'{"a":1/* */}',
    "a comment at the end": b'{"a":1}#',
    "a leading zero": b'{"a":012}',
    "a leading plus": b'{"a":+1}',
    "a minus alone": b'{"a":-}',
    "a minus and a letter": b'{"a":-x}',
    "no digit before the point": b'{"a":.5}',
    "no digit after the point": b'{"a":1.}',
    "no exponent": b'{"a":1e}',
    "a sign for exponent": b'{"a":1e+}',
    "a hexadecimal number": b'{"a":0x1}',
    "not a number": b'{"a":NaN}',
    "minus infinity": b'{"a":-Infinity}',
    "a fullwidth digit": '{"a":\uff11}'.encode(),
    "True": b'{"a":True}',
    "a literal cut short": b'{"a":nul}',
    "a literal that goes on": b'{"a":truex}',
    "a newline in a string": b'{"a":"b\nc"}',
    "a tab in a key": b'{"a\tb":1}',
    "a zero byte in a string": b'{"a":"\x00"}',
    "a zero byte after the value": b'{"a":1}\x00',
    "a form feed as space": b'{"a":\x0c1}',
    "a no-break space": '{"a":\u00a01}'.encode(),
    "an unknown escape": b'{"a":"\\x41"}',
    "an escaped newline": b'{"a":"\\\n"}',
    "a short escape": b'{"a":"\\u00A"}',
    "an escape of no hex digits": b'{"a":"\\u00Gx"}',
    "an escape with a sign": b'{"a":"\\u+041"}',
    "a string without end": b'{"a":"b',
    "a string that ends in a backslash": b'{"a":"b\\"}',
    "a lone continuation": b'{"a":"\x80"}',
    "an overlong slash": b'{"a":"\xc0\xaf"}',
    "an overlong sequence of three": b'{"a":"\xe0\x80\xaf"}',
    "an overlong sequence of four": b'{"a":"\xf0\x8f\xbf\xbf"}',
    "a surrogate as UTF-8": b'{"a":"\xed\xa0\x80"}',
    "above U+10FFFF": b'{"a":"\xf4\x90\x80\x80"}',
    "a sequence of five": b'{"a":"\xf8\x88\x80\x80\x80"}',
    "a sequence cut short by a quote": b'{"a":"\xe2\x82"}',
    "UTF-8 outside of strings": '{"a":1}é'.encode(),
}


def read(body: bytes) -> Any:
    answer = reader[b"read"](fetch_of(lua, body), len(body))
    return answer[1:] if isinstance(answer, tuple) else plain(answer)


def kind_at(body: bytes, path: str) -> Any:
    return reader[b"kind_at"](fetch_of(lua, body), len(body), path.encode())


def test_a_chat_request_yields_all_its_facts() -> None:
    body = b'{"model":"llama-3","stream":true,"max_tokens":64,"tools":[{}],"messages":[1, 2],"user":"x"}'
    assert read(body) == {
        "model": b"llama-3",
        "model_from": 9,
        "model_to": 18,
        "stream": True,
        "max_tokens": 64,
        "tools": True,
        "prompt_bytes": 6,
        "kinds": {
            "model": b"string",
            "stream": b"boolean",
            "max_tokens": b"number",
            "tools": b"array",
            "messages": b"array",
        },
    }


def test_an_empty_object_has_no_facts_and_is_no_error() -> None:
    assert read(b"{}") == {"stream": False, "tools": False, "prompt_bytes": 0, "kinds": {}}


@pytest.mark.parametrize("body", ACCEPTED)
def test_what_the_rfc_allows_is_accepted(body: bytes) -> None:
    assert isinstance(read(body), dict)
    assert read(body) == expected(body)


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_the_rfc_does_not_allow_is_refused(body: bytes) -> None:
    assert read(body)[0] == b"malformed_json"
    assert expected(body) == b"malformed_json"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "malformed JSON at byte 0: the body ends too early"),
        (b'{"a" 1}', 'malformed JSON at byte 5: expected a ":"'),
        (b"{1}", 'malformed JSON at byte 1: expected a key or a "}"'),
        (b'{"a":1,}', "malformed JSON at byte 7: expected a key"),
        (b'{"a":}', "malformed JSON at byte 5: expected a value"),
        (b'{"a":"b"]', 'malformed JSON at byte 8: expected a "," or a "}"'),
        (b'{"a":["b"}', 'malformed JSON at byte 9: expected a "," or a "]"'),
        (b'{"a":01}', "malformed JSON at byte 6: an invalid number"),
        (b'{"a":tru}', "malformed JSON at byte 8: an invalid literal"),
        (b'{"a":"\\x"}', "malformed JSON at byte 7: an invalid escape in a string"),
        (b'{"a":"' + b"b" * 100 + b'\n"}', "malformed JSON at byte 106: a byte that a string cannot hold"),
        (b'{"a":"\xe2\x28"}', "malformed JSON at byte 7: invalid UTF-8 in a string"),
        (b"{} x", "malformed JSON at byte 3: expected nothing after the value"),
        (b'{"a":"b', "malformed JSON at byte 7: the body ends too early"),
        (b"[" * 513 + b"]" * 513, "malformed JSON at byte 512: nested more than 512 deep"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(body: bytes, message: str) -> None:
    assert read(body) == (b"malformed_json", message.encode())


@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b" null ", b'[{"model":"a"}]', b"-0.5e1"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert read(body) == (b"not_an_object", b"the body is not a JSON object")


@pytest.mark.parametrize("key", ["model", "stream", "max_completion_tokens", "input"])
def test_a_watched_key_that_comes_twice_is_refused_however_it_is_spelled(key: str) -> None:
    escaped = "".join(f"\\u{ord(character):04X}" for character in key)
    body = f'{{"{key}":null,"b":1,"{escaped}":null}}'.encode()
    assert read(body) == (b"duplicate_key", f'"{key}" is there more than once'.encode())


def test_other_keys_and_nested_ones_may_come_twice() -> None:
    assert read(b'{"a":1,"a":2,"b":{"model":"x","model":"y"},"model":"z"}')["model"] == b"z"


def test_what_is_malformed_is_told_before_what_comes_twice() -> None:
    assert read(b'{"model":1,"model":2,')[0] == b"malformed_json"


@pytest.mark.parametrize("value", [b"1", b"true", b"[]", b"{}", b'["a"]', b'{"a":1}'])
def test_a_model_that_is_no_string_is_refused(value: bytes) -> None:
    assert read(b'{"model":' + value + b"}") == (b"invalid_model", b'"model" is not a string')


@pytest.mark.parametrize(("value", "kind"), [(b"null", b"null"), (b'""', b"empty")])
def test_a_model_of_nothing_is_left_to_the_caller(value: bytes, kind: bytes) -> None:
    facts = read(b'{"model":' + value + b"}")
    assert facts["kinds"] == {"model": kind}
    assert "model" not in facts


def test_a_model_longer_than_one_fetch_is_refused() -> None:
    assert read(b'{"model":"' + b"m" * 65536 + b'"}')["model"] == b"m" * 65536
    assert read(b'{"model":"' + b"m" * 65537 + b'"}') == (b"invalid_model", b'"model" is longer than 65536 bytes')


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"caf\\u00e9", "café"),
        (b"\\ud83d\\ude00", "😀"),
        (b'a\\"\\\\\\/\\b\\f\\n\\r\\t', 'a"\\/\b\f\n\r\t'),
        (b"\\u20ac\\u0000", "€\0"),
        (b"\\ud800x", "\ufffdx"),
        (b"\\ud800\\ud83d\\ude00\\udc00", "\ufffd😀\ufffd"),
        ("名前".encode(), "名前"),
    ],
)
def test_a_model_is_told_unescaped_and_as_utf8(raw: bytes, name: str) -> None:
    assert read(b'{"model":"' + raw + b'"}')["model"] == name.encode()


@pytest.mark.parametrize(
    ("members", "limit"),
    [
        (b'"max_tokens":1,"max_completion_tokens":2,"max_output_tokens":3', 2),
        (b'"max_output_tokens":3,"max_tokens":1', 1),
        (b'"max_output_tokens":3', 3),
        (b'"max_completion_tokens":null,"max_tokens":"9","max_output_tokens":3.5', 3.5),
        (b'"max_tokens":1e999', math.inf),
        (b'"max_tokens":' + b"9" * 70_000, math.inf),
        (b'"max_tokens":-1', -1),
    ],
)
def test_the_limit_on_tokens_is_the_first_number_among_its_keys(members: bytes, limit: float) -> None:
    assert read(b"{" + members + b"}")["max_tokens"] == limit


def test_tools_are_there_when_a_list_has_some() -> None:
    assert not read(b'{"tools":[],"functions":{"a":1}}')["tools"]
    assert read(b'{"tools":[ ],"functions":[0]}')["tools"]


def test_the_prompt_is_measured_as_it_was_sent() -> None:
    assert read(b'{"messages": [ "\\u00e9" ] ,"prompt":null,"input":"xy"}')["prompt_bytes"] == 12 + 4 + 4


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("metadata", b"object"),
        ("metadata.ticket", b"number"),
        ("metadata.0", b"string"),
        ("metadata.tags", b"array"),
        ("metadata.tags.0", None),
        ("metadata.tags.0.deep", None),
        ("metadata.none", b"null"),
        ("metadata.none.more", None),
        ("metadata.in.in.in", b"empty"),
        ("metadata.", b"boolean"),
        ("absent", None),
        ("twice.first", None),
        ("twice.second", b"boolean"),
        ("late.gone", None),
    ],
)
def test_the_kind_at_a_path_follows_keys_of_objects(path: str, kind: bytes | None) -> None:
    body = (
        b'{"ticket":1,"metadata":{"x":{"ticket":"no"},"tick\\u0065t":5,"0":"zero","tags":[{"deep":1}],'
        b'"none":null,"in":{"in":{"in":{ }}},"":true},"twice":{"first":1},"twice":{"second":false},'
        b'"late":{"gone":1},"late":2}'
    )
    assert kind_at(body, path) == kind


def test_a_body_that_is_shorter_than_was_said_is_an_error_and_no_answer() -> None:
    short = lua.execute("return function() return '{' end")
    with pytest.raises(Exception, match="shorter than its length"):
        reader[b"read"](short, 2)


def test_no_fetch_is_longer_than_a_slice() -> None:
    body = b'{"model":"' + b"m" * 60_000 + b'","messages":["' + b"x" * 300_000 + b'"]}'
    assert read(body)["prompt_bytes"] == 300_004


def test_a_reader_that_was_refused_a_body_reads_the_next() -> None:
    assert read(b'{"a":[[["\xff')[0] == b"malformed_json"
    assert read(b'{"model":"a"}')["model"] == b"a"


@pytest.mark.parametrize("wrong", [b"\x00", b"\x1f", b'"', b"\\", b"\x80", b"\xff"])
def test_a_wrong_byte_is_found_wherever_it_lies_in_long_text(wrong: bytes) -> None:
    for place in range(64):
        body = b'{"a":"' + b"!" * place + wrong + b"~" * 40 + b'"}'
        at = 6 + place + (wrong in b'"\\')
        assert read(body)[1].startswith(f"malformed JSON at byte {at}:".encode())


@pytest.mark.parametrize("letter", [*b'"\\/bfnrt'])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_short_escape_is_no_end_wherever_it_lies_in_long_text(letter: int, times: int) -> None:
    for place in range(40):
        text = b"!" * place + bytes([0x5C, letter]) * times + b"~" * 20
        assert read(b'{"a":"' + text + b'","' + text + b'":1,"model":"m"}')["model"] == b"m"


@pytest.mark.parametrize("letter", [b"x", b"\0", b"\n", b"N", b"\xc3\xa9", b"u12g4"])
@pytest.mark.parametrize("before", [b"", b"\\n", b"\\n\\n"])
def test_an_escape_that_is_none_is_found_wherever_it_lies_in_long_text(letter: bytes, before: bytes) -> None:
    for place in range(40):
        start = b'{"a":"' + b"!" * place + before + b"\\"
        wrong = len(start) + letter.find(b"g") * (letter[:1] == b"u")
        found = read(start + letter + b"~" * 20 + b'"}')
        assert found[1].startswith(f"malformed JSON at byte {wrong}: an invalid escape".encode()), found


def test_a_model_s_name_and_key_are_told_with_long_escaped_text() -> None:
    assert read(b'{"model":"abcdefgh\\nij\\/kl"}')["model"] == b"abcdefgh\nij/kl"
    assert read(b'{"max_completion_tokens\\n":1,"m\\u006fdel":"a"}')["model"] == b"a"
    assert read(b'{"max_comple\\u0074ion_tokens":7,"model":"a"}')["max_tokens"] == 7


def test_no_lua_file_is_longer_than_the_house_allows() -> None:
    assert max(len(path.read_text().splitlines()) for path in LUA.glob("*.lua")) <= 400
