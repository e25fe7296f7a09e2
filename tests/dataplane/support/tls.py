"""TLS between a test's clients and a gateway: a forwarder for clients that speak in clear, and HTTP/2 by hand."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.dataplane.support.client import CHAT, PATIENCE, Address
from tests.dataplane.support.controlplane import run

BLOCK = 64 * 1024
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4


def caller(roots: Path, *protocols: str) -> ssl.SSLContext:
    """A client that believes these authorities and offers these protocols."""
    context = ssl.create_default_context(cafile=roots)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def connect(address: Address, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    """A connection of its own. Raises what the handshake does."""
    plain = socket.create_connection(address, PATIENCE)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


class Forwarder:
    """Where a client in clear reaches a port with TLS: a connection for each of its own."""

    def __init__(self, address: Address, context: ssl.SSLContext, name: str) -> None:
        self._to = address
        self._context = context
        self._name = name

    def __enter__(self) -> Self:
        self._server = run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        host, port = self._server.sockets[0].getsockname()
        self.address: Address = (host, port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        run(_close(self._server))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(*self._to, ssl=self._context, server_hostname=self._name)
        except OSError:  # the client sees that its connection ends
            writer.close()
            return
        ways = [asyncio.create_task(_pour(reader, there[1])), asyncio.create_task(_pour(there[0], writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for one in (writer, there[1]):
            one.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
    except OSError:
        return


async def _close(server: asyncio.Server) -> None:
    server.close()


def http2(connected: ssl.SSLSocket, name: str, body: bytes, *, goes: bool = False) -> tuple[bytes, bytes]:
    """Asks for a chat completion by HTTP/2; the first field of the answer's head as it came, and the body.

    One that `goes` is told to come by another connection next time, and is not done before.
    """
    fields = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", name.encode()), (b":path", CHAT.encode())]
    fields += [(b"content-type", b"application/json")]
    # Literals that nobody is to remember, which needs no tables.
    head = b"".join(b"\0" + bytes([len(key)]) + key + bytes([len(value)]) + value for key, value in fields)
    connected.sendall(PREFACE + _frame(SETTINGS, 0, 0) + _frame(HEADERS, END_HEADERS, 1, head))
    connected.sendall(_frame(DATA, END_STREAM, 1, body))
    found, data, missing = b"", b"", {"end", "leave"} if goes else {"end"}
    for kind, flags, content in _frames(connected):
        assert kind != RESET, content
        assert goes or kind != GOAWAY, content
        found += content if kind == HEADERS else b""
        data += content if kind == DATA else b""
        missing -= {"end"} if kind in {DATA, HEADERS} and flags & END_STREAM else set()
        missing -= {"leave"} if kind == GOAWAY else set()
        if not missing:
            break
    assert not missing, missing
    return found[:1], data


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def _frames(connected: ssl.SSLSocket) -> Iterator[tuple[int, int, bytes]]:
    with connected.makefile("rb") as stream:
        while head := stream.read(9):
            yield head[3], head[4], stream.read(int.from_bytes(head[:3], "big"))
