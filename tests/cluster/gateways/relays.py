"""The relay beside an Envoy, as a process that a test starts, stops, kills and freezes."""

from collections.abc import Iterable
from pathlib import Path

from tests.cluster.operator.process import PROGRAM, ask, lasting_port
from tests.testbed.process import Process


class Relay(Process):
    """`modelfleet xds --upstream`, with its socket and its cache in folders that outlive it."""

    def __init__(self, folder: Path, node: str, upstream: Iterable[str], gateway: str = "default") -> None:
        self.node, self.gateway = node, gateway
        self.address = str(folder / f"{node}.sock")
        self.metrics = f"127.0.0.1:{lasting_port()}"
        self.cache = folder / f"{node}-cache"
        command = [str(PROGRAM), "xds", f"--listen={self.address}", f"--cache={self.cache}", f"--gateway={gateway}"]
        command += [f"--node={node}", f"--metrics={self.metrics}", *(f"--upstream={one}" for one in upstream)]
        super().__init__(command, folder / f"relay-{node}.log")

    @property
    def name(self) -> str:
        return f"relay-{self.node}"

    def is_ready(self) -> bool:
        """Whether it has something to serve."""
        return ask(f"http://{self.metrics}/readyz")[0] == 200
