"""RoutingPolicy as a kind: its names, its columns, its parts."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from modelfleet.api.meta import AGE, MESSAGE, READY, REASON, Column, Kind, Status
from modelfleet.api.resource import Resource
from modelfleet.api.routingpolicy.rules import RULES
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.routingpolicy.status import RoutingPolicyStatus
from modelfleet.api.routingpolicy.unenforced import NOTES
from modelfleet.api.rule import Rule

COLUMNS = (
    Column("Models", ".spec.serves.models", "The names that it answers to."),
    READY,
    REASON,
    Column("Programmed", ".status.programmed", "Envoys that have acknowledged it."),
    Column("Rung", ".status.rung.name", "Where a request would end up now."),
    Column("Mode", ".spec.mode", "Whether it acts, or only observes."),
    AGE,
    Column("Hosts", ".spec.serves.hosts", "The hosts that it answers on.", wide=True),
    Column("Revision", ".status.revision", "The revision that was last sent.", wide=True),
    MESSAGE,
)


class RoutingPolicy(Resource):
    """Which requests go to which models, and what happens when they cannot."""

    KIND: ClassVar[Kind] = Kind("RoutingPolicy", "routingpolicies", "rpol", namespaced=True, columns=COLUMNS)
    STATUS: ClassVar[type[Status]] = RoutingPolicyStatus
    RULES: ClassVar[tuple[Rule, ...]] = RULES
    NOTES: ClassVar[Mapping[str, str]] = NOTES

    kind: Literal["RoutingPolicy"] = "RoutingPolicy"
    spec: RoutingPolicySpec = Field(
        description="Which requests it is for, where they go, and what happens when they cannot."
    )
