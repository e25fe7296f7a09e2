"""GGUF, as far as a model of ours needs it: the package that writes all of it would bring numpy and an HTTP client."""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

MAGIC, VERSION, ALIGNMENT = b"GGUF", 3, 32
I32, F32, BOOL, STRING, ARRAY, U32 = 5, 6, 7, 8, 9, 4
TENSOR_F32 = 0

Scalar = bool | int | float | str
Value = Scalar | Sequence[str] | Sequence[int] | Sequence[float]


class Tensor(NamedTuple):
    """Numbers in rows. The width is that of a row: GGUF names the dimension that changes fastest first."""

    width: int
    numbers: Sequence[float]

    @property
    def shape(self) -> tuple[int, ...]:
        rows = len(self.numbers) // self.width
        return (self.width,) if rows == 1 else (self.width, rows)


def gguf(facts: Mapping[str, Value], tensors: Mapping[str, Tensor]) -> bytes:
    """A whole file."""
    head = MAGIC + struct.pack("<IQQ", VERSION, len(tensors), len(facts))
    head += b"".join(_text(name) + _typed(value) for name, value in facts.items())
    data = b""
    for name, tensor in tensors.items():
        shape = tensor.shape
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TENSOR_F32, len(data))
        data += _padded(struct.pack(f"<{len(tensor.numbers)}f", *tensor.numbers))
    return _padded(head) + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _typed(value: Value) -> bytes:
    if not isinstance(value, Scalar):
        kind = _kind(value[0], I32)
        return struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(_plain(entry, kind) for entry in value)
    kind = _kind(value, U32)
    return struct.pack("<I", kind) + _plain(value, kind)


def _kind(value: Scalar, whole: int) -> int:
    if isinstance(value, bool):
        return BOOL
    return STRING if isinstance(value, str) else F32 if isinstance(value, float) else whole


def _plain(value: Scalar, kind: int) -> bytes:
    if isinstance(value, str):
        return _text(value)
    return struct.pack({BOOL: "<?", I32: "<i", U32: "<I", F32: "<f"}[kind], value)
