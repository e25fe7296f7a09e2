"""`modelfleet up`: the fleet of a folder, the server and the gateway, in one process and its children."""

import asyncio
import logging
import os
import ssl
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import LISTENER
from modelfleet.findings import Key, Unusable
from modelfleet.local.binary import find_envoy
from modelfleet.local.console import Console, is_envoy_noise
from modelfleet.local.ports import Reservation, parse_address, reserve
from modelfleet.local.run import Input, Place, Run
from modelfleet.local.state import StateDir, claim
from modelfleet.local.view import Nothing, view_on
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.events import Event, Refusal
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import gateway_resources

US = "modelfleet"
DEFAULT_LISTEN = "127.0.0.1:8080"
SETTLE_LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What a user says of a run."""

    paths: Sequence[str]
    listen: str | None = None
    state: Path | None = None
    envoy: str | None = None
    namespace: str = "default"
    quiet: bool = False
    """Whether only what goes wrong is shown."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A gateway that answers, and what belongs to it."""

    url: str
    state: StateDir
    stop: Callable[[], None]
    envoy: str


class _Plane:
    """The xds server in this process."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._cache = SnapshotCache()
        self._server = AdsServer(self._cache, self._heard)

    def publish(self, gateway: str, resources: tuple[XdsResource, ...]) -> bool:
        return self._cache.publish(gateway, gateway_resources(resources))

    async def start(self, address: str) -> str:
        return await self._server.start(address)

    async def settle(self, gateway: str) -> Collection[Key]:
        while not self._is_settled(gateway):
            # Who has no listener asks for nothing more, and never has all of it.
            self._look_for_listener(gateway)
            await asyncio.sleep(SETTLE_LOOK_S)
        self._look_for_listener(gateway)
        settled = (node.status.settled for node in self._cache.nodes(gateway))
        return {key for it in settled if it for key in it.affected}

    async def stop(self, grace: float) -> None:
        await self._server.stop(grace)

    def _look_for_listener(self, gateway: str) -> None:
        for node in self._cache.nodes(gateway):
            for refusal in node.status.refusals:
                if refusal.type_url == LISTENER:
                    raise Unusable(f"Envoy cannot listen: {refusal.message}")

    def _is_settled(self, gateway: str) -> bool:
        latest = self._cache.latest(gateway)
        settled = [node.status.settled for node in self._cache.nodes(gateway)]
        return bool(latest and settled) and all(it and latest and it.version == latest.version for it in settled)

    def _heard(self, _node: str, _gateway: str, event: Event) -> None:
        if isinstance(event, Refusal):
            owners = ", ".join(str(key) for key in sorted(event.owners)) or "no object"
            names = ", ".join(event.names)
            self._say(f"Envoy refused {names} (from {owners}), what it had stays in force: {event.message}")


def run_up(options: UpOptions, when_ready: Callable[[Ready], Awaitable[None]]) -> None:
    """Serves a fleet from files until a signal comes. Raises Unusable where this machine cannot."""
    os.umask(0o077)  # records and logs are for this user, whatever folder they are put into
    envoy = find_envoy(options.envoy)
    with claim(options.state) as state, _reserved(options.listen) as port:
        # The console's thread outlives nothing: it writes what children say while they end.
        said = _Voice()
        # A process may have been started without a place for its errors, which is no reason not to serve.
        view = Nothing() if options.quiet or sys.stderr is None else view_on(sys.stderr, said.say)
        console = Console(view.stream)
        said.console = console
        console.keep("envoy", state.envoy_log, is_envoy_noise)
        try:
            run = Run(
                Input(options.paths, options.namespace),
                Place(state, port, envoy, _roots()),
                _Plane(said.say),
                view,
                said.say,
            )
            ready = Ready(f"http://{port}/v1", state, run.stop, envoy.version)
            with _logging_to(said), view:
                asyncio.run(run.serve(_told_by(console), lambda: _announce(ready, when_ready)))
        finally:
            console.close()


async def _announce(ready: Ready, when_ready: Callable[[Ready], Awaitable[None]]) -> None:
    ready.state.announce(ready.url, {"admin": ready.state.socket("admin")})
    await when_ready(ready)


def _told_by(console: Console) -> Callable[[str, str], None]:
    """The lines of children, but for one that reads as ours does: simulated engines say when they are ready, too."""

    def line(name: str, text: str) -> None:
        if not text.startswith("ready: http"):
            console.line(name, text)

    return line


class _Voice(logging.Handler):
    """Our own lines, among those of the children; what libraries have to say comes by way of logging."""

    console: Console | None = None

    def say(self, text: str) -> None:
        if self.console:
            self.console.line(US, text)

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            self.say(line)


@contextmanager
def _logging_to(voice: _Voice) -> Iterator[None]:
    root = logging.getLogger()
    root.addHandler(voice)
    # A refusal is said by `_Plane`, with the objects that it concerns.
    logging.getLogger("modelfleet.xds").setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.removeHandler(voice)


def _reserved(listen: str | None) -> Reservation:
    """The port that was asked for; where none was, the usual one or else any that is free."""
    if listen is not None:
        return reserve(*parse_address(listen))
    host, port = parse_address(DEFAULT_LISTEN)
    try:
        return reserve(host, port)
    except Unusable:
        return reserve(host, 0)


def _roots() -> str:
    """The certificate authorities of this machine."""
    paths = ssl.get_default_verify_paths()
    usual = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    for path in (os.environ.get("SSL_CERT_FILE"), paths.cafile, *usual):
        if path and Path(path).is_file():
            return path
    return usual[0]
