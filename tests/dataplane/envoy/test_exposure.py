"""What a gateway shows to a network: one port, and no patience with who sends too much or too slowly."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dataplane.support.client import chat, request, send_raw
from tests.dataplane.support.expect import error_of
from tests.dataplane.support.fleets import fleet, model, simple
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream

LISTENS = "0A"
SLOWEST_S = 10.0
"""How long the head of a request may take."""


@pytest.fixture(scope="module")
def gateway() -> Iterator[RealGateway]:
    with (
        ScriptedUpstream(chat_answer("engine")) as upstream,
        RealGateway(fleet(model("small"), simple("small")), {"small": upstream.address}) as gateway,
    ):
        yield gateway


def descendants(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from descendants(int(child))


def listening(pid: int) -> set[int]:
    """The TCP ports that it, or one below it, listens on, at whatever address."""
    held = {str(entry.readlink()) for one in descendants(pid) for entry in Path(f"/proc/{one}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENS and f"socket:[{rest[5]}]" in held:
                found.add(int(local.rpartition(":")[2], 16))
    return found


def test_it_listens_on_the_port_of_its_gateway_and_on_no_other(gateway: RealGateway) -> None:
    assert listening(gateway.envoy.pid) == {gateway.address[1]}


@pytest.mark.parametrize("path", ["/stats", "/config_dump", "/quitquitquit", "/metrics", "/ready", "/drain_listeners"])
def test_nothing_of_envoys_own_is_answered_there(gateway: RealGateway, path: str) -> None:
    for method in ("GET", "POST"):
        error_of(request(gateway.address, method, path, body=chat("small")), 404, "unknown_path")


def test_more_headers_than_it_takes_are_refused(gateway: RealGateway) -> None:
    line = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n"
    much = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 1000) for number in range(70))
    answer = send_raw(gateway.address, line + much + b"content-length: 0\r\n\r\n")
    assert answer.status == 431


def test_who_sends_the_head_of_a_request_too_slowly_is_let_go(gateway: RealGateway) -> None:
    began = time.monotonic()
    with socket.create_connection(gateway.address, timeout=SLOWEST_S + 5) as slow:
        slow.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-slow: ")
        said = slow.recv(65536)
    assert SLOWEST_S - 1 < time.monotonic() - began < SLOWEST_S + 4
    assert re.match(rb"HTTP/1\.1 408 ", said), said
