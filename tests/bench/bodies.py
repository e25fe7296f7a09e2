"""The chat completions that the request path is measured with: of exact size, all different, the same for every target.

All different because LuaJIT keeps equal strings once: a body that is sent again and again costs a script next to
nothing.
"""

import json
import random
from collections.abc import Mapping
from pathlib import Path

COUNT = 48
MODEL = "auto"
SIZES = {"0.5 KB": 512, "8 KB": 8 << 10, "64 KB": 64 << 10, "512 KB": 512 << 10}
LARGEST_MESSAGE = 6000
LEAST_LEFT = 120
"""Bytes that are kept for the last message, which fills the body up to its size."""

Options = Mapping[str, object]
STREAM: Options = {"stream": True}

SYSTEM = "You are a helpful assistant."
LETTERS = "etaoinshrdlucmfwypvbgk"
_SOURCE = random.Random(1)
_VOCABULARY = ["".join(_SOURCE.choices(LETTERS, k=_SOURCE.randint(2, 10))) for _ in range(3000)]
PHRASES = [" ".join(_SOURCE.choices(_VOCABULARY, k=8)) for _ in range(3000)]
"""What bodies are made of: drawn word by word, the large ones would take longer to make than to measure."""
SHORTEST = min(map(len, PHRASES))


def bodies(size: int, *, streams: bool, seed: int) -> list[bytes]:
    """As many as are sent in turn. In every other one the model is named last, as OpenAI's library does.

    Half of the streams are asked to tell of their tokens: who tells of none costs a gateway another look.
    """
    rng = random.Random(f"{seed} {size} {streams}")
    options = [STREAM, {**STREAM, "stream_options": {"include_usage": True}}] if streams else [{}, {}]
    return [_body(rng, size, options[number // 2 % 2], last=bool(number % 2)) for number in range(COUNT)]


def write_bodies(folder: Path, size: int, *, streams: bool, seed: int) -> Path:
    """A file for each body."""
    folder.mkdir(parents=True)
    for number, body in enumerate(bodies(size, streams=streams, seed=seed)):
        (folder / f"{number:03}.json").write_bytes(body)
    return folder


def _body(rng: random.Random, size: int, options: Options, *, last: bool) -> bytes:
    messages = [{"role": "system", "content": SYSTEM}]
    left = size - len(_encoded(messages, options, last=last))
    while left > LARGEST_MESSAGE // 10:
        role = "user" if len(messages) % 2 else "assistant"
        message = {"role": role, "content": _text(rng, min(rng.randint(200, LARGEST_MESSAGE), left // 2))}
        messages.append(message)
        left -= len(json.dumps(message, separators=(",", ":"))) + 1
    assert left > LEAST_LEFT, left
    messages.append({"role": "user", "content": ""})
    left = size - len(_encoded(messages, options, last=last))
    messages[-1]["content"] = _words(rng, left)
    body = _encoded(messages, options, last=last)
    assert len(body) == size, len(body)
    return body


def _encoded(messages: list[dict[str, str]], options: Options, *, last: bool) -> bytes:
    named = {"model": MODEL}
    rest = {"temperature": 0.2, "max_tokens": 256, **options}
    document = {"messages": messages, **named, **rest} if last else {**named, **rest, "messages": messages}
    return json.dumps(document, separators=(",", ":")).encode()


def _text(rng: random.Random, length: int) -> str:
    """Paragraphs, and now and then some code: what people send."""
    parts: list[str] = []
    while sum(map(len, parts)) < length:
        words = _words(rng, rng.randint(40, 400))
        code = f"```python\ndef {words.split()[0]}(x):\n\treturn \"{words[:20]}\" + x['{words[20:24]}']\n```"
        parts.append(code if rng.random() < 0.2 else words)
    # Quotes and ends of lines take two bytes on the wire, so that this is less than what was asked for.
    return "\n\n".join(parts)[: length * 9 // 10]


def _words(rng: random.Random, length: int) -> str:
    """So many bytes of words; a letter is one byte on the wire."""
    return " ".join(rng.choices(PHRASES, k=length // SHORTEST + 1))[:length]
