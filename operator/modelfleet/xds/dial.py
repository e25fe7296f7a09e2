"""How a relay connects: in clear, or with the certificate that is then in its files."""

import time
from collections.abc import Sequence

import grpc

from modelfleet.xds.tls import RenewingTls, client_credentials

Channel = grpc.aio.Channel
Options = Sequence[tuple[str, int | str]]


class Dial:
    """Opens channels. Each is of one connection, so that a renewed certificate is taken with the next."""

    def __init__(self, tls: RenewingTls | None = None) -> None:
        """In clear where there are no files."""
        self._tls = tls

    def open(self, address: str, options: Options) -> Channel:
        """A channel to this address, over which nothing has been said."""
        if self._tls is None:
            return grpc.aio.insecure_channel(address, options)
        name = self._tls.server_name
        named = (("grpc.ssl_target_name_override", name),) if name else ()
        return grpc.aio.secure_channel(address, client_credentials(self._tls), (*options, *named))

    def hint(self) -> str:
        """What it may be where there is no connection, since gRPC tells nobody."""
        if self._tls is None:
            return ""
        if self._tls.latest().expires < time.time():
            return "; our certificate has expired: renew the file of --tls-cert"
        return "; or one of the two does not take the other's certificate: its names, its time, or who signed it"
