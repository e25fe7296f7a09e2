"""What units of hardware cost in an hour, exactly: the digits are those of the prices."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.statuses.conditions import counted


def cost_per_hour(uses: Iterable[tuple[HardwareClass | None, int]]) -> str:
    """The sum for so many units of each class, `1.42 USD`; each currency by itself. Empty where nothing has a price.

    Units of a class without a price, or of one that is gone (None), are counted beside it and not left out.
    """
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    units: Counter[str] = Counter()
    unpriced = 0
    for hardware, number in uses:
        if hardware is None or hardware.spec.price is None:
            unpriced += number
            continue
        currency = hardware.spec.price.currency
        sums[currency] += hardware.spec.price.per_unit_hour.amount * number
        units[currency] += number
    # A currency of which no unit is in use says something only where it is the only one.
    used = [currency for currency in sorted(sums) if units[currency]] or sorted(sums)[:1]
    said = [f"{sums[currency]:f} {currency}" for currency in used]
    if said and unpriced:
        said.append(f"{counted(unpriced, 'unit')} without a price")
    return ", ".join(said)
