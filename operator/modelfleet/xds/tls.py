"""The TLS files of one side, read again when they have changed, and what gRPC is given of them."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

import grpc

from modelfleet.envoy.mtls import TlsFiles
from modelfleet.findings import Unusable

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, which Python has no name for: also of a certificate that has expired its end is asked."""
_MOST_STEPS = 8

_log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What was in the files at one moment, and goes together."""

    chain: bytes
    key: bytes
    authorities: bytes
    expires: float
    """The second since 1970 after which the certificate is not valid."""


class RenewingTls:
    """The latest that was good. For several threads at once."""

    def __init__(self, files: TlsFiles, *, serves: bool, count: Callable[[bool], None], prefix: str = "--tls") -> None:
        """Raises Unusable, which names the option. `count` is told of each change whether it was taken."""
        self._files = files
        self._prefix = prefix
        self._serves = serves
        self._count = count
        self._lock = Lock()
        self._stamp = self._stamped()
        self._latest = self._read()

    @property
    def server_name(self) -> str:
        """What the server is to be called; nothing where that is its host."""
        return self._files.server_name

    def latest(self) -> Material:
        """What is in force. Files that are damaged, or do not go together, are told of once and left alone."""
        with self._lock:
            try:
                self._renew()
            except Unusable as error:
                self._count(False)
                _log.error("%s. The last good certificate stays in force", error)
            return self._latest

    def _renew(self) -> None:
        stamp = self._stamped()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        found = self._read()
        if self._stamped() != stamp:
            self._stamp = ()  # they changed while they were read: next time
        elif found != self._latest:
            self._latest = found
            self._count(True)
            _log.info("a new certificate is in force: %s", self._files.cert)

    def _stamped(self) -> Stamp:
        """Changes whenever a file does. A file that is gone has a stamp, too."""
        return tuple(_stamp(one) for one in (self._files.cert, self._files.key, self._files.ca) if one)

    def _read(self) -> Material:
        files, prefix = self._files, self._prefix
        chain, key = _content(f"{prefix}-cert", files.cert), _content(f"{prefix}-key", files.key)
        authorities = _authorities(f"{prefix}-ca", files.ca) if files.ca else b""
        return Material(chain, key, authorities, _end(files, prefix, serves=self._serves))


def server_credentials(tls: RenewingTls, begun: Callable[[], None] = lambda: None) -> grpc.ServerCredentials:
    """Those of a server that asks every client for a certificate. A handshake gets what is then in the files.

    `begun` is called for each connection, before anything is known of it.

    It gets it anew also when nothing has changed: with what there was a client could resume its session, and come in
    for hours with a certificate that has expired.
    """

    def asked() -> grpc.ServerCertificateConfiguration:
        begun()
        return _configuration(tls.latest())

    return grpc.dynamic_ssl_server_credentials(_configuration(tls.latest()), asked, require_client_authentication=True)


def _configuration(material: Material) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(material.key, material.chain)], material.authorities)


def client_credentials(tls: RenewingTls) -> grpc.ChannelCredentials:
    """Those of a client that connects now."""
    latest = tls.latest()
    return grpc.ssl_channel_credentials(latest.authorities, latest.key, latest.chain)


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    # With the time of change, since also its rights may change.
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def _content(option: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Unusable(f"{option} {path}: cannot be read: {error.strerror or error}") from error


def _authorities(option: str, path: str) -> bytes:
    content = _content(option, path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise Unusable(f"{option} {path}: must be certificates of authorities, in PEM: {error}") from error
    return content


def _end(files: TlsFiles, prefix: str, *, serves: bool) -> float:
    """Until when the certificate is valid. Raises Unusable where it is not one for this use, or its key is another."""
    try:
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if serves else ssl.PROTOCOL_TLS_CLIENT)
        own.load_cert_chain(files.cert, files.key, password=_no_password)
        return ssl.cert_time_to_seconds(_shown(own, files, serves=serves)["notAfter"])
    except (ssl.SSLError, OSError) as error:
        use = "serverAuth" if serves else "clientAuth"
        raise Unusable(
            f"{prefix}-cert {files.cert}, {prefix}-key {files.key}: must be a certificate that may be used as {use} "
            f"and its own key without a password, both in PEM: {getattr(error, 'strerror', None) or error}"
        ) from error


def _no_password() -> NoReturn:
    raise ssl.SSLError("the key is encrypted")


def _shown(own: ssl.SSLContext, files: TlsFiles, *, serves: bool) -> Any:
    """What another side reads in it: a handshake with ourselves, which is the way that the library gives."""
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if serves else ssl.PROTOCOL_TLS_SERVER)
    if serves:
        other.check_hostname = False
    else:
        own.check_hostname, own.verify_mode = False, ssl.CERT_NONE
        other.load_cert_chain(files.cert, files.key, password=_no_password)
    other.verify_mode = ssl.CERT_REQUIRED
    other.load_verify_locations(files.cert)
    other.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [own.wrap_bio(there, back, server_side=serves), other.wrap_bio(back, there, server_side=not serves)]
    for step in range(_MOST_STEPS):
        try:
            sides[step % 2].do_handshake()
        except ssl.SSLWantReadError:
            continue
    return sides[1].getpeercert() or {}
