"""A role that runs in a cluster, from its start to the signal that ends it."""

import gc
import logging
import signal
import socket
import uuid
from collections.abc import Mapping
from threading import Event
from typing import Protocol

from modelfleet.controllers.serving import Page, Serving
from modelfleet.findings import Unusable
from modelfleet.kube.client import Client, check_version
from modelfleet.kube.errors import Forbidden, KubeError, NotFound
from modelfleet.telemetry import Telemetry

ASK_AGAIN_S = 2.0
BIRTHS = 50_000
"""So many objects come to be before the collector of cycles looks. A look at a fleet makes as many, hardly one of them
in a cycle, and with Python's own number a third of its time was spent on looking for some.
"""

log = logging.getLogger(__name__)


class Running(Protocol):
    """A role, as far as its process is concerned."""

    @property
    def client(self) -> Client:
        """Who speaks to the API server."""

    @property
    def telemetry(self) -> Telemetry:
        """Its metrics."""

    @property
    def pages(self) -> Mapping[str, Page]:
        """What it tells beside its metrics, by path."""

    def ailments(self) -> list[str]:
        """Why the process should be ended; nothing while it lives."""

    def lacks(self) -> list[str]:
        """Why it is of no use yet; nothing once it is."""

    def start(self) -> None:
        """Starts to look; each part waits for what it needs. Where it raises, what has begun is stopped."""

    def stand(self) -> None:
        """The server is one that it can work with."""

    def stop(self) -> None:
        """Ends, and waits for the end of what has begun, be it all, a part or nothing."""


def identity() -> str:
    """A name that no other process has, and that says to people where this one runs."""
    return f"{socket.gethostname()}_{uuid.uuid4().hex[:12]}"


def run_role(role: Running, metrics: str | None) -> None:
    """Serves until a signal comes. Raises Unusable where it cannot."""
    gc.set_threshold(BIRTHS, 10, 10)
    ending = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    serving = None
    if metrics is not None:
        serving = Serving(metrics, role.telemetry, role.ailments, role.lacks, role.pages)
        serving.start()
        log.info("metrics and health at http://%s", serving.address)
    try:
        role.start()
        _check_server(role.client, ending)
        role.stand()
        ending.wait()
        log.info("ending")
    finally:
        role.stop()
        if serving:
            serving.stop()


def _check_server(client: Client, ending: Event) -> None:
    """Raises Unusable for a server that is too old. One that does not answer may come yet."""
    while not ending.is_set():
        try:
            wrong = check_version(client.server_version())
        except (Forbidden, NotFound):
            return  # who may not ask is not kept from working
        except KubeError:
            ending.wait(ASK_AGAIN_S)
            continue
        if wrong:
            raise Unusable(wrong)
        return
