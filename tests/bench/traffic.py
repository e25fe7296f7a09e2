"""Drives the program in wire/: the engine behind every target, and one run of load against one of them."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.bodies import MODEL
from tests.bench.cores import CALLERS, cpu_ns, on_core
from tests.support.cached import kept, place

SOURCE = Path(__file__).parent / "wire"
PATIENCE = 60.0
LATE_S = 0.5
"""Whoever still answers so long after the last request was due does not keep up with the rate."""
STREAM_S = 0.2
"""What a stream takes that nobody delays: 100 pieces, 2 ms apart."""


class Missing(Exception):
    """A part cannot be had on this machine; the text says why, and what would help."""


class Wrong(Exception):
    """An answer that nobody should have got: then no figure of the run means anything."""


@dataclass(frozen=True)
class Target:
    """Where requests are sent, and what is known of it."""

    name: str
    address: str
    pid: int = 0
    """Its process, whose CPU is counted together with that of its children; 0 where nobody is in between."""
    models: Mapping[str, str] = field(default_factory=dict)
    """What the engine that has to answer is called, by the size of the body; where it says nothing, as was asked."""
    key: str = ""
    version: str = ""


@dataclass(frozen=True)
class Load:
    """One run: which bodies, how fast, how long."""

    size: str
    bodies: Path
    streams: bool = False
    connections: int = 16
    seconds: float = 1.0
    rate: float = 0
    """Requests per second; 0 keeps every connection busy."""


@dataclass(frozen=True)
class Outcome:
    """What one run found. Times are in microseconds."""

    completed: int
    failed: int
    failure: str
    seconds: float
    behind: float
    latency: list[float]
    first_byte: list[float]
    cpu_us: float

    @property
    def cpu_each(self) -> float:
        return self.cpu_us / self.completed


def program() -> Path:
    """The program, built if that has not been done. Raises Missing."""
    pins = [path.read_bytes() for path in sorted(SOURCE.iterdir())]
    return kept(place("bench", "wire", pins), _build) / "wire"


def _build(folder: Path) -> None:
    if shutil.which("go") is None:
        raise Missing("the load generator is built once, which needs Go 1.26 or newer: install it")
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(folder / "wire"), "."]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"the load generator could not be built: {done.stderr.strip()[-1000:]}")


@contextmanager
def stub(wire: Path) -> Iterator[str]:
    """The engine that every target asks; HOST:PORT."""
    with on_core(CALLERS):
        child = subprocess.Popen([wire, "stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdin
        assert child.stdout
        try:
            yield child.stdout.readline().strip()
        finally:
            child.stdin.close()


def measure(wire: Path, target: Target, load: Load) -> Outcome:
    """Raises Wrong where an answer was not 200, or from a model that should not have been asked."""
    with on_core(CALLERS):
        child = subprocess.Popen(
            [wire, "load", *_options(target, load)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    try:
        assert child.stdout
        said = child.stdout.readline()
        assert said == "ready\n", said
        # No request is under way, neither here nor after the last line.
        before = cpu_ns(target.pid) if target.pid else 0
        text, _ = child.communicate("go\n", timeout=load.seconds + PATIENCE)
        after = cpu_ns(target.pid) if target.pid else 0
    finally:
        child.kill()
        child.wait()
    found: dict[str, Any] = json.loads(text)
    if wrong := found.pop("wrong"):
        raise Wrong(f"{target.name}, {load.size}: {wrong}")
    outcome = Outcome(**found, cpu_us=(after - before) / 1000)
    if not outcome.completed:
        raise Wrong(f"{target.name}, {load.size}: no request was answered: {outcome.failure}")
    return outcome


def over_capacity(load: Load, found: Outcome) -> bool:
    """Whether the target did not keep up with a fixed rate: its times then tell of the queue alone."""
    return bool(load.rate) and found.behind > LATE_S + (STREAM_S if load.streams else 0)


def _options(target: Target, load: Load) -> Sequence[str]:
    model = target.models.get(load.size, MODEL)
    options = ["-address", target.address, "-model", model, "-bodies", str(load.bodies)]
    options += ["-connections", str(load.connections), "-seconds", str(load.seconds), "-rate", str(load.rate)]
    options += ["-streams"] if load.streams else []
    return [*options, *(["-key", target.key] if target.key else [])]
