"""A plan travels as a text: what the operator writes is what a script reads, whatever is written in a policy."""

import json
import random
from typing import Any

import pytest

from modelfleet.envoy.routes import render_policy
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from modelfleet.routing.plan import PolicyPlan
from tests.sizes import scale
from tests.support.luajit import required, runtime
from tests.support.luavalues import from_lua

LETTERS = 'ab"\\/\n\t\b\f\r\x01\x1f\x7f\u00e9\U0001f600u0041{}[],:.-'


def read(text: str) -> Any:
    return from_lua(required(runtime(), "plain")[b"read"](text.encode()))


def written(numbers: dict[str, Any]) -> str:
    """The text of a plan, as it is sent."""
    made, *_ = render_policy(PolicyPlan(Key("ModelPolicy", "default", "p"), (), numbers, 1, ()), Gateway("default"))
    return made.body.decode(errors="replace")


def some(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(4 if depth > 3 else 6)
    if kind == 0:
        return "".join(draw.choices(LETTERS, k=draw.randrange(12)))
    if kind == 1:
        return draw.random() < 0.5
    if kind == 2:
        return draw.randint(-(10**9), 10**9)
    if kind == 3:
        return draw.random() * 10 ** draw.randint(-9, 9)
    if kind == 4:
        return [some(draw, depth + 1) for _ in range(draw.randint(1, 4))]
    return {f"k{draw.randrange(9)}{draw.choice(LETTERS)}": some(draw, depth + 1) for _ in range(draw.randint(1, 4))}


def test_whatever_a_policy_says_is_read_as_it_was_written() -> None:
    draw, reading = random.Random(7), required(runtime(), "plain")[b"read"]
    for _ in range(scale(2_000, 50_000)):
        value = some(draw)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert from_lua(reading(text.encode())) == value, text


@pytest.mark.parametrize(
    ("text", "value"),
    [("{}", {}), ("[]", {}), ('{"a":null,"b":[]}', {"b": {}}), ('"\\u0001"', "\x01"), ("-1e-07", -1e-07)],
)
def test_what_is_empty_is_an_empty_table_and_what_is_null_is_not_there(text: str, value: Any) -> None:
    assert read(text) == value


def test_a_plan_is_sent_as_one_text_without_white_space() -> None:
    assert '{"a":[1,true],"b":"\u00e9 \\"x\\""}' in written({"b": '\u00e9 "x"', "a": [1, True]})
