"""vLLM's own router, in Rust: one engine, round robin, as its read-me starts it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.peers.environment import program, version
from tests.bench.served import free_port, served
from tests.bench.traffic import Target

NAME = "vllm-router"


@contextmanager
def vllm_router(folder: Path, engine: str) -> Iterator[Target]:
    """Raises Missing."""
    command = program("vllm-router")
    port = free_port()
    command += ["--host", "127.0.0.1", "--port", str(port), "--worker-urls", f"http://{engine}"]
    command += ["--policy", "round_robin", "--prometheus-port", str(free_port()), "--log-level", "warning"]
    with served(command, folder, port) as pid:
        yield Target(NAME, f"127.0.0.1:{port}", pid, version=version("vllm-router"))
