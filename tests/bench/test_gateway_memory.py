"""What each gateway costs the control plane in memory, which is what bounds how many one can serve: never asserted."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.plane import Plane, resident
from tests.bench.report import Row, report
from tests.sizes import scale
from tests.support.gateways.herd import Herd
from tests.support.gateways.loop import Loop
from tests.support.gateways.stub import StubGateway

SIZES = (100, 2_000)
GATEWAYS = 100
EDITS = scale(20, 200)
MEGABYTE = 1024
PATIENCE_S = 300.0
REST_S = 2.0


@dataclass(frozen=True)
class Measured:
    """One size: what the server takes with no gateway and with all of them."""

    policies: int
    resources: int
    alone_kb: int
    loaded_s: float
    loaded_kb: int
    edited_kb: int
    """After edits, each of another policy."""
    back_kb: int
    """After all of them have come back, which have said what they have."""
    gone_kb: int
    """After all of them have gone."""


def resident_kb(plane: Plane) -> int:
    time.sleep(REST_S)
    return next(size for pid, _, size in resident() if pid == plane.pid)


def measure(policies: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="mf-") as folder, Loop() as loop:
        address = f"unix:{Path(folder) / 'xds'}"
        record = str(Path(folder) / "decisions.jsonl")
        orders = {"policies": policies, "listen": ("127.0.0.1", 80), "upstream": ("127.0.0.1", 9), "record": record}
        with Plane({**orders, "address": address}) as plane:
            resources = plane.told()["resources"]
            alone_kb = resident_kb(plane)
            with Herd(loop) as herd:
                began_s = time.monotonic()
                gateways = herd.add(GATEWAYS, address)
                herd.wait_until(lambda one: count(one) == resources, gateways, PATIENCE_S)
                loaded_s, loaded_kb = time.monotonic() - began_s, resident_kb(plane)
                for turn in range(EDITS):
                    edit(plane, herd, policies * turn // EDITS, f"edit-{turn}")
                edited_kb = resident_kb(plane)
                come_back(herd, address)
                back_kb = resident_kb(plane)
            return Measured(policies, resources, alone_kb, loaded_s, loaded_kb, edited_kb, back_kb, resident_kb(plane))


def count(one: StubGateway) -> int:
    return sum(map(len, one.state.have.values()))


def edit(plane: Plane, herd: Herd, number: int, rule: str) -> None:
    told = herd.look(lambda: len(herd.gateways[0].state.receipts))
    plane.order(edit=number, rule=rule)
    plane.told()
    plane.told()
    herd.wait_until(lambda one: len(one.state.receipts) > told, herd.gateways, PATIENCE_S)


def come_back(herd: Herd, address: str) -> None:
    for one in herd.gateways:
        herd.move(one, address)
    herd.wait_until(lambda one: one.connections > 1 and not one.state.outbox, herd.gateways, PATIENCE_S)


def row(found: Measured) -> Row:
    each = {"first": found.loaded_kb, "edited": found.edited_kb, "back": found.back_kb}
    return {
        "policies": found.policies,
        "resources": found.resources,
        "gateways": GATEWAYS,
        "all have it, s": found.loaded_s,
        "server alone, MB": found.alone_kb / MEGABYTE,
        "with all, MB": found.loaded_kb / MEGABYTE,
        **{f"KB a gateway, {name}": (size - found.alone_kb) / GATEWAYS for name, size in each.items()},
        "all gone, MB": found.gone_kb / MEGABYTE,
    }


def test_what_a_gateway_takes_of_the_server() -> None:
    notes = [
        f"{GATEWAYS} stub gateways, which take all that an Envoy takes, on the same {os.cpu_count()} cores.",
        f"first: all have it; edited: after {EDITS} edits of one policy each; back: after each has connected again.",
    ]
    report("gateway_memory", [row(measure(policies)) for policies in SIZES], notes)
