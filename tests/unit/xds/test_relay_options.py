import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from modelfleet.app.relay import RelayOptions, run_relay
from modelfleet.findings import Unusable

MAIN = """
import json, logging, sys
from pathlib import Path
from modelfleet.app.relay import RelayOptions, run_relay
logging.basicConfig(level=logging.INFO, format="%(message)s")
given = json.loads(sys.argv[1])
run_relay(RelayOptions(**{**given, "upstream": tuple(given["upstream"]), "cache": Path(given["cache"])}))
"""


def options(cache: Path, **others: Any) -> RelayOptions:
    given: dict[str, Any] = {"upstream": ("127.0.0.1:1",), "gateway": "g", "node": "n", "listen": "127.0.0.1:0"}
    return RelayOptions(cache=cache, **(given | others))


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_there_has_to_be_an_upstream(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="--upstream"):
        run_relay(options(tmp_path, upstream=()))


def test_a_port_that_is_taken_is_named(tmp_path: Path, taken: str) -> None:
    with pytest.raises(Unusable, match=f"^--listen {taken}: cannot listen there"):
        run_relay(options(tmp_path, listen=taken))
    with pytest.raises(Unusable, match=f"^--metrics {taken}: cannot listen there"):
        run_relay(options(tmp_path, metrics=taken))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unusable, match=r"^--cache .*file/x: cannot be made: Not a directory"):
        run_relay(options(tmp_path / "file" / "x"))
    with pytest.raises(Unusable, match=r"^--cache .*file: cannot be made: File exists"):
        run_relay(options(tmp_path / "file"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_it_does_and_ends_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    given = {"upstream": ["127.0.0.1:1", "[::1]:1", "/nowhere"], "gateway": "g", "node": "n"}
    given |= {"cache": str(tmp_path / "new"), "listen": "127.0.0.1:0", "metrics": "127.0.0.1:0"}
    command = [sys.executable, "-c", MAIN, json.dumps(given)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        address = ""
        while not address:
            said = process.stderr.readline()
            assert said
            address = said.partition("http://")[2].strip()
        assert ask(address, "/healthz") == (200, "ok\n")
        status, lacks = ask(address, "/readyz")
        assert (status, lacks) == (503, "nothing to serve: the cache is empty, and no central server has been heard\n")
        figures = ask(address, "/metrics")[1]
        for line in (
            "relay_upstream_connected 0.0",
            'relay_resources{type="Listener"} 0.0',
            'relay_cache_writes_total{outcome="failed"} 0.0',
            'relay_responses_total{outcome="refused"} 0.0',
        ):
            assert f"modelfleet_{line}\n" in figures
        assert "modelfleet_relay_upstream_lost_seconds 0.0\n" not in figures
        while "serving at" not in said:
            said = process.stderr.readline()
            assert said
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 0, rest
    assert rest.endswith("ended\n")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def ask(address: str, path: str) -> tuple[int, str]:
    connection = HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
