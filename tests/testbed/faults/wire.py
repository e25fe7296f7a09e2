"""HTTP/1.1 on streams, as far as Kubernetes clients and its API server speak it. Upgrades are not among it."""

from asyncio import StreamReader
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from http import HTTPStatus

# A line of a watch or a head may be long; asyncio's own limit is 64 KiB.
LIMIT = 1 << 20
PIECE = 1 << 16
LAST_CHUNK = b"0\r\n\r\n"
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the headers of a request or an answer."""

    first: str
    headers: tuple[tuple[str, str], ...]

    @property
    def words(self) -> list[str]:
        return self.first.split(" ", 2)

    @property
    def status(self) -> int:
        return int(self.words[1])

    @property
    def chunked(self) -> bool:
        return "chunked" in self.get("transfer-encoding").lower()

    @property
    def closes(self) -> bool:
        return "close" in self.get("connection").lower() or "HTTP/1.0" in self.first

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def changed(self, remove: Iterable[str], *more: tuple[str, str], first: str = "") -> "Head":
        """Another head, with some headers removed and others added."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in remove)
        return Head(first or self.first, (*kept, *more))

    def encode(self) -> bytes:
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")


async def read_head(reader: StreamReader) -> Head:
    """The next head; an EOFError where the other side has ended the connection."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return Head(lines[0], tuple((name, value.strip()) for name, _, value in pairs))


def answer_head(code: int, *headers: tuple[str, str]) -> Head:
    phrase = HTTPStatus(code).phrase if code in set(HTTPStatus) else "Unknown"
    return Head(f"HTTP/1.1 {code} {phrase}", headers)


def has_body(head: Head, method: str) -> bool:
    """Whether a body follows the head of an answer."""
    return method != "HEAD" and head.status not in WITHOUT_BODY


async def pieces(reader: StreamReader, head: Head) -> AsyncIterator[bytes]:
    """The body without its framing, piece by piece as it comes; an EOFError where it ends too early."""
    if head.chunked:
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield (await reader.readexactly(size + 2))[:-2]
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return
    left = int(head.get("content-length") or 0)
    while left:
        piece = await reader.read(min(left, PIECE))
        if not piece:
            raise EOFError(f"{left} bytes are missing")
        left -= len(piece)
        yield piece


async def read_body(reader: StreamReader, head: Head) -> bytes:
    return b"".join([piece async for piece in pieces(reader, head)])


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
