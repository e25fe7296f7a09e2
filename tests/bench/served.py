"""A proxy under test as a child process on its own core, ready when it answers, gone with the bench."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelfleet.local.ports import reserve
from tests.bench.cores import PROXY, on_core
from tests.bench.traffic import Missing
from tests.testbed.process import Process

STARTS_WITHIN_S = 90.0


@contextmanager
def served(command: Sequence[str], folder: Path, port: int) -> Iterator[int]:
    """Its process, once the port accepts. Raises Missing with its last words where it does not."""
    process = Process(command, folder / "log")
    try:
        with on_core(PROXY):
            process.start()
        until = time.monotonic() + STARTS_WITHIN_S
        while not accepts(port):
            if not process.is_running() or time.monotonic() > until:
                raise Missing(f"it does not start: {process.last_words()[-600:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.stop()


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as asked:
        asked.settimeout(1)
        return asked.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port for a program that does not share one: nobody holds it any longer, and so it must start at once."""
    with reserve("127.0.0.1", 0) as reserved:
        return reserved.port
