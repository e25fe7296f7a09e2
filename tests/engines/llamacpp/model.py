"""A llama of two layers with random weights: it talks nonsense, but in whole words, and never falls silent by itself.

How many tokens it reads and writes can therefore be foretold, on every machine, though not which words it chooses.
"""

import random
from pathlib import Path

from tests.engines.llamacpp.gguf import Tensor, Value, gguf

SEED = 20
LAYERS, WIDTH, HEADS, INNER = 2, 64, 2, 128
CONTEXT = 32_768
SYLLABLES = ("ba", "ke", "li", "mo", "nu", "ra", "si", "to")
WORDS = [first + second for first in SYLLABLES for second in SYLLABLES]
# As the tokenizer names its kinds of token.
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
SPECIAL = (("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL))
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"
KEEL = 4.0
"""What every token has in the first dimension, where no layer adds anything: it keeps the words on top."""


def write_model(path: Path) -> None:
    """The same bytes each time."""
    chance = random.Random(SEED)
    tokens = [*SPECIAL, *((f"<0x{byte:02X}>", BYTE) for byte in range(256)), *((f"▁{word}", NORMAL) for word in WORDS)]
    tensors = {"token_embd.weight": _rows(chance, [KEEL] * len(tokens), WIDTH)}
    for layer in range(LAYERS):
        tensors |= {f"blk.{layer}.{name}.weight": tensor for name, tensor in _layer(chance).items()}
    tensors["output_norm.weight"] = _even()
    tensors["output.weight"] = _rows(chance, [KEEL if kind == NORMAL else -KEEL for _, kind in tokens], WIDTH)
    path.write_bytes(gguf(_facts(tokens), tensors))


def _layer(chance: random.Random) -> dict[str, Tensor]:
    square = ("attn_q", "attn_k", "attn_v")
    return {
        "attn_norm": _even(),
        **{name: _rows(chance, [0.0] * WIDTH, WIDTH) for name in square},
        "attn_output": _adding_nothing_to_the_keel(chance, WIDTH),
        "ffn_norm": _even(),
        "ffn_gate": _rows(chance, [0.0] * INNER, WIDTH),
        "ffn_up": _rows(chance, [0.0] * INNER, WIDTH),
        "ffn_down": _adding_nothing_to_the_keel(chance, INNER),
    }


def _rows(chance: random.Random, firsts: list[float], width: int) -> Tensor:
    """Rows of random numbers that begin with those given."""
    spread = width**-0.5
    return Tensor(width, [n for first in firsts for n in (first, *(chance.gauss(0, spread) for _ in range(width - 1)))])


def _adding_nothing_to_the_keel(chance: random.Random, width: int) -> Tensor:
    rows = _rows(chance, [0.0] * (WIDTH - 1), width)
    return Tensor(width, [0.0] * width + list(rows.numbers))


def _even() -> Tensor:
    return Tensor(WIDTH, [1.0] * WIDTH)


def _facts(tokens: list[tuple[str, int]]) -> dict[str, Value]:
    return {
        "general.architecture": "llama",
        "general.name": "nonsense",
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [text for text, _ in tokens],
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": [kind for _, kind in tokens],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.chat_template": TEMPLATE,
    }
