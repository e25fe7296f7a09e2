"""HardwareClass as a kind: its names, its columns, its parts."""

from typing import ClassVar, Literal

from pydantic import Field

from modelfleet.api.hardwareclass.rules import RULES
from modelfleet.api.hardwareclass.spec import HardwareClassSpec
from modelfleet.api.hardwareclass.status import HardwareClassStatus
from modelfleet.api.meta import AGE, MESSAGE, READY, REASON, Column, Kind, Status
from modelfleet.api.resource import Resource
from modelfleet.api.rule import Rule

COLUMNS = (
    Column("Family", ".spec.family", "The broad sort of compute."),
    Column("Market", ".spec.capacity.market", "How the nodes are bought."),
    READY,
    REASON,
    Column("Units", ".status.units.total", "Units that the ready nodes hold.", "integer"),
    Column("Used", ".status.units.used", "Units that models take.", "integer"),
    Column("Free", ".status.units.free", "Units that another model could take.", "integer"),
    Column("Unit-Hour", ".spec.price.perUnitHour", "The price of one unit for an hour."),
    AGE,
    Column("Currency", ".spec.price.currency", "The currency of the price.", wide=True),
    Column("Nodes", ".status.readyNodes", "Ready nodes.", "integer", wide=True),
    Column("Cost/H", ".status.costPerHour", "What the units in use cost in an hour.", wide=True),
    Column("Suits", ".spec.suits", "The kinds of work that belong here.", wide=True),
    MESSAGE,
)


class HardwareClass(Resource):
    """A class of hardware: which nodes it is, what a unit of it takes and costs, and which work belongs there."""

    KIND: ClassVar[Kind] = Kind("HardwareClass", "hardwareclasses", "hwc", namespaced=False, columns=COLUMNS)
    STATUS: ClassVar[type[Status]] = HardwareClassStatus
    RULES: ClassVar[tuple[Rule, ...]] = RULES

    kind: Literal["HardwareClass"] = "HardwareClass"
    spec: HardwareClassSpec = Field(description="What the class is, costs and suits.")
