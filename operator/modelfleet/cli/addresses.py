"""An address that an option names: a port of a host, or the path of a socket."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NoReturn

import click

from modelfleet.local.ports import HIGHEST

LONGEST_PATH = 107
"""So many bytes the system takes as the path of a socket."""
LONGEST_NAME = 253

_FORM = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):(?P<port>[0-9]{1,5})")
_NUMBERS = re.compile(r"[0-9.]+")
_LABEL = re.compile(r"[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the addresses of one option. Who made a mistake is shown the example."""

    option: str
    host: str
    port: int
    lowest: int = 1
    """0 where it may be any port that is free."""
    takes_path: bool = True
    """Whether the path of a socket will do."""

    def read(self, text: str) -> str:
        """The address: HOST:PORT, [V6]:PORT or a path. Raises BadParameter."""
        if self.takes_path and text.startswith("/"):
            return self._path(text)
        found = _FORM.fullmatch(text)
        if found is None:
            self._refuse(text, _hint(text))
        host = found["host"] if found["six"] is None else found["six"]
        if not _is_host(host, is_six=found["six"] is not None):
            self._refuse(text, f"{host!r} is no address, and no name of a host")
        if not self.lowest <= int(found["port"]) <= HIGHEST:
            self._refuse(text, f"a port is from {self.lowest} to {HIGHEST}")
        return text

    def read_own(self, text: str) -> str:
        """The same, where we are to listen: :PORT is all addresses."""
        every = "0.0.0.0"  # noqa: S104 - it was asked for, and gRPC knows no shorter form
        return self.read(f"{every}{text}" if re.fullmatch(":[0-9]+", text) else text)

    def _path(self, text: str) -> str:
        if not text.isprintable() or len(text.encode()) > LONGEST_PATH:
            self._refuse(text, f"the path of a socket has at most {LONGEST_PATH} bytes, and is on one line")
        return text

    def _refuse(self, text: str, why: str) -> NoReturn:
        last = "/run/modelfleet/socket" if self.takes_path else f":{self.port}"
        form = f"must be such as {self.host}:{self.port}, [::1]:{self.port} or {last}"
        raise click.BadParameter(f"{text!r} {form}{why and ': '}{why}", param_hint=f"'{self.option}'")


def _hint(text: str) -> str:
    if "://" in text:
        return "leave out what stands before ://"
    if text.count(":") > 1 and "[" not in text:
        return "an IPv6 address goes in brackets"
    return "" if ":" in text else "the port is missing"


def read_metrics(text: str | None) -> str | None:
    """Where a role is to tell how it does; None where it is not to. Raises BadParameter."""
    if text is None:
        return None
    # A port alone was taken before addresses were read here, and still is.
    return Reader("--metrics", "127.0.0.1", 8081, lowest=0, takes_path=False).read_own(
        f":{text}" if text.isdecimal() else text
    )


def is_host(text: str) -> bool:
    """Whether it is the name of a host, or an address without a port."""
    return _is_host(text, is_six=":" in text)


def host_of(address: str) -> str:
    """The host of an address that has been read."""
    return address.rpartition(":")[0].strip("[]")


def _is_host(host: str, *, is_six: bool) -> bool:
    try:
        if is_six:
            return "%" not in host and bool(IPv6Address(host))
        if _NUMBERS.fullmatch(host):
            return bool(IPv4Address(host))
    except ValueError:
        return False
    labels = host.removesuffix(".").split(".")
    return len(host) <= LONGEST_NAME and all(map(_LABEL.fullmatch, labels))
