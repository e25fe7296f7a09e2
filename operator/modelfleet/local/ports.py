"""The address that a gateway listens on: read, checked for other users, and kept ours while the gateway restarts."""

import errno
import ipaddress
import re
import socket
import sys
from contextlib import closing
from types import TracebackType
from typing import Final, Self

from modelfleet.findings import Unusable

_FORM: Final = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<four>[^\[\]:]+)):(?P<port>[0-9]{1,5})")
HIGHEST: Final = 65535


def parse_address(text: str) -> tuple[str, int]:
    """The address and the port that ADDRESS:PORT names. Raises Unusable."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise Unusable(f"{text!r} must be ADDRESS:PORT such as 127.0.0.1:8080{_hint(text)}")
    host = "127.0.0.1" if found["four"] == "localhost" else found["six"] or found["four"] or ""
    wanted = ipaddress.IPv4Address if found["four"] else ipaddress.IPv6Address
    try:
        address = wanted(host)
    except ValueError:
        raise Unusable(f"{text!r} must be ADDRESS:PORT such as 127.0.0.1:8080: {host!r} is no IP address") from None
    if "%" in host:
        raise Unusable(f"{text!r} names an interface, which is not supported: leave out the % and what follows it")
    port = int(found["port"])
    if port > HIGHEST:
        raise Unusable(f"{text!r} must be ADDRESS:PORT such as 127.0.0.1:8080: a port is at most {HIGHEST}")
    return str(address), port


def _hint(text: str) -> str:
    return ", and an IPv6 address goes in brackets: [::1]:8080" if text.count(":") > 1 else ""


def shown(host: str, port: int) -> str:
    """The address as people write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Reservation:
    """A port that is ours, also while nobody listens on it where the system can hold a port for somebody else."""

    def __init__(self, host: str, port: int, holder: socket.socket | None) -> None:
        self.host = host
        self.port = port
        self._holder = holder

    def __str__(self) -> str:
        return shown(self.host, self.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the port back."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None


def reserve(host: str, port: int) -> Reservation:
    """Takes a port, any free one for 0, for a gateway that listens with SO_REUSEPORT. Raises Unusable.

    The kernel shares such a port only among sockets of one user that all say SO_REUSEPORT, and hands connections to
    those alone that listen. So the socket kept here, which never listens, keeps others out and takes nothing.
    """
    try:
        with closing(_bound(host, port, reuse=False)) as probe:
            probe.listen()  # a socket that is bound may still be refused here
            found: int = probe.getsockname()[1]
        # Elsewhere than on Linux a connection may be handed to a socket that does not listen, and is then refused.
        holder = _bound(host, found, reuse=True) if sys.platform == "linux" else None
    except OSError as error:
        raise Unusable(f"{shown(host, port)} {_words(error)}") from error
    return Reservation(host, found, holder)


def _bound(host: str, port: int, *, reuse: bool) -> socket.socket:
    is_six = ":" in host
    bound = socket.socket(socket.AF_INET6 if is_six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if is_six:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Connections of a gateway that has just ended linger on the port, and are no other user.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
        if reuse:
            # Others say it as well, and two that say it may have one port until the first of them listens.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        bound.close()
        raise
    return bound


def _words(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "is in use by another program: choose another with --listen, or port 0"
        case errno.EACCES:
            return "may not be used without more rights: choose a port above 1023 with --listen, or port 0"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return "is no address of this machine: choose another with --listen, such as 127.0.0.1:8080"
        case _:
            return f"cannot be used: {error.strerror or error}; choose another with --listen"
