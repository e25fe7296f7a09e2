"""A proxy between clients and the API server that breaks what it is told to break, and keeps a list of all writes."""

from tests.testbed.faults.actions import (
    Close,
    CloseAfter,
    Delay,
    DropEvent,
    DuplicateEvents,
    EmptyList,
    Freeze,
    Garbage,
    InjectEvent,
    ReorderEvents,
    StaleList,
    Status,
    Truncate,
)
from tests.testbed.faults.ledger import Write
from tests.testbed.faults.proxy import FaultProxy
from tests.testbed.faults.rules import Handle, Rule

__all__ = [
    "Close",
    "CloseAfter",
    "Delay",
    "DropEvent",
    "DuplicateEvents",
    "EmptyList",
    "FaultProxy",
    "Freeze",
    "Garbage",
    "Handle",
    "InjectEvent",
    "ReorderEvents",
    "Rule",
    "StaleList",
    "Status",
    "Truncate",
    "Write",
]
