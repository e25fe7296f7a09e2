"""A gateway of two Envoys, from each of which a test may take what hosted models need, and one that has none."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.gateways.roles import Envoy, Xds
from tests.cluster.gateways.scene import Scene
from tests.testbed.bed import Bed
from tests.testbed.faults import FaultProxy

ROOTS = "roots.pem"
NODES = ("gw-0", "gw-1")
LONELY = "edge"
"""A gateway that no Envoy has joined."""


class Stage(Scene):
    """Everything runs: a replica, an operator, and two Envoys in folders of their own."""

    def __init__(self, bed: Bed, proxy: FaultProxy) -> None:
        super().__init__(bed, proxy, ("default", LONELY), f",roots={ROOTS}")

    def __enter__(self) -> "Stage":
        super().__enter__()
        self.start_xds("xds")
        self.start_operator("of-stage", "--log-level=debug")
        for node in NODES:
            folder = self.folder / node
            folder.mkdir()
            self._give_roots(folder)
            self.start_envoy(node, folder=folder)
        return self

    @property
    def replica(self) -> Xds:
        """The only one."""
        return self.xds[0]

    def envoy(self, node: str) -> Envoy:
        """One of the two."""
        return self.envoys[NODES.index(node)]

    @contextlib.contextmanager
    def rootless(self, node: str) -> Iterator[None]:
        """Meanwhile this Envoy can take no hosted model that it does not have."""
        folder = self.folder / node
        (folder / ROOTS).unlink()
        try:
            yield
        finally:
            self._give_roots(folder)

    def _give_roots(self, folder: Path) -> None:
        (folder / ROOTS).write_bytes((self.bed.folder / "certs" / "apiserver.crt").read_bytes())
