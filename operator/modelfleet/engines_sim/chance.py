"""The one source of chance: a hash of what is asked, so that the same question under one seed has the same answer."""

from hashlib import blake2b


def digest(*parts: object) -> bytes:
    """Sixteen bytes that follow from the parts alone."""
    # A JSON text may hold half of a surrogate pair; it is a prompt like any other.
    return blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def unit(raw: bytes) -> float:
    """A number from 0 up to but not including 1."""
    # 53 bits are what a float holds; one more could round up to 1.
    return (int.from_bytes(raw[:8], "big") >> 11) / 2**53


def picked(rate: float, *parts: object) -> bool:
    """Whether the event of this rate befalls the parts."""
    return rate > 0 and unit(digest(*parts)) < rate
