"""Whole objects kept small: thousands are at hand to be compared with what is wanted, and hardly one at a time is."""

import json
import zlib
from typing import Any

LEVEL = 1
"""Of a Deployment it leaves a third, and more effort hardly less."""


def pack(value: Any) -> bytes:
    """The value as bytes. What is equal gives equal bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(text.encode(errors="surrogatepass"), LEVEL)


def unpack(data: bytes) -> Any:
    """The value again."""
    return json.loads(zlib.decompress(data).decode(errors="surrogatepass"))
