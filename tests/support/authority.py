"""Certificates for a test, whose authority nobody else trusts."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from modelfleet.envoy.mtls import TlsFiles


@dataclass(frozen=True)
class Issued:
    """A certificate with those between it and its authority, and its key."""

    cert: bytes
    key: bytes


class Authority:
    """It issues whatever a test wants."""

    def __init__(self, folder: Path, name: str) -> None:
        self._authority = trustme.CA(organization_name=name)
        self.roots = folder / f"{name}.pem"
        self.pem = self._authority.cert_pem.bytes()
        self.roots.write_bytes(self.pem)

    def issue(self, *names: str, ends: timedelta = timedelta(days=2)) -> Issued:
        """For these names of hosts, or addresses. One that ends before now has expired."""
        now = datetime.now(UTC)
        issued = self._authority.issue_cert(*names, not_before=now - timedelta(days=9), not_after=now + ends)
        return Issued(b"".join(pem.bytes() for pem in issued.cert_chain_pems), issued.private_key_pem.bytes())

    def context(self, *names: str) -> ssl.SSLContext:
        """What a server needs that goes by these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


class Mounted:
    """The files of one side, as a volume of a Secret has them: a renewal changes all three at once."""

    def __init__(self, folder: Path, authority: Authority, issued: Issued, server_name: str = "") -> None:
        self._folder, self._authority = folder, authority
        self._version = 0
        folder.mkdir()
        self.put(issued)
        for name in ("tls.crt", "tls.key", "ca.crt"):
            (folder / name).symlink_to(Path("..data", name))
        self.files = TlsFiles(f"{folder}/tls.crt", f"{folder}/tls.key", f"{folder}/ca.crt", server_name)

    def put(self, issued: Issued, trusted: Sequence[Authority] = ()) -> None:
        """What is in them from now on; by default whoever issued the first is still trusted."""
        self._version += 1
        version = self._folder / f"..{self._version}"
        version.mkdir()
        (version / "tls.crt").write_bytes(issued.cert)
        (version / "tls.key").write_bytes(issued.key)
        (version / "ca.crt").write_bytes(b"".join(one.pem for one in trusted or (self._authority,)))
        link = self._folder / "..next"
        link.symlink_to(version.name)
        link.rename(self._folder / "..data")
