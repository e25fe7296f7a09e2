"""What hardware costs in an hour: exact, each currency by itself, and nothing left out unsaid."""

from typing import Any

import pytest

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.statuses.money import cost_per_hour
from tests.support.documents import hardware_class, valid


def priced(price: str = "", currency: str = "USD") -> HardwareClass:
    fields: dict[str, Any] = {"price": {"perUnitHour": price, "currency": currency}} if price else {}
    found = valid(hardware_class(**fields))
    assert isinstance(found, HardwareClass)
    return found


L4, CPU, FREE, RARE = priced("0.71"), priced("0.34"), priced(), priced("12.50", "EUR")


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        ([], ""),
        ([(L4, 2)], "1.42 USD"),
        ([(L4, 2), (CPU, 4)], "2.78 USD"),
        ([(L4, 1), (RARE, 2)], "25.00 EUR, 0.71 USD"),
        ([(L4, 0), (RARE, 2)], "25.00 EUR"),
        ([(L4, 0)], "0.00 USD"),
        ([(FREE, 2)], ""),
        ([(None, 2)], ""),
        ([(L4, 1), (FREE, 2), (None, 1)], "0.71 USD, 3 units without a price"),
        ([(priced("0.000000001"), 1), (priced("999999999.999999999"), 1_000_000)], "999999999999999.999000001 USD"),
    ],
)
def test_the_cost_of_an_hour_is_the_sum_of_units_times_prices(
    uses: list[tuple[HardwareClass | None, int]], expected: str
) -> None:
    assert cost_per_hour(uses) == expected
    assert cost_per_hour(reversed(uses)) == expected


def test_ten_tenths_are_one() -> None:
    assert cost_per_hour([(priced("0.1"), 1)] * 10) == "1.0 USD"


def test_a_price_of_nothing_is_a_price() -> None:
    assert cost_per_hour([(priced("0"), 5)]) == "0 USD"
