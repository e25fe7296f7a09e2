"""Bodies of chat requests by chance, sound and broken; and what a strict reader that is not ours says of them."""

import json
import random
import re
from typing import Any

LONGEST_DEPTH = 512
WATCHED = (
    "model",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "tools",
    "functions",
    "messages",
    "prompt",
    "input",
)
PROMPTS = ("messages", "prompt", "input")
LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
NEAR_MISSES = (
    "",
    "Model",
    "modem",
    "mode",
    "models",
    "model ",
    "mod\u00e9l",
    "strean",
    "user",
    "n",
    "m\x00del",
    "工具",
)
NUMBERS = ("0", "-0", "12", "-7", "1.5", "1e3", "1E+2", "0.1e-2", "1e999", "-1e999", "123456789012345678901234567890")
NO_NUMBERS = (
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1.e3",
    "1e",
    "1e+",
    "0x10",
    "--1",
    "1_0",
    "NaN",
    "Infinity",
    "-Infinity",
    "1,5",
)
TEXTS = (
    "",
    "hi",
    "plain ASCII text that is longer than a word of eight bytes",
    "Съешь ещё",
    "玻璃而不伤身体",
    "😀😀",
    "é" * 9,
)
ESCAPES = (
    '\\"',
    "\\\\",
    "\\/",
    "\\b\\f\\n\\r\\t",
    "\\u0041",
    "\\u00e9",
    "\\u20AC",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\udc00\\ud800",
)
BYTES = b'"\\{}[]:,-+.0eEtfnu \t\n\x00\x1f\x7f\x80\xbf\xc0\xc2\xe0\xed\xa0\xf0\xf4\xf5\xff\x90'
SPACES = ("", "", "", " ", "\n", "\t\r\n  ")


class Pairs(list[tuple[str, Any]]):
    """An object as it was written, with keys that come twice."""


def refuse(constant: str) -> float:
    raise ValueError(constant)


DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_constant=refuse, parse_int=float)
STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def depth_of(text: str) -> int:
    depth = deepest = 0
    for match in STRUCTURE.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    return deepest


def parsed(body: bytes) -> tuple[str, Any]:
    """The body as text and as a value; raises ValueError where RFC 8259 or our bound on depth says no."""
    text = body.decode("utf-8", "strict")
    try:
        value = DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("deep") from error
    if depth_of(text) > LONGEST_DEPTH:
        raise ValueError("deep")
    return text, value


def after_space(text: str, place: int) -> int:
    while text[place] in " \t\n\r":
        place += 1
    return place


def spans(text: str) -> dict[str, tuple[int, int]]:
    """Where the values of the top-level object lie, in bytes, by key."""
    found = {}
    place = after_space(text, after_space(text, 0) + 1)
    while text[place] == '"':
        key, place = DECODER.raw_decode(text, place)
        start = after_space(text, after_space(text, place) + 1)
        _, end = DECODER.raw_decode(text, start)
        found[key] = (len(text[:start].encode()), len(text[:end].encode()))
        place = after_space(text, end)
        if text[place] == ",":
            place = after_space(text, place + 1)
    return found


def kind_of(value: Any) -> bytes:
    if value in ("", []):
        return b"empty"
    kinds = {str: b"string", bool: b"boolean", float: b"number", Pairs: b"object", list: b"array", type(None): b"null"}
    return kinds[type(value)]


def utf8(text: str) -> bytes:
    return re.sub("[\ud800-\udfff]", "\ufffd", text).encode()


def expected(body: bytes) -> bytes | dict[str, Any]:
    """The code of the refusal, or the facts."""
    try:
        text, value = parsed(body)
    except ValueError:
        return b"malformed_json"
    if not isinstance(value, Pairs):
        return b"not_an_object"
    keys = [key for key, _ in value if key in WATCHED]
    if len(set(keys)) < len(keys):
        return b"duplicate_key"
    watched = {key: item for key, item in value if key in WATCHED}
    model = watched.get("model")
    if model is not None and not isinstance(model, str):
        return b"invalid_model"
    return facts_of(watched, spans(text))


def facts_of(watched: dict[str, Any], places: dict[str, tuple[int, int]]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "kinds": {key: kind_of(item) for key, item in watched.items()},
        "stream": watched.get("stream") is True,
        "tools": any(kind_of(watched.get(key)) == b"array" for key in ("tools", "functions")),
        "prompt_bytes": sum(places[key][1] - places[key][0] for key in PROMPTS if key in watched),
    }
    if watched.get("model"):
        facts["model"] = utf8(watched["model"])
        facts["model_from"], facts["model_to"] = places["model"]
    limits = [watched[key] for key in LIMITS if isinstance(watched.get(key), float)]
    if limits:
        facts["max_tokens"] = limits[0]
    return facts


def expected_kind(body: bytes, path: str) -> bytes | None:
    """The kind of the value at the path in a body that is sound."""
    value = parsed(body)[1]
    for key in path.split("."):
        if not isinstance(value, Pairs) or key not in dict(value):
            return None
        value = dict(value)[key]
    return kind_of(value)


def a_string(source: random.Random, raw: str) -> str:
    """The text as JSON writes it, some characters of it as escapes."""
    written = []
    for character in raw:
        if source.random() < 0.1 or ord(character) < 0x20:
            units = character.encode("utf-16-be", "surrogatepass")
            digits = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
            written += ["\\u" + (unit.upper() if source.random() < 0.5 else unit) for unit in digits]
        else:
            written.append({'"': '\\"', "\\": "\\\\"}.get(character, character))
    return '"' + "".join(written) + '"'


def a_value(source: random.Random, depth: int = 0) -> str:
    choice = source.randrange(8 if depth < 4 else 6)
    if choice < 2:
        return a_string(source, source.choice(TEXTS) * source.choice((1, 1, 5)))
    if choice == 2:
        return '"' + "".join(source.choices((*ESCAPES, "text", "é"), k=source.randrange(6))) + '"'
    if choice < 5:
        return source.choice((*NUMBERS, str(source.random())))
    if choice == 5:
        return source.choice(("true", "false", "null", "[]", "{}", "[ ]", "{\n}", '""'))
    if choice == 6:
        return "[" + ",".join(spaced(source, a_value(source, depth + 1)) for _ in range(source.randrange(4))) + "]"
    return an_object(source, depth + 1)


def spaced(source: random.Random, text: str) -> str:
    return source.choice(SPACES) + text + source.choice(SPACES)


def an_object(source: random.Random, depth: int) -> str:
    members = []
    for _ in range(source.randrange(5)):
        key = a_string(source, source.choice(WATCHED + NEAR_MISSES))
        members.append(spaced(source, key) + ":" + spaced(source, a_value(source, depth)))
    return "{" + (",".join(members) or source.choice(SPACES)) + "}"


def a_chat(source: random.Random) -> str:
    """An object as callers send it: watched keys mostly once and mostly sensible, with others among them."""
    keys = source.sample(WATCHED, source.randrange(len(WATCHED) + 1)) + source.choices(NEAR_MISSES, k=3)
    if source.random() < 0.1:
        keys.append(source.choice(WATCHED))
    source.shuffle(keys)
    members = []
    for key in keys:
        value = a_value(source)
        if key == "model" and source.random() < 0.8:
            value = a_string(source, source.choice(("m", "llama-3", "org/名前", "a" * 70, '"\\', "\ud800", "")))
        members.append(spaced(source, a_string(source, key)) + ":" + spaced(source, value))
    return spaced(source, "{" + ",".join(members) + "}")


def nested(source: random.Random) -> str:
    """About as deep as is allowed."""
    deep = source.choice((3, 500, 510, 511, 512, 513, 600, 2000)) - 1
    shapes = source.choices((("[", "]"), ('{"model":', "}")), k=deep)
    inside = source.choice(("1", "[", '"x"', "[]"))
    return (
        '{"a":' + "".join(shape[0] for shape in shapes) + inside + "".join(shape[1] for shape in reversed(shapes)) + "}"
    )


def mutated(source: random.Random, body: bytes) -> bytes:
    """A few bytes of the body otherwise: gone, new, or others."""
    changed = bytearray(body)
    for _ in range(source.randint(1, 3)):
        place = source.randrange(len(changed) + 1)
        new = bytes(source.choices(BYTES, k=source.randrange(3)))
        changed[place : place + source.randrange(3)] = new
    return bytes(changed[: source.randrange(len(changed) + 1)] if source.random() < 0.1 else changed)


def a_body(source: random.Random) -> bytes:
    choice = source.randrange(10)
    if choice == 0:
        return nested(source).encode("utf-8")
    if choice == 1:
        return spaced(source, a_value(source)).encode()
    body = a_chat(source).encode("utf-8", "surrogatepass")
    if choice == 2:
        wrong = source.choice(NO_NUMBERS).encode()
        return body.replace(source.choice((b"1", b"true", b"null", b'""')), wrong, 1)
    return body if choice < 6 else mutated(source, body)
