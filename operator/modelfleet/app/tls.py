"""What a role tells of its TLS files, and of a port that has none."""

import logging
from collections.abc import Callable
from ipaddress import ip_address

from modelfleet.envoy.mtls import TlsFiles
from modelfleet.findings import Unusable
from modelfleet.telemetry import Telemetry
from modelfleet.xds.arrivals import Arrivals
from modelfleet.xds.door import Door
from modelfleet.xds.tls import RenewingTls, server_credentials

log = logging.getLogger(__name__)


def watched_tls(files: TlsFiles, telemetry: Telemetry, *, serves: bool) -> RenewingTls:
    """The files, with metrics of them. Raises Unusable, which names the option."""
    renewals = telemetry.counter("tls_renewals", "TLS files that have changed, by what became of it.", ("outcome",))
    taken, refused = renewals.labels("taken"), renewals.labels("refused")
    tls = RenewingTls(files, serves=serves, count=lambda good: (taken if good else refused).inc())
    expiry = telemetry.gauge(
        "tls_certificate_expiry_seconds", "When the certificate in force expires, in seconds since 1970."
    )
    expiry.set_function(lambda: tls.latest().expires)
    return tls


def tell_of_listener(files: TlsFiles, telemetry: Telemetry) -> None:
    """Metrics of the certificate that an Envoy shows to callers. Damaged files are told of, and end nothing."""
    renewals = telemetry.counter(
        "listener_renewals", "Changes of the files that callers are shown, by what became of it.", ("outcome",)
    )
    taken, refused = renewals.labels("taken"), renewals.labels("refused")
    first = _First(files, lambda good: (taken if good else refused).inc())
    expiry = telemetry.gauge(
        "listener_certificate_expiry_seconds",
        "When the certificate that callers are shown expires, in seconds since 1970; 0 while none was good.",
    )
    expiry.set_function(first.expires)


class _First:
    """Files that may be damaged to begin with, which is told of once."""

    def __init__(self, files: TlsFiles, count: Callable[[bool], None]) -> None:
        self._files = files
        self._count = count
        self._tls: RenewingTls | None = None
        self._told = ""

    def expires(self) -> float:
        """The second since 1970; 0 while there was no good pair."""
        try:
            if self._tls is None:
                self._tls = RenewingTls(self._files, serves=True, count=self._count, prefix="--listener")
            return self._tls.latest().expires
        except Unusable as error:
            if str(error) != self._told:
                self._told = str(error)
                self._count(False)
                log.error("%s. Callers are shown what Envoy read before", error)
            return 0.0


def door_of(files: TlsFiles | None, listen: str, telemetry: Telemetry) -> Door:
    """Where gateways come in. Raises Unusable, which names the option."""
    if files is None:
        warn_of_clear(listen, "give --tls-cert, --tls-key and --tls-ca, or listen on loopback")
        return Door()
    denied = telemetry.counter(
        "xds_denied", "Streams that were refused because their certificate is not that of their gateway."
    )
    arrivals = Arrivals()
    telemetry.ask_count(
        "tls_connections_lost",
        "Connections from which no stream came: their handshake failed, or they asked for nothing.",
        arrivals.lost,
    )
    tls = watched_tls(files, telemetry, serves=True)
    return Door(server_credentials(tls, arrivals.begun), denied.inc, arrivals.came)


def warn_of_clear(listen: str, remedy: str) -> None:
    """Says that others can listen in, where they can, and what is to be done."""
    if not _is_local(listen):
        log.warning(
            "--listen %s is without TLS, and more than this machine can reach it: who does reads all that gateways are "
            "told, keys of hosted models too: %s",
            listen,
            remedy,
        )


def _is_local(listen: str) -> bool:
    if listen.startswith(("unix:", "/")):
        return True
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
