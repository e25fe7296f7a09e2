"""Texts as our script reads and writes them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.api.scalars.duration import Duration
from tests.support.luajit import required, runtime

text = required(runtime(), "text")
LETTERS = st.characters(codec="utf-8")
PART = st.tuples(st.integers(0, 99_999), st.sampled_from(["h", "m", "s", "ms"])).map(lambda part: f"{part[0]}{part[1]}")


@given(st.text(LETTERS) | st.text(st.characters(max_codepoint=0x7F)))
def test_a_quoted_text_reads_as_what_it_was(words: str) -> None:
    assert json.loads(text.quote(words.encode())) == words


@given(st.binary())
def test_a_quoted_text_has_no_letter_that_ends_it_or_a_line(words: bytes) -> None:
    quoted = text.quote(words)
    assert (quoted[:1], quoted[-1:]) == (b'"', b'"')
    assert not any(byte < 0x20 or byte == 0x7F for byte in quoted)
    inner = quoted[1:-1].replace(b"\\\\", b"").replace(b'\\"', b"")
    assert b'"' not in inner


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"ai.example.com", b"ai.example.com"),
        (b"AI.Example.COM:8080", b"ai.example.com"),
        (b"ai.example.com.", b"ai.example.com"),
        (b"ai.example.com.:443", b"ai.example.com"),
        (b"ai.example.com:", b"ai.example.com"),
        (b"[::1]:8080", b"[::1]:8080"),
        (b"", b""),
        (b":80", b""),
        (b".", b""),
    ],
)
def test_a_host_is_in_lower_case_without_port_and_without_a_dot_at_its_end(authority: bytes, host: bytes) -> None:
    assert text.host(authority) == host


@pytest.mark.parametrize(
    ("target", "path"),
    [(b"/v1/models?x=1?y", b"/v1/models"), (b"/v1/models", b"/v1/models"), (b"?", b""), (b"/a%3f?b", b"/a%3f")],
)
def test_a_path_ends_at_the_first_question_mark(target: bytes, path: bytes) -> None:
    assert text.path(target) == path


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        (b"a%2Fb", b"a/b"),
        (b"%41%7c", b"A|"),
        (b"%", b"%"),
        (b"%4", b"%4"),
        (b"%zz", b"%zz"),
        (b"%2541", b"%41"),
        (b"", b""),
    ],
)
def test_what_is_escaped_in_a_path_is_read_once(words: bytes, plain: bytes) -> None:
    assert text.unescape(words) == plain


@given(st.lists(PART, min_size=1, max_size=4).map("".join))
def test_durations_are_what_they_are_in_a_policy(words: str) -> None:
    assert text.milliseconds(words.encode()) == Duration.parse(words).milliseconds


@pytest.mark.parametrize(
    ("words", "milliseconds"),
    [
        ("2", 2000),
        ("2.5", 2500),
        ("0.25", 250),
        ("0", 0),
        ("0s", 0),
        ("1m30s", 90_000),
        ("000001s", 1000),
        ("999999999999", 999_999_999_999_000),
    ],
)
def test_a_number_alone_is_of_seconds(words: str, milliseconds: int) -> None:
    assert text.milliseconds(words.encode()) == milliseconds


NO_DURATIONS = (
    *("", " ", "s", "1 s", " 1s", "1s ", "-1", "-1s", "+1s", "1e3", "0x10", "1.5s", ".5", "1..5", "1,5", "1S", "1d"),
    *("nan", "inf", "1s1", "s1", "1\n", "1s\n", "1s\0", "1234567890s", "9" * 13, "1s" * 17, "\uff11s"),
)


@pytest.mark.parametrize("words", NO_DURATIONS)
def test_everything_else_is_no_duration(words: str) -> None:
    assert text.milliseconds(words.encode()) is None


@given(st.binary(max_size=40))
def test_no_text_of_a_caller_makes_it_fail(words: bytes) -> None:
    found: Any = text.milliseconds(words)
    assert found is None or found >= 0
    text.host(words)
    text.path(words)
