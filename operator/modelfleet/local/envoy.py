"""Envoy as a child: how it is started, asked and let go."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from modelfleet.envoy.bootstrap import Bootstrap, render_bootstrap
from modelfleet.local.binary import Envoy
from modelfleet.local.children import Program

NAME: Final = "envoy"
READY_WITHIN_S: Final = 30.0
DRAIN_S: Final = 10.0
_LOOK_S: Final = 0.05
_STATUS: Final = re.compile(rb"HTTP/\S+ (\d{3})")
_FLUSH_MS: Final = 200
"""A record that is asked for a moment later should be there."""


@dataclass(frozen=True, slots=True)
class Admin:
    """Envoy's own interface, on a socket that nobody else can reach."""

    socket: Path

    async def get(self, path: str) -> tuple[int, str]:
        """The status and the text behind a path; OSError where Envoy does not answer."""
        return await self._ask("GET", path)

    async def post(self, path: str) -> tuple[int, str]:
        """The same for what changes something."""
        return await self._ask("POST", path)

    async def _ask(self, method: str, path: str) -> tuple[int, str]:
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        try:
            head = f"{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            writer.write(head.encode())
            async with asyncio.timeout(5.0):  # wait_for may swallow a cancellation, in Python 3.11
                answer = await reader.read()
        except TimeoutError:
            raise OSError("Envoy did not answer in time") from None
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        status, _, body = answer.partition(b"\r\n\r\n")
        found = _STATUS.match(status)
        if not found:
            raise OSError("Envoy broke off")
        return int(found[1]), body.decode(errors="replace")

    async def is_ready(self) -> bool:
        """Whether it has everything that it needs to serve."""
        status, _ = await self.get("/ready")
        return status == HTTPStatus.OK

    async def drain(self, within: float = DRAIN_S) -> None:
        """Takes no new connections, and waits for the requests that have begun."""
        with suppress(OSError):
            await self.post("/drain_listeners")
            async with asyncio.timeout(within):
                while await self._busy():  # noqa: ASYNC110 - it is Envoy that knows, and it only answers
                    await asyncio.sleep(_LOOK_S)

    async def reopen_files(self) -> None:
        """Begins new files where those that it writes were moved away."""
        await self.post("/reopen_logs")

    async def _busy(self) -> bool:
        _, text = await self.get("/stats?filter=downstream_rq_active$&format=json")
        with suppress(ValueError, TypeError):
            return any(stat.get("value") for stat in json.loads(_chunks(text))["stats"])
        return False


def _chunks(text: str) -> str:
    """The JSON in a body that may have been sent in pieces."""
    begin, end = text.find("{"), text.rfind("}")
    return text[begin : end + 1]


def envoy_program(envoy: Envoy, bootstrap: Bootstrap, folder: Path, concurrency: int) -> Program:
    """The program of an Envoy that joins the control plane in this process."""
    config = folder / "envoy.json"
    config.write_text(json.dumps(render_bootstrap(bootstrap), indent=2) + "\n", encoding="utf-8")
    command = [str(envoy.path), "--config-path", str(config), "--concurrency", str(concurrency)]
    # Without a base id it shares memory with any other Envoy of the machine, or does not start.
    command += ["--disable-hot-restart", "--file-flush-interval-msec", str(_FLUSH_MS), "--drain-time-s", "5"]
    admin = Admin(Path(bootstrap.admin))
    return Program(name=NAME, command=command, ready=admin.is_ready, ready_within=READY_WITHIN_S)
