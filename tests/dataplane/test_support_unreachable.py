import sys
import time

import pytest

from tests.dataplane.support.client import get, request
from tests.dataplane.support.unreachable import deaf, refusing


def test_a_port_that_refuses_does_so_at_once() -> None:
    with refusing() as address:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                get(address, "/")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops what finds no place in the queue")
def test_nobody_is_connected_to_a_deaf_port() -> None:
    with deaf() as address:
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            # Long enough for the kernel to ask a second time.
            request(address, timeout=1.5)
        assert time.monotonic() - began_s >= 1.4
