"""What a platform team says of a class of hardware."""

from enum import StrEnum

from pydantic import Field

from modelfleet.api.enums import Work
from modelfleet.api.model import Distinct, Flag, Integer, Model, Ordered
from modelfleet.api.scalars.names import Currency, DnsLabel, DnsName, LabelKey, Labels, LabelValue
from modelfleet.api.scalars.numbers import Price
from modelfleet.api.scalars.quantity import Quantity, Resources


class Family(StrEnum):
    """The broad sort of compute."""

    CPU = "cpu"
    GPU = "gpu"
    ACCELERATOR = "accelerator"


class Market(StrEnum):
    """How capacity is bought, which says how sure it is."""

    RESERVED = "reserved"
    ON_DEMAND = "on-demand"
    SPOT = "spot"


class TolerationOperator(StrEnum):
    """How a toleration compares."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(Model):
    """A taint that pods of this class put up with, as in a pod."""

    key: LabelKey | None = Field(
        default=None, description="The taint's key; left out, with operator Exists, any taint."
    )
    operator: TolerationOperator | None = Field(
        default=None, description="Exists: any value. Equal: the value below. Without one: Equal."
    )
    value: LabelValue | None = Field(default=None, description="The taint's value, for Equal.")
    effect: TaintEffect | None = Field(default=None, description="The taint's effect; left out, every effect.")
    toleration_seconds: Integer | None = Field(
        default=None, description="How long NoExecute is put up with; left out, for ever.", ge=0, le=2**31 - 1
    )


class Nodes(Model):
    """Which nodes are of this class."""

    selector: Labels = Field(description="Labels that a node of this class has, all of them.")
    tolerations: Ordered[Toleration] | None = Field(
        default=None, description="Taints of these nodes that the pods put up with.", max_length=16
    )


class Unit(Model):
    """What one unit takes on a node."""

    resources: Resources | None = Field(
        default=None, description="What a pod asks for per unit, by resource name, such as cpu or nvidia.com/gpu."
    )
    device_class: DnsName | None = Field(
        default=None, description="The DeviceClass to claim one device of per unit (dynamic resource allocation)."
    )
    accelerator_memory: Quantity | None = Field(
        default=None, description="Memory on the device of one unit, for models to be held against."
    )


class Capacity(Model):
    """How much of this class there may be, and how sure it is."""

    market: Market = Field(default=Market.ON_DEMAND, description="How the nodes are bought.")
    max_units: Integer | None = Field(
        default=None,
        description="The most units that modelfleet may use; left out, what the nodes have.",
        ge=0,
        le=1_000_000,
    )
    provision: Flag = Field(
        default=False,
        description="Whether nodes may be made on demand, by a cluster autoscaler, say: the class may then be chosen"
        " while none is there.",
    )


class UnitPrice(Model):
    """What the class costs."""

    per_unit_hour: Price = Field(description='The price of one unit for an hour, as a decimal in quotes: "0.71".')
    currency: Currency = Field(default="USD", description="The currency of the price.")


class HardwareClassSpec(Model):
    """What the class is, costs and suits."""

    family: Family = Field(description="The broad sort of compute.")
    nodes: Nodes = Field(description="Which nodes are of this class.")
    unit: Unit = Field(description="What `units: 1` of a model takes on a node.")
    capacity: Capacity = Field(default=Capacity(), description="How much of it there may be, and how sure it is.")
    price: UnitPrice | None = Field(default=None, description="What it costs; left out, cost is not reported.")
    suits: Distinct[Work] | None = Field(
        default=None,
        description="The kinds of work that belong here; others are flagged Misplaced. Left out, all do.",
        min_length=1,
        max_length=16,
    )
    allowed_namespaces: Distinct[DnsLabel] | None = Field(
        default=None,
        description="The namespaces whose models may name this class; left out, all may.",
        min_length=1,
        max_length=256,
    )
