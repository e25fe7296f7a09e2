"""`modelfleet xds --upstream`: the server beside one Envoy, which serves also while everything else is down."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelfleet import __version__
from modelfleet.app.revival import BEAT_S, Life
from modelfleet.app.tls import tell_of_listener, warn_of_clear, watched_tls
from modelfleet.controllers.serving import Serving
from modelfleet.envoy.mtls import TlsFiles
from modelfleet.findings import Unusable
from modelfleet.telemetry import Telemetry
from modelfleet.xds.cachefile import CacheFile
from modelfleet.xds.dial import Dial
from modelfleet.xds.mirror import Who
from modelfleet.xds.relay import Happened, Relay

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """What an installer says of a relay. An address is HOST:PORT, or the path of a socket, and has been read."""

    upstream: tuple[str, ...]
    """The central servers, any of which will do."""
    cache: Path
    """The folder in which the state is kept."""
    gateway: str
    node: str
    """Who the gateway is at the central servers."""
    listen: str
    metrics: str | None = None
    tls: TlsFiles | None = None
    """Those of a client of the central servers, all of which then speak TLS."""
    listener: TlsFiles | None = None
    """What the Envoy shows to callers, of which metrics tell."""
    life: Life | None = None
    """Where it is to say that it lives."""


def run_relay(options: RelayOptions) -> None:
    """Serves until a signal comes. Raises Unusable where it cannot."""
    if not options.upstream:
        raise Unusable("--upstream: must name at least one server")
    if options.tls and (socket := next((one for one in options.upstream if one.startswith("/")), None)):
        raise Unusable(f"--upstream {socket}: a socket is without TLS: leave out --tls-cert and such")
    file = CacheFile(options.cache, options.gateway)
    try:
        file.prepare()
    except OSError as error:
        raise Unusable(f"--cache {options.cache}: cannot be made: {error.strerror or error}") from error
    asyncio.run(_run(options, list(map(_target, options.upstream)), _target(options.listen), file))


def _target(address: str) -> str:
    """The address as gRPC reads it."""
    return f"unix:{address}" if address.startswith("/") else address


async def _run(options: RelayOptions, upstream: list[str], listen: str, file: CacheFile) -> None:
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    telemetry = Telemetry()
    dial = Dial(watched_tls(options.tls, telemetry, serves=False) if options.tls else None)
    relay = Relay(Who(options.node, options.gateway), upstream, file, _counts(telemetry), dial)
    _measure(telemetry, relay)
    telemetry.counter("relay_crashes", "Times that it was started anew by itself.").inc(_deaths(options))
    if options.listener:
        tell_of_listener(options.listener, telemetry)
    warn_of_clear(listen, "a relay serves the Envoy beside it: listen on loopback, or at the path of a socket")
    log.info("modelfleet %s, relay of gateway %r, node %r", __version__, options.gateway, options.node)
    with _serving(options.metrics, telemetry, relay):
        try:
            log.info("serving at %s", await relay.start(listen))
        except RuntimeError as error:
            raise Unusable(
                f"--listen {options.listen}: cannot listen there, the address is taken or not ours"
            ) from error
        beating = asyncio.create_task(_beat(options.life)) if options.life else None
        await relay.run(ending)
        if beating:
            beating.cancel()
        log.info("ended")


async def _beat(life: Life) -> None:
    while True:
        life.beat()
        await asyncio.sleep(BEAT_S)


@contextmanager
def _serving(address: str | None, telemetry: Telemetry, relay: Relay) -> Iterator[None]:
    if address is None:
        yield
        return

    def lacks() -> list[str]:
        return [] if relay.has_state else ["nothing to serve: the cache is empty, and no central server has been heard"]

    serving = Serving(address, telemetry, list, lacks)
    serving.start()
    log.info("metrics and health at http://%s", serving.address)
    try:
        yield
    finally:
        serving.stop()


def _deaths(options: RelayOptions) -> int:
    return options.life.died if options.life else 0


def _counts(telemetry: Telemetry) -> Callable[[Happened], None]:
    answers = telemetry.counter("relay_responses", "What central servers sent, by what became of it.", ("outcome",))
    writes = telemetry.counter("relay_cache_writes", "Attempts to keep the state on disk, by outcome.", ("outcome",))
    counters = {
        Happened.TAKEN: answers.labels("taken"),
        Happened.REFUSED: answers.labels("refused"),
        Happened.WRITTEN: writes.labels("done"),
        Happened.NOT_WRITTEN: writes.labels("failed"),
    }
    return lambda happened: counters[happened].inc()


def _measure(telemetry: Telemetry, relay: Relay) -> None:
    connected = telemetry.gauge("relay_upstream_connected", "Whether there is a stream to a central server: 1 or 0.")
    connected.set_function(lambda: float(relay.is_connected))
    lost = telemetry.gauge("relay_upstream_lost_seconds", "Seconds since there was one; 0 while there is.")
    lost.set_function(lambda: relay.lost_s)
    telemetry.ask("relay_resources", "Resources for the gateway.", "type", relay.sizes)
