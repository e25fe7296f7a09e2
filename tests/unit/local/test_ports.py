"""Real sockets on the loopback of this machine."""

import errno
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from modelfleet.findings import Unusable
from modelfleet.local import ports
from modelfleet.local.ports import parse_address, reserve

linux = pytest.mark.skipif(sys.platform != "linux", reason="only there is a port held")


def has_six() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as six:
            six.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextmanager
def listener(host: str, port: int, *, reuse_port: bool, reuse_address: bool = True) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse_address)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse_port)
        made.bind((host, port))
        made.listen(64)
        yield made


def connections(gateway: socket.socket, count: int) -> int:
    """How many of so many connections the gateway gets."""
    got = 0
    for _ in range(count):
        with closing(socket.create_connection(gateway.getsockname()[:2], timeout=2)):
            if select.select([gateway], [], [], 2)[0]:
                gateway.accept()[0].close()
                got += 1
    return got


@linux
@pytest.mark.parametrize(
    "host", ["127.0.0.1", pytest.param("::1", marks=pytest.mark.skipif(not has_six(), reason="no IPv6"))]
)
def test_a_gateway_gets_every_connection_to_the_port_that_is_held_for_it(host: str) -> None:
    with reserve(host, 0) as held:
        assert held.port
        for _ in range(3):  # also after a restart
            with listener(host, held.port, reuse_port=True) as gateway:
                assert connections(gateway, 100) == 100


@linux
def test_two_generations_of_a_gateway_may_listen_at_the_same_time() -> None:
    with (
        reserve("127.0.0.1", 0) as held,
        listener("127.0.0.1", held.port, reuse_port=True),
        listener("127.0.0.1", held.port, reuse_port=True) as second,
    ):
        assert second.getsockname()[1] == held.port


@linux
def test_a_held_port_is_held_against_a_second_run_and_against_everyone_else() -> None:
    with reserve("127.0.0.1", 0) as held:
        with pytest.raises(Unusable, match="is in use by another program"):
            reserve("127.0.0.1", held.port)
        for reuse_address in (True, False):
            with (
                pytest.raises(OSError, match="in use") as refused,
                listener("127.0.0.1", held.port, reuse_port=False, reuse_address=reuse_address),
            ):
                pass
            assert refused.value.errno == errno.EADDRINUSE
    reserve("127.0.0.1", held.port).close()


@linux
def test_nobody_answers_while_no_gateway_listens() -> None:
    with reserve("127.0.0.1", 0) as held, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", held.port), timeout=2)


@pytest.mark.parametrize("reuse_port", [True, False])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_another_program_listens_on_is_refused_with_the_fix(address: str, reuse_port: bool) -> None:
    with listener(address, 0, reuse_port=reuse_port) as other:
        port = other.getsockname()[1]
        with pytest.raises(Unusable) as refused:
            reserve("127.0.0.1", port)
        assert str(refused.value) == (
            f"127.0.0.1:{port} is in use by another program: choose another with --listen, or port 0"
        )


@pytest.mark.parametrize("reuse_port", [True, False])
def test_connections_that_linger_after_a_run_are_no_other_program(reuse_port: bool) -> None:
    with listener("127.0.0.1", 0, reuse_port=reuse_port) as gateway:
        port = gateway.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            gateway.accept()[0].close()  # who closes first lingers
            client.recv(1)
    time.sleep(0.05)
    with socket.socket() as strict, pytest.raises(OSError, match="in use"):
        strict.bind(("127.0.0.1", port))  # so there is something that lingers
    with reserve("127.0.0.1", port) as held, listener("127.0.0.1", held.port, reuse_port=True) as again:
        assert connections(again, 3) == 3
        with pytest.raises(Unusable):
            reserve("127.0.0.1", port)


def test_a_reservation_is_shown_as_people_write_it_and_closes_twice() -> None:
    with reserve("127.0.0.1", 0) as held:
        assert str(held) == f"127.0.0.1:{held.port}"
    held.close()
    assert ports.shown("::1", 8080) == "[::1]:8080"


def test_where_a_port_cannot_be_held_it_is_only_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with reserve("127.0.0.1", 0) as seen, listener("127.0.0.1", seen.port, reuse_port=False):
        pass


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Unusable, match=r"^192\.0\.2\.1:8080 is no address of this machine: choose another"):
        reserve("192.0.2.1", 8080)


def test_what_the_system_says_becomes_a_sentence() -> None:
    assert "above 1023" in ports._words(OSError(errno.EACCES, "Permission denied"))
    assert "Too many open files" in ports._words(OSError(errno.EMFILE, "Too many open files"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
        ("[::1]:8080", ("::1", 8080)),
        ("[0:0::1]:08", ("::1", 8)),
        ("[::]:1", ("::", 1)),
    ],
)
def test_an_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8080", "must be ADDRESS:PORT such as 127.0.0.1:8080"),
        ("", "must be ADDRESS:PORT such as 127.0.0.1:8080"),
        (":8080", "must be ADDRESS:PORT"),
        ("127.0.0.1", "must be ADDRESS:PORT"),
        ("127.0.0.1:", "must be ADDRESS:PORT"),
        ("127.0.0.1:http", "must be ADDRESS:PORT"),
        ("127.0.0.1:-1", "must be ADDRESS:PORT"),
        ("127.0.0.1:\u0661", "must be ADDRESS:PORT"),
        ("127.0.0.1:8080\n", "must be ADDRESS:PORT"),
        ("127.0.0.1:65536", "a port is at most 65535"),
        ("127.0.0.1:99999", "a port is at most 65535"),
        ("::1:8080", "an IPv6 address goes in brackets"),
        ("[127.0.0.1]:80", "is no IP address"),
        ("[]:80", "is no IP address"),
        ("127.0.0.256:80", "'127.0.0.256' is no IP address"),
        ("example.org:80", "'example.org' is no IP address"),
        ("[fe80::1%eth0]:80", "names an interface"),
        ("http://127.0.0.1:80", "must be ADDRESS:PORT"),
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str, words: str) -> None:
    with pytest.raises(Unusable) as refused:
        parse_address(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
