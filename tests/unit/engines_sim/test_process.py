import http.client
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from modelfleet.engines_sim.behaviour import FIELDS
from tests.unit.engines_sim.support import COMMAND, Engine, running, text_of


def refused(*arguments: str) -> str:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fail-rate", "2"], "argument --fail-rate: must be a number from 0 to 1, not 2"),
        (["--first-token", "5"], "argument --first-token: must be a duration such as 150ms, 2s or 1m30s, not 5"),
        (["--listen", "here"], "argument --listen: must be HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "argument --listen: must be HOST:PORT"),
        (["--model", "a", "--model", "a"], "argument --model: a name is given twice"),
        (["--model", ""], "argument --model: must be the name of a model"),
        (["--uds", "/tmp/x", "--listen", "127.0.0.1:0"], "not allowed with argument"),
        (["--uds", "/nowhere/x"], "cannot listen on /nowhere/x: No such file or directory"),
    ],
)
def test_a_wrong_command_line_is_told_in_a_line(arguments: list[str], words: str) -> None:
    assert words in refused(*arguments)


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"cannot listen on {place}: Address already in use" in refused("--listen", place)


def test_help_tells_every_field_and_its_default() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=10, check=True)
    words = re.sub(r"\s+", " ", done.stdout)
    for name, field in FIELDS.items():
        assert f"--{name.replace('_', '-')} {field.metavar} {field.help} (default: " in words


def test_the_command_line_says_the_same_as_a_behaviour() -> None:
    arguments = ["--seed", "7", "--answer-tokens", "5", "--confidence", "0.5-0.75", "--queue", "3"]
    with running(*arguments) as engine:
        told = engine.ask("GET", "/sim/behaviour").json
        assert [told[name] for name in ("seed", "answer_tokens", "queue")] == [7, 5, 3]
        assert told["confidence"] == "0.500000-0.750000"
        assert engine.ask("GET", "/v1/models").json["data"][0]["id"] == "sim"
        first = text_of(engine.chat(model="sim"))
    with running(*arguments) as engine:
        assert text_of(engine.chat(model="sim")) == first


def test_a_unix_socket_is_served_taken_over_and_cleaned_up(tmp_path: Path) -> None:
    path = tmp_path / "engine"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with running(where=("--uds", str(path))) as engine:
        assert engine.place == f"unix:{path}"
        assert "Address already in use" in refused("--uds", str(path))
        for fault, status in (("fail", b"HTTP/1.1 500"), ("reset", b"")):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(str(path))
                head = f'POST /v1/completions HTTP/1.1\r\nhost: x\r\nx-sim-behaviour: {{"{fault}_rate": 1}}\r\n'
                peer.sendall(head.encode() + b'content-length: 31\r\n\r\n{"model": "sim", "prompt": ""} ')
                assert peer.recv(12) == status
    assert not path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_soon_and_with_success_whatever_runs(number: signal.Signals) -> None:
    with running("--model", "small", "--tokens-per-second", "10", "--answer-tokens", "1000") as engine:
        streams = [http.client.HTTPConnection("127.0.0.1", engine.port, timeout=5) for _ in range(3)]
        for stream in streams:
            stream.request("POST", "/v1/completions", '{"model": "small", "prompt": "x", "stream": true}')
            assert stream.getresponse().readline()
        start = time.monotonic()
        engine.process.send_signal(number)
        assert engine.process.wait(5) == 0
        assert time.monotonic() - start < 1
        for stream in streams:
            stream.close()


def test_an_answer_that_is_nearly_done_is_sent_before_the_end() -> None:
    with running("--model", "small", "--first-token", "150ms") as engine:
        stream = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=5)
        stream.request("POST", "/v1/completions", '{"model": "small", "prompt": "x"}')
        wait_until_running(engine)
        os.kill(engine.process.pid, signal.SIGTERM)
        assert stream.getresponse().status == 200
        stream.close()


def wait_until_running(engine: Engine) -> None:
    while not engine.metric("sim_requests_running"):
        time.sleep(0.005)
