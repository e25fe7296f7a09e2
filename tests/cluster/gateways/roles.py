"""The xds role, and Envoys that join it, as processes that a test starts, stops, kills and freezes."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modelfleet.local.binary import find_envoy
from tests.cluster.operator.process import PROGRAM, Role, ask, lasting_port
from tests.testbed.api import wait_for
from tests.testbed.faults import FaultProxy
from tests.testbed.process import Process


class Xds(Role):
    """`modelfleet xds`, for gateways that listen on loopback."""

    ROLE = "xds"

    def __init__(self, proxy: FaultProxy, name: str, gateways: Iterable[str], *options: str) -> None:
        """`gateways` are as the option has them: `edge=127.0.0.1:8080,records=PATH`."""
        self.address = f"127.0.0.1:{lasting_port()}"
        served = (f"--gateway={one}" for one in gateways)
        super().__init__(proxy, name, f"--listen={self.address}", *served, *options)

    def acks(self) -> dict[str, Any]:
        """What it tells of its gateways."""
        status, body = self.ask("/acks")
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    def nodes(self, gateway: str = "default") -> dict[str, dict[str, Any]]:
        """What it tells of the Envoys of a gateway, by their ids."""
        found: dict[str, Any] = next((one for one in self.acks()["gateways"] if one["name"] == gateway), {"nodes": []})
        return {one["id"]: one for one in found["nodes"]}


class Envoy(Process):
    """A real Envoy with the bootstrap that `modelfleet bootstrap` prints."""

    def __init__(self, folder: Path, node: str, xds: Iterable[str], gateway: str = "default", workers: int = 1) -> None:
        self.node, self.gateway = node, gateway
        self.admin = f"127.0.0.1:{lasting_port()}"
        made = [str(PROGRAM), "bootstrap", f"--gateway={gateway}", f"--node={node}", f"--admin={self.admin}"]
        made += [f"--xds={address}" for address in xds]
        config = folder / f"{node}.json"
        config.write_text(subprocess.run(made, capture_output=True, check=True, text=True).stdout)
        command = [str(find_envoy(None).path), "--config-path", str(config), "--concurrency", str(workers)]
        command += ["--disable-hot-restart", "--file-flush-interval-msec", "100", "--drain-time-s", "2"]
        super().__init__(command, folder / f"{node}.log")

    @property
    def name(self) -> str:
        return self.node

    def ask(self, path: str) -> tuple[int, str]:
        """What its admin interface says; status 0 where it does not answer."""
        return ask(f"http://{self.admin}{path}")

    def is_ready(self) -> bool:
        """Whether it serves."""
        return self.ask("/ready")[0] == 200

    def wait_until_ready(self, patience: float = 30) -> None:
        """Until it serves."""
        wait_for(f"{self.node} to be ready", lambda: self._is_alive() and self.is_ready(), patience)

    def stats(self, prefix: str) -> Mapping[str, int]:
        """Its counters and gauges whose names begin so."""
        lines = self.ask(f"/stats?filter=^{prefix}")[1].splitlines()
        return {name: int(value) for name, _, value in (line.partition(": ") for line in lines) if value.isdecimal()}

    def endpoints(self, model: str) -> set[str]:
        """The addresses that it has for a model, as namespace/name: from its own dump of what it was sent."""
        status, body = self.ask("/config_dump?include_eds&resource=dynamic_endpoint_configs")
        assert status == 200, body
        found = set()
        for one in json.loads(body).get("configs", []):
            config = one.get("endpoint_config", one)
            if config.get("cluster_name") == model:
                found |= set(_addresses(config))
        return found

    def _is_alive(self) -> bool:
        assert self.is_running(), f"{self.node} ended:\n{self.last_words()}"
        return True


def _addresses(config: Mapping[str, Any]) -> Iterable[str]:
    for locality in config.get("endpoints", []):
        for one in locality.get("lb_endpoints", []):
            yield one["endpoint"]["address"]["socket_address"]["address"]
