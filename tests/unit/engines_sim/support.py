"""A simulated engine as a process, and requests to it."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

COMMAND = [sys.executable, "-m", "modelfleet.engines_sim"]
MODELS = ("small", "org/large")


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The events of a stream that came to its end."""
        *parts, done, nothing = self.body.decode().split("\n\n")
        assert (done, nothing) == ("data: [DONE]", "")
        return [json.loads(part.removeprefix("data: ")) for part in parts]


@dataclass(frozen=True, slots=True)
class Engine:
    process: subprocess.Popen[str]
    place: str
    port: int = field(default=0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request on a connection of its own. Underscores in the names of headers stand for dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with contextlib.closing(connection):
            connection.request(method, path, raw, named)
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def chat(self, text: str = "hello", behaviour: dict[str, object] | None = None, **body: Any) -> Reply:
        headers = {} if behaviour is None else {"x_sim_behaviour": json.dumps(behaviour)}
        return self.ask("POST", "/v1/chat/completions", said(text, **body), **headers)

    def behave(self, **behaviour: Any) -> Any:
        reply = self.ask("POST", "/sim/behaviour", behaviour)
        assert reply.status == 200, reply.body
        return reply.json

    def metric(self, name: str) -> int:
        text = self.ask("GET", "/metrics").body.decode()
        match = re.search(rf"^{re.escape(name)} (\d+)$", text, re.MULTILINE)
        return int(match[1]) if match else 0


def said(text: str = "hello", **body: Any) -> dict[str, Any]:
    return {"model": "small", "messages": [{"role": "user", "content": text}], **body}


def text_of(reply: Reply) -> str:
    text = reply.json["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def eventually(holds: Callable[[], bool]) -> None:
    """Wait for something that comes soon, and fail where it does not."""
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextlib.contextmanager
def running(*arguments: str, where: tuple[str, str] = ("--listen", "127.0.0.1:0")) -> Iterator[Engine]:
    """An engine, which must end quietly and with success."""
    command = [*COMMAND, *where, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        try:
            line = process.stdout.readline()
            assert line.startswith("ready: "), process.stderr.read()
            place = line.removeprefix("ready: ").strip()
            yield Engine(process, place, int(place.split(":")[2].removesuffix("/v1")) if "//" in place else 0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
            assert process.stdout.read() + process.stderr.read() == ""
        finally:
            process.kill()
