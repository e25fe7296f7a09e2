"""Texts that mean amounts, against oracles that know nothing of patterns."""

from decimal import Decimal, localcontext
from fractions import Fraction
from ipaddress import AddressValueError, IPv6Address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelfleet.api.scalars.addresses import Url
from modelfleet.api.scalars.duration import Duration
from modelfleet.api.scalars.numbers import Bound, Comparison, Overprovisioning, Price, Share
from modelfleet.api.scalars.quantity import Quantity
from modelfleet.api.scalars.text import Text
from tests.support.formats import FORMATS, Format
from tests.support.values import ODD

DIGITS = set("0123456789")
UNITS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}

PARSED = (Duration, Price, Share, Overprovisioning, Comparison, Bound, Quantity)
LONGEST_MS = 720 * UNITS["h"]


def read(type_: Any, value: Any) -> Any:
    """The value, or None where it is refused."""
    try:
        return TypeAdapter(type_).validate_python(value)
    except ValidationError:
        return None


def cut(text: str) -> tuple[str, str]:
    """The digits that a text begins with, and the rest."""
    end = next((index for index, letter in enumerate(text) if letter not in DIGITS), len(text))
    return text[:end], text[end:]


def milliseconds(text: str) -> int | None:
    total, parts = 0, 0
    while text:
        number, rest = cut(text)
        unit = "ms" if rest.startswith("ms") else rest[:1]
        if not 1 <= len(number) <= 5 or unit not in UNITS:
            return None
        total, parts, text = total + int(number) * UNITS[unit], parts + 1, rest.removeprefix(unit)
    return total if 1 <= parts <= 4 and 1 <= total <= LONGEST_MS else None


def scale(suffix: str) -> Decimal | None:
    if suffix in BINARY:
        return Decimal(1024) ** BINARY[suffix]
    if suffix in POWERS:
        return Decimal(10) ** POWERS[suffix]
    exponent = suffix[2:] if suffix[1:2] in ("+", "-") else suffix[1:]
    if suffix[:1] not in ("e", "E") or not 1 <= len(exponent) <= 2 or set(exponent) - DIGITS:
        return None
    return Decimal(10) ** int(suffix[1:])


def amount(text: str) -> Fraction | None:
    whole, rest = cut(text)
    dot = rest.startswith(".")
    part, suffix = cut(rest[1:]) if dot else ("", rest)
    factor = scale(suffix)
    if len(text) > 32 or len(whole) > 15 or len(part) > 9 or not whole + part or factor is None:
        return None
    with localcontext() as context:
        context.prec = 200
        value = Decimal(f"{whole or 0}.{part or 0}") * factor
    return Fraction(value) if value > 0 else None


NUMBERS = st.text("0123456789", min_size=0, max_size=7)
NEAR_DURATIONS = st.lists(st.tuples(NUMBERS, st.sampled_from([*UNITS, "", "d", "us"])), max_size=5).map(
    lambda parts: "".join(number + unit for number, unit in parts)
)
EXPONENTS = st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), NUMBERS)
SUFFIXES = st.sampled_from([*POWERS, *BINARY, "K", "gi", "g", "B", "mi"]) | EXPONENTS
NEAR_QUANTITIES = st.builds(
    "{}{}{}{}".format,
    st.text("0123456789", max_size=17),
    st.sampled_from(["", "", ".", ","]),
    st.text("0123456789", max_size=11),
    SUFFIXES,
)


@given(NEAR_DURATIONS | st.text(max_size=6))
@example("720h")
@example("720h1ms")
@example("0h0m0s0ms")
def test_a_duration_means_what_its_parts_come_to(text: str) -> None:
    expected, duration = milliseconds(text), read(Duration, text)
    assert (duration and duration.milliseconds) == expected


GROUPS = st.lists(st.sampled_from(["", "0", "1", "fe80", "FFFF", "12345", "g"]) | st.just("a"), min_size=1, max_size=10)


@given(GROUPS.map(":".join) | GROUPS.map("::".join) | st.builds("{}::{}".format, *[GROUPS.map(":".join)] * 2))
@example("::")
@example("1:2:3:4:5:6:7:8")
@example("1:2:3:4:5:6:7::")
@example("::1:2:3:4:5:6:7:8")
def test_a_host_in_brackets_is_an_address(text: str) -> None:
    try:
        expected = text != "" and bool(IPv6Address(text))
    except AddressValueError:
        expected = False
    assert (read(Url, f"https://[{text}]:8080/v1") is not None) == expected


@given(NEAR_QUANTITIES | st.text(max_size=6))
@example("1.Ei")
@example(".5")
@example(".")
@example("1E")
@example("1Ei")
@example("0.000000000n")
@example("999999999999999.999999999Ei")
def test_a_quantity_means_exactly_what_its_digits_and_suffix_come_to(text: str) -> None:
    expected, quantity = amount(text), read(Quantity, text)
    assert (quantity and quantity.amount) == expected


@given(st.integers(-(10**17), 10**17))
@example(10**15 - 1)
@example(10**15)
def test_a_whole_number_is_the_quantity_that_its_digits_are(number: int) -> None:
    quantity, written = read(Quantity, number), read(Quantity, str(number))
    assert quantity == written
    assert quantity is None or quantity.amount == number


@given(st.text("0123456789.", max_size=21) | st.decimals(0, 10**10, places=9).map("{:f}".format))
def test_a_price_is_the_decimal_that_it_spells(text: str) -> None:
    whole, _, part = text.partition(".")
    sizes = 1 <= len(whole) <= 9 and ("." not in text or 1 <= len(part) <= 9)
    price = read(Price, text)
    assert (price is not None) == (sizes and text.count(".") <= 1)
    assert price is None or price.amount == Decimal(text)


@given(st.integers(-5, 2000), st.sampled_from(["{}%", "0{}%", "{}", "{} %", "{}.0%"]))
def test_percentages_are_whole_numbers_in_their_range(number: int, form: str) -> None:
    text, plain = form.format(number), form == "{}%"
    share, factor = read(Share, text), read(Overprovisioning, text)
    assert (share and share.percent) == (number if plain and 1 <= number <= 100 else None)
    assert (factor and factor.percent) == (number if plain and 100 <= number <= 1000 else None)


@given(
    st.sampled_from(["<", "<=", ">", ">=", "=", "", "<>", "=>"]), st.integers(-5, 10**13), st.sampled_from(["", " "])
)
@example("<", 10**12 - 1, "")
@example("<", 10**12, "")
def test_a_comparison_is_a_sign_and_a_whole_number(sign: str, number: int, space: str) -> None:
    comparison = read(Comparison, f"{sign}{space}{number}")
    fits = sign in ("<", "<=", ">", ">=") and 0 <= number < 10**12 and not space
    assert (comparison and (comparison.sign, comparison.number)) == ((sign, number) if fits else None)


@given(
    st.decimals(-1, 2, places=7).map(lambda number: f"{number:f}") | st.sampled_from(["else", "light", "0", "1", "Mid"])
)
def test_a_bound_below_is_a_score_from_zero_to_one(text: str) -> None:
    bound, named = read(Bound, f"<{text}"), read(Bound, text)
    digits = set(text) <= DIGITS | {"."}
    fits = digits and 0 <= Decimal(text) <= 1 and len(text.partition(".")[2]) <= 6
    assert (bound and bound.below) == (Decimal(text) if fits else None)
    assert (named is None) == (not text.isascii() or text != text.lower() or not set(text).isdisjoint(".-"))
    assert named is None or named.below is None


@pytest.mark.parametrize("form", [form for form in FORMATS if form.type in PARSED], ids=lambda form: form.rule.name)
def test_what_was_parsed_is_written_as_it_was_read(form: Format) -> None:
    for text in form.good:
        value = read(form.type, text)
        assert str(value) == str(text)
        assert form.adapter().dump_python(value, mode="json") == str(text)
        assert read(form.type, str(value)) == value


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.rule.name)
@given(value=ODD)
def test_no_input_makes_a_type_raise_anything_of_its_own(form: Format, value: Any) -> None:
    result = read(form.type, value)
    if isinstance(result, Text):
        assert result.text == value
    if isinstance(result, Quantity):
        assert result.text == str(value)
        assert result.amount > 0
