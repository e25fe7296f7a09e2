"""gRPC passes over an option that it does not know, so a name that is misspelt is silently no option at all."""

import importlib
from pathlib import Path

from modelfleet.xds.server import OPTIONS


def test_every_option_has_a_name_that_grpc_knows() -> None:
    program = Path(str(importlib.import_module("grpc._cython.cygrpc").__file__)).read_bytes()
    # Each text of the program ends with a NUL; what merely begins a longer name is none.
    assert [name for name, _ in OPTIONS if f"{name}\0".encode() not in program] == []


def test_no_option_is_said_twice() -> None:
    names = [name for name, _ in OPTIONS]
    assert len(set(names)) == len(names)
