"""Addresses on loopback at which nobody takes a connection: one refuses it, at the other it waits."""

import contextlib
import select
import socket
from collections.abc import Iterator

from tests.dataplane.support.client import Address

HOST = "127.0.0.1"
FILLED_S = 0.2


@contextlib.contextmanager
def refusing() -> Iterator[Address]:
    """Connects are refused. The port is ours meanwhile: bound, but never listening."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()


@contextlib.contextmanager
def deaf() -> Iterator[Address]:
    """Connects get no answer, as from a machine that is gone: the queue is full, and Linux drops who finds no place."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((HOST, 0))
        listener.listen(0)
        address = listener.getsockname()
        while _waits(stack, address):
            pass
        yield address


def _waits(stack: contextlib.ExitStack, address: Address) -> bool:
    """Whether one more connection still found a place in the queue."""
    one = stack.enter_context(socket.socket())
    one.setblocking(False)
    one.connect_ex(address)
    return bool(select.select([], [one], [], FILLED_S)[1])
