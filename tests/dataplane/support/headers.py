"""Headers as they came over the wire: in order, with duplicates; only the spelling of the names is evened out."""

from collections.abc import Iterable, Mapping

Pair = tuple[str, str]
HeadersLike = Iterable[Pair] | Mapping[str, str]


def pairs(headers: HeadersLike) -> list[Pair]:
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def wire(first_line: str, headers: HeadersLike) -> bytes:
    """The head of a message, up to its empty line."""
    lines = [first_line, *(f"{name}: {value}" for name, value in pairs(headers)), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def pair(name: bytes, value: bytes) -> Pair:
    """What a parser read, with the name in lower case."""
    return name.decode("latin-1").lower(), value.decode("latin-1")


class WithHeaders:
    """What has headers can be asked for them by name, however it is spelled."""

    headers: list[Pair]

    def header(self, name: str) -> str | None:
        """The only value of the header, if it is there."""
        values = self.header_values(name)
        assert len(values) <= 1, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else None

    def header_values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found == name.lower()]
