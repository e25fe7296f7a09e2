"""Vectors of length one that follow from the text, so that a test can tell whose embedding it holds."""

import base64
import json
import math
import struct
from hashlib import shake_128

from modelfleet.engines_sim.requests import Body, count, texts, wrong

_DIMENSIONS = 256
_MOST_DIMENSIONS = 8192
_MOST_TEXTS = 2048


def embeddings(body: Body, seed: int) -> tuple[int, bytes]:
    """How many tokens the texts count for, and the answer with a vector for each."""
    dimensions = count(body, "dimensions", _MOST_DIMENSIONS) or _DIMENSIONS
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise wrong("encoding_format", "float or base64")
    prompts = list(texts(body, "input"))
    if len(prompts) > _MOST_TEXTS:
        raise wrong("input", f"a list of at most {_MOST_TEXTS} texts")
    model = body["model"]
    data = []
    for index, prompt in enumerate(prompts):
        packed = vector(f"{seed}\x1f{model}\x1f{prompt.text}", dimensions)
        whole = base64.b64encode(packed).decode() if encoding == "base64" else struct.unpack(f"<{dimensions}f", packed)
        data.append({"object": "embedding", "index": index, "embedding": whole})
    tokens = sum(prompt.tokens for prompt in prompts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return tokens, json.dumps({"object": "list", "data": data, "model": model, "usage": usage}).encode()


def vector(text: str, dimensions: int) -> bytes:
    """The vector as little-endian floats of four bytes. One of fewer dimensions is the beginning of a longer one."""
    raw = shake_128(text.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    # Odd numbers: none is zero, so that even one dimension has a length.
    parts = [2 * part + 1 for part in struct.unpack(f"<{dimensions}h", raw)]
    length = math.sqrt(sum(part * part for part in parts))
    return struct.pack(f"<{dimensions}f", *(part / length for part in parts))
