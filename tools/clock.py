"""Builds operator/modelfleet/envoy/wasm/clock.wasm from the clock.wat beside it. Both are committed: Envoy runs one,
people read the other, and a test compares the two.
"""

from pathlib import Path

from wasmtime import wat2wasm

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "operator/modelfleet/envoy/wasm/clock.wat"


def main() -> None:
    """Build the module and say how large it is."""
    target = SOURCE.with_suffix(".wasm")
    target.write_bytes(wat2wasm(SOURCE.read_text(encoding="utf-8")))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
