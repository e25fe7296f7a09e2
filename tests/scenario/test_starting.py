import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.scenario.manifests import policy, save, sim
from tests.scenario.support import Up, by, ok, refused

DEFAULT_PORT = 8080


def old_envoy(folder: Path) -> Path:
    path = folder / "envoy"
    path.write_text("#!/bin/sh\necho 'envoy  version: 0123abcd/1.31.2/Clean/RELEASE/BoringSSL'\n")
    path.chmod(0o755)
    return path


@contextlib.contextmanager
def taken(port: int = 0) -> Iterator[int]:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    save(tmp_path / "fleet.yaml", sim("small"), policy("auto", "small"))
    return tmp_path


def test_ready_is_one_line_on_stdout_and_true_and_a_second_run_cannot_have_the_folder(fleet: Path) -> None:
    with taken() as port:
        pass
    with Up(fleet, state=fleet / ".state", listen=f"127.0.0.1:{port}") as up:
        first = up.ready().ask("auto")
        assert ok(first), first
        assert by(first) == "small"
        assert up.address == ("127.0.0.1", port)
        words = refused("up", fleet, "--listen", "127.0.0.1:0", "--state", fleet / ".state")
        assert f"is in use by process {up.process.pid}" in words
        assert "--state" in words
        words = refused("up", fleet, "--listen", f"127.0.0.1:{port}", "--state", fleet / ".other")
        assert f"127.0.0.1:{port} is in use by another program: choose another with --listen" in words
        assert ok(up.ask("auto"))
    assert up.out.lines == [f"ready: http://127.0.0.1:{port}/v1"]
    assert up.process.returncode == 0


def test_where_the_usual_port_is_taken_another_is_found(fleet: Path) -> None:
    with contextlib.ExitStack() as stack:
        # Where another program has it already, that serves as well.
        with contextlib.suppress(OSError):
            stack.enter_context(taken(DEFAULT_PORT))
        with Up(fleet, state=fleet / ".state", listen=None) as up:
            assert ok(up.ready().ask("auto"))
            assert up.address[1] != DEFAULT_PORT


def test_two_runs_of_one_folder_side_by_side_are_two_gateways(fleet: Path) -> None:
    env = {"XDG_STATE_HOME": str(fleet / ".state")}
    with Up(fleet, env=env) as one, Up(fleet, env=env) as two:
        assert one.ready().address != two.ready().address
        assert ok(one.ask("auto"))
        assert ok(two.ask("auto"))
        assert sorted(path.name for path in (fleet / ".state/modelfleet").iterdir()) == ["up", "up-2"]
        one.__exit__(None, None, None)
        assert ok(two.ask("auto"))


ADDRESSES = {
    "8080": "must be ADDRESS:PORT such as 127.0.0.1:8080",
    "nowhere:8080": "'nowhere' is no IP address",
    "127.0.0.1:99999": "a port is at most 65535",
    "::1:8080": "an IPv6 address goes in brackets",
    "": "must be ADDRESS:PORT",
    "192.0.2.1:8080": "choose another with --listen",
}


def test_an_address_that_cannot_be_listened_on_says_what_one_is(fleet: Path) -> None:
    def told(listen: str) -> str:
        return refused("up", fleet, "--listen", listen, "--state", fleet / f".state-{len(listen)}")

    with ThreadPoolExecutor(3) as pool:
        words = dict(zip(ADDRESSES, pool.map(told, ADDRESSES), strict=True))
    assert [listen for listen, wanted in ADDRESSES.items() if wanted not in words[listen]] == [], words


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    words = refused("up", absent, "--listen", "127.0.0.1:0", "--state", tmp_path / "state")
    assert words == f"modelfleet up: {absent} does not exist\n"


def test_without_an_envoy_that_is_new_enough_the_fix_is_named(fleet: Path) -> None:
    options = ("--listen", "127.0.0.1:0", "--state", fleet / ".state")
    for envoy, problem in (
        (Path("/nonexistent/envoy"), "/nonexistent/envoy does not exist"),
        (old_envoy(fleet), "is Envoy 1.31.2, and 1.40.0 or newer is needed"),
    ):
        words = refused("up", fleet, "--envoy", envoy, *options)
        assert problem in words
        assert "pip install 'modelfleet[local]'" in words
