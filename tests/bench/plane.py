"""A control plane as a process of its own, so that its memory is its own: `python -m tests.bench.plane`.

It takes its orders as lines of JSON and answers each with lines of JSON, with times of `time.monotonic()`, which all
processes of a machine share.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.envoy.check import Seen
from modelfleet.findings import Key
from modelfleet.fleet.inforce import InForce
from modelfleet.fleet.parse import Parsed, Valid, parse_object
from modelfleet.fleet.snapshot import snapshot_of
from modelfleet.fleet.world import Endpoint, Gateway, World
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.events import Event, Refusal, Settled
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import gateway_resources
from tests.bench.sized import Raw, sized_fleet, sized_policy

NAME = "default"
ROOT = Path(__file__).resolve().parents[2]
Line = dict[str, Any]


@dataclass(slots=True)
class Fleet:
    """The objects as a watch would hold them: one that changes is parsed alone."""

    gateway: Gateway
    endpoint: Endpoint
    parsed: dict[Key, Parsed] = field(default_factory=dict)
    endpoints: dict[Key, tuple[Endpoint, ...]] = field(default_factory=dict)
    plan: FleetPlan | None = None
    seen: dict[str, Seen] = field(default_factory=dict)

    def take(self, raw: Raw) -> None:
        parsed = parse_object(raw)
        assert isinstance(parsed, Valid), parsed
        self.parsed[parsed.key] = parsed
        if parsed.key.kind == "ModelDeployment":
            self.endpoints[parsed.key] = (self.endpoint,)

    def compile(self) -> FleetPlan:
        world = World(gateways={NAME: self.gateway}, endpoints=self.endpoints)
        before = self.plan.in_force if self.plan else InForce()
        self.plan = compile_fleet(snapshot_of(self.parsed.values(), {}, world), before, self.seen)
        assert not self.plan.defects, self.plan.defects[:3]
        return self.plan


class _Served:
    """The server, and when its gateway has taken what was published last."""

    def __init__(self) -> None:
        self.cache = SnapshotCache()
        self.server = AdsServer(self.cache, self._heard)
        self.acked = asyncio.Event()
        self.acked_s = 0.0
        self.refusals: list[str] = []

    def publish(self, plan: FleetPlan) -> None:
        self.acked.clear()
        self.cache.publish(NAME, gateway_resources(plan.gateways[NAME]))

    def _heard(self, _node: str, _gateway: str, event: Event) -> None:
        latest = self.cache.latest(NAME)
        if isinstance(event, Refusal):
            self.refusals.append(f"{event.names}: {event.message}")
        elif isinstance(event, Settled) and latest and event.version == latest.version:
            self.acked_s = time.monotonic()
            self.acked.set()


async def _serve(orders: Line) -> None:
    host, port = orders["listen"]
    fleet = Fleet(Gateway(NAME, host, port, record=orders["record"]), Endpoint(*orders["upstream"]))
    served = _Served()
    began_s = time.monotonic()
    for raw in sized_fleet(orders["policies"]):
        fleet.take(raw)
    parsed_s = time.monotonic()
    plan = fleet.compile()
    compiled_s = time.monotonic()
    served.publish(plan)
    size = sum(len(resource.body) for resource in plan.gateways[NAME])
    await served.server.start(orders["address"])
    _say(parse=parsed_s - began_s, compile=compiled_s - parsed_s, bytes=size, resources=len(plan.gateways[NAME]))
    while line := await asyncio.to_thread(sys.stdin.readline):
        await _obey(json.loads(line), fleet, served)
    await served.server.stop(0)


async def _obey(order: Line, fleet: Fleet, served: _Served) -> None:
    """An edit, or to say when all is acknowledged."""
    if "edit" in order:
        began_s = time.monotonic()
        fleet.take(sized_policy(order["edit"], order["rule"]))
        plan = fleet.compile()
        compiled_s = time.monotonic()
        served.publish(plan)
        _say(began=began_s, compiled=compiled_s, published=time.monotonic())
    await served.acked.wait()
    _say(acked=served.acked_s, refusals=served.refusals)


def _say(**values: object) -> None:
    print(json.dumps(values), flush=True)


class Plane:
    """The process, for whoever measures it."""

    def __init__(self, orders: Mapping[str, object]) -> None:
        command = [sys.executable, "-m", "tests.bench.plane", json.dumps(orders)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def told(self) -> Line:
        """Its next line."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"the control plane ended: {self._process.poll()}"
        found: Line = json.loads(line)
        return found

    def order(self, **values: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(values) + "\n")


def resident() -> Iterator[tuple[int, int, int]]:
    """Process, parent and resident kilobytes of everything that runs."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        pid, parent, size = map(int, line.split())
        yield pid, parent, size


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
