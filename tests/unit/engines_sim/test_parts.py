import asyncio
from typing import Any

import pytest

from modelfleet.engines_sim.fields import Invalid, duration, plain, written_duration
from modelfleet.engines_sim.queueing import Full, Slots
from modelfleet.engines_sim.tools import example


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("150ms", 0.15), ("2s", 2), ("1m30s", 90), ("1h", 3600), ("1h1m1s1ms", 3661.001), ("1.5s", 1.5), ("0s", 0)],
)
def test_a_duration_is_read_and_written(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)
    assert duration(written_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize("raw", ["", "5", "s", "1s1m", "-1s", "1e3s", " 1s", "25h", "9" * 400 + "s", 5, None, True])
def test_what_is_no_duration_is_refused(raw: object) -> None:
    with pytest.raises(Invalid, match="duration"):
        duration(raw)


def test_an_argument_stands_for_the_json_value_it_looks_like() -> None:
    assert [plain(text) for text in ("7", "0.5", "2s")] == [7, 0.5, "2s"]


CITY = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        (CITY, {"city": "city"}),
        ({"type": "integer", "minimum": 1000}, 1000),
        ({"type": "number"}, 1),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["string", "null"], "minLength": 8}, "value..."),
        ({"type": "string", "maxLength": 2}, "va"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"const": 0}, 0),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"anyOf": [{"type": "null"}, CITY]}, None),
        ({"$defs": {"C": CITY}, "properties": {"x": {"$ref": "#/$defs/C"}}}, {"x": {"city": "city"}}),
        ({"$ref": "#/nowhere"}, "value"),
        ("nonsense", "value"),
    ],
)
def test_arguments_follow_the_schema(schema: Any, value: object) -> None:
    assert example(schema) == value


def test_a_schema_that_holds_itself_ends() -> None:
    schema = {"$defs": {"N": {"properties": {"next": {"$ref": "#/$defs/N"}}}}, "$ref": "#/$defs/N"}
    assert "next" in example(schema)


def test_slots_are_given_in_the_order_of_arrival_and_never_lost() -> None:
    async def scene() -> list[int]:
        slots, order = Slots(1, 3), []

        async def client(number: int) -> None:
            await slots.enter()
            order.append(number)
            await asyncio.sleep(0)
            slots.leave()

        await slots.enter()
        clients = [asyncio.create_task(client(number)) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await slots.enter()
        # The turn of the first comes in the same moment in which it is cancelled.
        slots.leave()
        clients[0].cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*clients, return_exceptions=True)
        assert (slots.running, slots.waiting) == (0, 0)
        return order

    assert asyncio.run(scene()) == [1, 2]
