"""How long a fleet of thousands takes to compile, whole and after an edit of one policy: reported, never asserted."""

import time
from collections.abc import Callable
from functools import partial

import yaml

from modelfleet.fleet.world import Endpoint, Gateway, World
from modelfleet.sources.files import Source
from modelfleet.sources.folder import FolderStore
from tests.bench.plane import NAME, Fleet
from tests.bench.report import Row, Spread, report
from tests.bench.sized import sized_fleet, sized_model, sized_policy
from tests.sizes import scale

POLICIES = 5_000
ROUNDS = scale(3, 9)
EDITS = scale(5, 50)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of this process: all of it is computing, and others on the machine do not count."""
    began_s = time.process_time()
    work()
    return 1000 * (time.process_time() - began_s)


def new_fleet() -> Fleet:
    fleet = Fleet(Gateway(NAME), Endpoint("127.0.0.1", 1))
    for raw in sized_fleet(POLICIES):
        fleet.take(raw)
    return fleet


def edited(fleet: Fleet, turn: int) -> float:
    fleet.take(sized_policy(POLICIES * turn // EDITS, f"edit-{turn}"))
    return timed(fleet.compile)


def test_the_time_to_compile() -> None:
    fleets = [new_fleet() for _ in range(ROUNDS)]
    whole = Spread([timed(fleet.compile) for fleet in fleets])
    again = Spread([timed(fleets[0].compile) for _ in range(EDITS)])
    one = Spread([edited(fleets[0], turn) for turn in range(EDITS)])
    rows: list[Row] = [
        {"what": "whole fleet, for the first time", "ms": whole, "us a policy": 1000 * whole.median / POLICIES},
        {"what": "again, and nothing has changed", "ms": again, "us a policy": 1000 * again.median / POLICIES},
        {"what": "again, and one policy has changed", "ms": one, "us a policy": 1000 * one.median / POLICIES},
    ]
    report("compile_time", rows, [f"{POLICIES:,} policies, each with a model of its own and an endpoint."])


def test_the_time_to_read_a_folder() -> None:
    files = {f"{number:05}.yaml": _text(number, "first") for number in range(POLICIES)}
    store = FolderStore()
    first = timed(partial(_observe, store, files))
    edits = [{**files, "00007.yaml": _text(7, f"edit-{turn}")} for turn in range(ROUNDS)]
    again = Spread([timed(partial(_observe, store, edit)) for edit in edits])
    world = World(gateways={NAME: Gateway(NAME)})
    snapshots = Spread([timed(partial(store.snapshot, world)) for _ in range(ROUNDS)])
    rows: list[Row] = [
        {"what": "all files, for the first time", "ms": first},
        {"what": "again, and one file has changed", "ms": again},
        {"what": "the snapshot of what was read", "ms": snapshots},
    ]
    report("folder_time", rows, [f"{POLICIES:,} files, each with a policy and its model; without the disk."])


def _observe(store: FolderStore, files: dict[str, bytes]) -> None:
    store.observe([Source(name, data) for name, data in files.items()], "now")


def _text(number: int, rule: str) -> bytes:
    return yaml.safe_dump_all([sized_model(number), sized_policy(number, rule)]).encode()
