import math

import pytest

from modelfleet.sources.reading.scalars import UnfitTag, integral, key_text, parse, resolve, tagged


@pytest.mark.parametrize("text", ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"])
def test_every_yes_of_yaml_1_1_is_true(text: str) -> None:
    assert resolve(text) is True


@pytest.mark.parametrize("text", ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"])
def test_every_no_of_yaml_1_1_is_false(text: str) -> None:
    assert resolve(text) is False


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_every_null_of_yaml_1_1_is_none(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("+12", 12),
        ("1_000", 1000),
        ("1__0_", 10),
        ("0x1F", 31),
        ("-0XfF", -255),
        ("0o17", 15),
        ("0O17", 15),
        ("010", 8),
        ("-010", -8),
        ("0b101", 5),
        ("-0b101", -5),
        ("0b-101", -5),
        ("9223372036854775808", 2**63),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0x" + "0" * 100 + "1", 1),
    ],
)
def test_an_integer_is_what_go_parses_with_base_0(text: str, number: int) -> None:
    assert resolve(text) == number
    assert type(resolve(text)) is int


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.5", 1.5),
        (".5", 0.5),
        (".5e1_0", 5_000_000_000),
        ("1_0.2_5", 10.25),
        ("1e-3", 0.001),
        ("1e21", 1e21),
        ("08.5", 8.5),
    ],
)
def test_a_float_is_what_go_yaml_calls_one(text: str, number: float) -> None:
    assert resolve(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e3", 1000),
        ("1.0", 1),
        ("-0.0", 0),
        ("08", 8),
        ("1e20", 10**20),
        ("-9223372036854775809", -9223372036854776000),
        ("123456789012345678901", 123456789012345680000),
    ],
)
def test_an_integral_float_is_the_integer_that_go_writes_into_json(text: str, number: int) -> None:
    assert resolve(text) == number
    assert type(resolve(text)) is int


@pytest.mark.parametrize(
    "text",
    [
        "yEs",
        "nUll",
        "2001-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "1:30",
        "190:20:30",
        "1e400",
        ".1e400",
        "0x",
        "0x1p3",
        "0b2",
        "0o8",
        "1.2.3",
        "12e",
        "+",
        "-",
        ".",
        "_1",
        ".5_",
        "._5",
        "nan",
        "inf",
        "Infinity",
        "1Gi",
        "<<",
        "=",
        "\u0663",
        "1\u0663",
    ],
)
def test_whatever_is_no_other_scalar_is_text(text: str) -> None:
    assert resolve(text) == text


def test_an_integer_of_many_digits_does_not_fail() -> None:
    assert resolve("9" * 10_000) == "9" * 10_000
    assert resolve("0x" + "f" * 10_000) == "0x" + "f" * 10_000


def test_infinite_and_undefined_numbers_come_back_as_they_are() -> None:
    assert resolve(".inf") == resolve("+.INF") == math.inf
    assert resolve("-.Inf") == -math.inf
    undefined = resolve(".NaN")
    assert isinstance(undefined, float)
    assert math.isnan(undefined)


def test_a_large_integral_float_keeps_its_exponent_where_go_writes_one() -> None:
    assert type(integral(1e21)) is float
    assert type(integral(-1e20)) is int
    assert integral(1.5) == 1.5


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a", "a"),
        ("0x10", "16"),
        ("1.0", "1"),
        ("1.5", "1.5"),
        ("0.1", "0.1"),
        ("1e5", "100000"),
        ("1e6", "1e+06"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("16777217.0", "1.6777216e+07"),
        ("3.4028235e38", "3.4028235e+38"),
        ("1e300", ".inf"),
        ("-1e300", "-.inf"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("yes", "true"),
        ("off", "false"),
        ("~", None),
        ("18446744073709551615", None),
    ],
)
def test_a_key_becomes_the_text_that_kubectl_makes_of_it(written: str, key: str | None) -> None:
    assert key_text(parse(written)) == key


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("str", "12", "12"),
        ("int", "0x10", 16),
        ("float", "1.5", 1.5),
        ("float", "1", 1.0),
        ("bool", "yes", True),
        ("null", "", None),
    ],
)
def test_a_tag_that_fits_decides_the_type(kind: str, text: str, expected: object) -> None:
    assert tagged(f"tag:yaml.org,2002:{kind}", text) == expected


def test_the_tag_of_one_exclamation_mark_makes_text() -> None:
    assert tagged("!", "12") == "12"


@pytest.mark.parametrize(
    ("kind", "text"), [("int", "1.0"), ("int", "abc"), ("bool", "1"), ("null", "0"), ("float", "x")]
)
def test_a_tag_that_does_not_fit_is_refused(kind: str, text: str) -> None:
    with pytest.raises(UnfitTag, match=f"does not fit the tag !!{kind}"):
        tagged(f"tag:yaml.org,2002:{kind}", text)


@pytest.mark.parametrize("tag", ["!mine", "int", "str", "tag:yaml.org,2002:binary", "tag:yaml.org,2002:timestamp"])
def test_any_other_tag_is_refused(tag: str) -> None:
    with pytest.raises(UnfitTag, match="is not supported; remove it"):
        tagged(tag, "1")
