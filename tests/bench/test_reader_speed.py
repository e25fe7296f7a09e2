"""What Envoy's script pays to read a body: nanoseconds per byte by kind of text and size, reported, never asserted."""

import json
import platform
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.sizes import scale
from tests.support.luajit import fetch_of, required, runtime

SIZES = (512, 8 << 10, 64 << 10, 512 << 10, 4 << 20)
BYTES_PER_ROUND = scale(4 << 20, 32 << 20)
ROUNDS = scale(5, 15)

# One Lua call reads the body many times, or the call from Python would be what is measured.
REPEAT = """
local read = require("reader").read
return function(fetch, length, times)
  for _ = 1, times do
    read(fetch, length)
  end
end
"""

HEAD = b'{"model":"llama-3.3-70b","stream":true,"max_tokens":512,"messages":['
PLAIN = b"The quick brown fox jumps over the lazy dog, and then it does so once more. "
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей же чаю. "
CHINESE = "我能吞下玻璃而不伤身体你呢"
FRENCH = "Dès Noël, où un zéphyr haï me vêt de glaçons würmiens, je dîne d'exquis rôtis de bœuf. "


def filled(head: bytes, unit: bytes, tail: bytes, size: int) -> bytes:
    """The unit between head and tail as often as the size has room for it, and at least once."""
    return head + unit * max(1, (size - len(head) - len(tail)) // len(unit)) + tail


def listed(unit: bytes, size: int) -> bytes:
    return filled(HEAD, unit + b",", unit + b"]}", size)


def text(unit: str | bytes, size: int) -> bytes:
    raw = unit if isinstance(unit, bytes) else unit.encode()
    return filled(HEAD + b'{"role":"user","content":"', raw, b'"}]}', size)


def chat(size: int) -> bytes:
    """Messages of many lengths, as a conversation has them."""
    source = random.Random(7)
    messages: list[dict[str, str]] = []
    total = len(HEAD)
    while total < size:
        lines = source.choices(["Sure, here it is:", PLAIN.decode() * 2, "for x in y:\n\treturn 'z'", "ok"], k=4)
        messages.append({"role": source.choice(["user", "assistant"]), "content": "\n".join(lines)})
        total += len(messages[-1]["content"]) + 40
    return HEAD + json.dumps(messages)[1:-1].encode() + b"]}"


def structural(size: int) -> bytes:
    """Short keys, short values, numbers and literals: what a schema or a list of tools looks like."""
    source = random.Random(8)
    items: list[dict[str, Any]] = []
    while len(items) * 75 < size:
        name = "".join(source.choices("abcdefgh", k=source.randint(1, 9)))
        bounds = [source.random(), source.randint(-5, 90_000)]
        items.append({"name": name, "type": "int", "required": source.random() < 0.5, "range": bounds, "of": None})
    return HEAD + json.dumps(items, separators=(",", ":"))[1:-1].encode() + b"]}"


BODIES: dict[str, Callable[[int], bytes]] = {
    "plain ASCII text": lambda size: text(PLAIN, size),
    "escape every 60 bytes": lambda size: text(PLAIN[:58] + b"\\n", size),
    "a conversation": chat,
    "French": lambda size: text(FRENCH, size),
    "Russian": lambda size: text(RUSSIAN, size),
    "Chinese": lambda size: text(CHINESE, size),
    "Chinese as escapes": lambda size: text(json.dumps(CHINESE)[1:-1], size),
    "structure": structural,
    "token ids": lambda size: listed(b"15339,1917,0,100257", size),
    "empty containers": lambda size: listed(b"[],{}", size),
    "brackets in brackets": lambda size: listed(b"[" * 400 + b"]" * 400, size),
    "strings of 8 bytes": lambda size: listed(b'"abcdefgh"', size),
    "top-level keys": lambda size: filled(b"{", b'"a":1,', b'"model":"x"}', size),
    "keys alike": lambda size: filled(b"{", b'"modem":1,', b'"model":"x"}', size),
    "escaped keys": lambda size: filled(b"{", b'"mod\\u0065m":1,', b'"model":"x"}', size),
}


def nanoseconds_per_byte(lua: Any, body: bytes) -> float:
    assert json.loads(body)
    repeat = lua.execute(REPEAT)
    fetch = fetch_of(lua, body)
    times = max(1, BYTES_PER_ROUND // len(body))
    assert required(lua, "reader")[b"read"](fetch, len(body)) is not None
    repeat(fetch, len(body), times)
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        repeat(fetch, len(body), times)
        taken.append((time.perf_counter() - began) * 1e9 / times / len(body))
    return statistics.median(taken)


def test_reading_a_body() -> None:
    print(f"\nreader, ns/byte, median of {ROUNDS}, Python {platform.python_version()}, {platform.machine()}")
    print(f"{'':24}" + "".join(f"{size / 1024:>10g} KB" for size in SIZES))
    lua = runtime()  # one for all, as a worker of Envoy meets bodies of all kinds
    for name, make in BODIES.items():
        figures = [nanoseconds_per_byte(lua, make(size)) for size in SIZES]
        print(f"{name:24}" + "".join(f"{figure:>13.2f}" for figure in figures))
