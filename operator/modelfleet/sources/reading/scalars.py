"""What an unquoted YAML scalar means to kubectl.

kubectl reads YAML with go-yaml version 2, which follows YAML 1.1 with its own corrections, and then turns the result
into JSON. PyYAML's own rules differ from that (base 60, timestamps, "y" and "0o7" among others), so they are not used.
"""

import math
import re
import struct
from decimal import Decimal
from typing import Final

from modelfleet.sources.reading.problems import quoted

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMBER_STARTS: Final = frozenset("+-0123456789")
SPECIAL_STARTS: Final = _NUMBER_STARTS | frozenset(".yYnNtTfFoO~")
"""A plain scalar that starts with none of these, and is not empty, is text."""

_INTEGER: Final = re.compile(
    r"([-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_LONGEST_INTEGER: Final = 64
_DIGITS_THAT_ALWAYS_FIT: Final = 19
_SIGN_AFTER_BASE_TWO: Final = re.compile(r"0b([-+][01]{1,63})")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOT_FLOAT: Final = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")

_TAG_PREFIX: Final = "tag:yaml.org,2002:"
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "null": (type(None),),
}
_JSON_WRITES_AN_EXPONENT_FROM: Final = 1e21
_KEY_HAS_NO_EXPONENT_IN: Final = range(-4, 6)
_DIGITS_OF_A_SINGLE: Final = 9


class UnfitTag(ValueError):
    """A tag that is not supported, or that the tagged text does not fit. Its text is a sentence for the user."""


def resolve(text: str) -> Scalar:
    """The value of a plain scalar as the API server gets it: an integral float is an integer.

    An infinite or undefined number comes back as the float it is; the caller refuses it.
    """
    value = parse(text)
    return integral(value) if type(value) is float else value


def parse(text: str) -> Scalar:
    """The value of a plain scalar before kubectl turns it into JSON: `1.0` is still a float, which matters to keys."""
    if text and text[0] not in SPECIAL_STARTS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMBER_STARTS:
        return _number(text)
    if text[0] == "." and _DOT_FLOAT.fullmatch(text):
        return _finite(text, text)
    return text


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with a tag, quoted or not; `tag` is in its long form. Raises UnfitTag."""
    kind = tag.removeprefix(_TAG_PREFIX)
    if tag == "!" or (kind == "str" and kind != tag):
        return text
    if kind == tag or kind not in _TYPES:
        raise UnfitTag(f"the tag {quoted(short_tag(tag))} is not supported; remove it")
    value = parse(text)
    if type(value) not in _TYPES[kind]:
        raise UnfitTag(f'"{quoted(text)}" does not fit the tag !!{kind}; remove the tag or correct the value')
    return float(value) if kind == "float" and isinstance(value, int) else value


def short_tag(tag: str) -> str:
    """A tag as people write it: `!!int`, not `tag:yaml.org,2002:int`."""
    return "!!" + tag.removeprefix(_TAG_PREFIX) if tag.startswith(_TAG_PREFIX) else tag


def integral(value: float) -> int | float:
    """The number that a reader of Go's JSON for `value` sees: an integer where Go writes no fraction or exponent."""
    if abs(value) < _JSON_WRITES_AN_EXPONENT_FROM and value.is_integer():
        # Go writes the shortest digits and fills up with zeros, which is not the exact value of a large float.
        return int(Decimal(repr(value)))
    return value


def key_text(value: Scalar) -> str | None:
    """The text that kubectl makes of a mapping's key, or None where it refuses the key."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value < 1 << 63 else None
    return None if value is None else _float_key(value)


def _number(text: str) -> Scalar:
    if len(text) < _DIGITS_THAT_ALWAYS_FIT and text[0] != "0" and text.isascii() and text.isdigit():
        return int(text)
    plain = text.replace("_", "")
    match = _INTEGER.fullmatch(plain)
    if match:
        integer = _integer(match)
        if integer is not None:
            return integer
    if _FLOAT.fullmatch(plain):
        return _finite(plain, text)
    match = _SIGN_AFTER_BASE_TWO.fullmatch(plain)
    return int(match[1], 2) if match else text


def _integer(match: re.Match[str]) -> int | None:
    """The integer if it fits 64 bits, with a sign or without one."""
    kind = match.lastgroup or "dec"
    digits = match[kind].lstrip("0")
    if len(digits) > _LONGEST_INTEGER:
        return None
    value = int(digits or "0", _BASES[kind])
    if match[1] == "-":
        return -value if value <= 1 << 63 else None
    return value if value < (1 << 63 if match[1] else 1 << 64) else None


def _finite(plain: str, text: str) -> Scalar:
    """The float, or the text as written where the float is too large: so does Go."""
    value = float(plain.replace("_", ""))
    return text if math.isinf(value) else value


def _float_key(value: float) -> str:
    """A float as a key: the fewest digits that give the same 32 bit float, which is what kubectl keeps of it."""
    single = _single(value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    written = (f"{single:.{digits}e}" for digits in range(_DIGITS_OF_A_SINGLE))
    text = next(text for text in written if _single(float(text)) == single)
    exponent = int(text.partition("e")[2])
    return f"{Decimal(text):f}" if exponent in _KEY_HAS_NO_EXPONENT_IN else text


def _single(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)
