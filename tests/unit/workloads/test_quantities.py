from fractions import Fraction

import pytest

from modelfleet.api.scalars.quantity import Quantity
from modelfleet.workloads.quantities import times


@pytest.mark.parametrize(
    ("text", "units", "stored"),
    [
        ("6", 1, "6"),
        ("6", 4, "24"),
        ("0.5", 1, "500m"),
        ("500m", 2, "1"),
        ("1.5", 3, "4500m"),
        ("1000", 1, "1k"),
        ("1500", 1, "1500"),
        ("2e3", 1, "2k"),
        ("1E", 1, "1E"),
        ("24Gi", 1, "24Gi"),
        ("24Gi", 4, "96Gi"),
        ("1024Mi", 1, "1Gi"),
        ("1.5Gi", 1, "1536Mi"),
        ("0.5Ki", 1, "512"),
        ("1000Ki", 1, "1000Ki"),
        ("0.9765625Ki", 1, "1k"),
        ("0.9765625Ki", 3, "3k"),
        ("0.0001Ki", 1, "103m"),
        ("1n", 1, "1m"),
        ("999999999999999E", 1, "9223372036854775807"),
    ],
)
def test_an_amount_is_written_as_the_api_server_stores_it(text: str, units: int, stored: str) -> None:
    assert times(Quantity.read(text), units) == stored


def test_what_is_written_is_what_was_meant() -> None:
    for text in ("0.5", "24Gi", "1.5Gi", "2e3", "180Gi", "12500m"):
        quantity = Quantity.read(text)
        assert Quantity.read(times(quantity, 3)).amount == Fraction(quantity.amount * 3)
