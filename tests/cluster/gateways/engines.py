"""One stub that answers at the addresses of all simulated pods, as their engines would, and sees who was asked."""

import asyncio
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

PORT = 8000
"""Where the simulated engine listens in its pod."""
PATIENCE = 5.0
ANY = "0.0.0.0"
NUMBER = "x-test-number"
"""The header by which a test tells its requests apart, if it wants to."""
MODEL = re.compile(rb'"model"\s*:\s*"([^"]*)"')


class Asked(NamedTuple):
    """A request that came to a pod."""

    at: float
    """Of `time.monotonic()`."""
    address: str
    model: str = ""
    """As the engine hears it."""
    number: int = 0


class Engines:
    """Listens on every address of this network while it is entered. Which pod was meant, its own address says.

    A pod that is `gone` does not answer any more: who asks there has asked too late, and is noted.
    """

    def __init__(self, port: int = PORT) -> None:
        self.asked: list[Asked] = []
        self.late: list[Asked] = []
        """Requests to pods that were gone already."""
        self.delay_s = 0.0
        self._port = port
        self._gone: dict[str, float] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engines", daemon=True)
        self._connections: set[_Connection] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def goes(self, address: str) -> None:
        """The pod of this address is gone from now on: its connections break, and new ones are not answered."""
        self._loop.call_soon_threadsafe(self._leave, address)

    def comes(self, address: str) -> None:
        """A pod is at this address again."""
        self._loop.call_soon_threadsafe(self._gone.pop, address, None)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Has something done after so long, by the thread that hears requests. For any thread."""
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, call)

    def counts(self, since: float = 0.0) -> Counter[str]:
        """How many requests came to each address since then."""
        return Counter(one.address for one in self.asked if one.at >= since)

    def hear(self, address: str, model: str = "", number: int = 0) -> bool:
        """Notes a request; whether it is to be answered."""
        asked = Asked(time.monotonic(), address, model, number)
        if address in self._gone:
            self.late.append(asked)
            return False
        self.asked.append(asked)
        return True

    def is_gone(self, address: str) -> bool:
        return address in self._gone

    def _leave(self, address: str) -> None:
        self._gone[address] = time.monotonic()
        for one in [one for one in self._connections if one.address == address]:
            one.drop()

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(
            lambda: _Connection(self, self._connections), "0.0.0.0", self._port
        )

    async def _close(self) -> None:
        self._server.close()
        for one in tuple(self._connections):
            one.drop()

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


class _Connection(asyncio.Protocol):
    """Reads requests with a length, one after the other, as Envoy sends them."""

    def __init__(self, engines: Engines, connections: "set[_Connection]") -> None:
        self._engines = engines
        self._connections = connections
        self._data = b""
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.address = transport.get_extra_info("sockname")[0]
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            lines = (line.partition(b":") for line in self._data[:end].lower().split(b"\r\n"))
            head = {name.decode(): value.strip() for name, _, value in lines}
            end += 4 + int(head.get("content-length", 0))
            if len(self._data) < end:
                return
            model = MODEL.search(self._data, 0, end)
            self._data = self._data[end:]
            self._hear(model.group(1).decode() if model else "", int(head.get(NUMBER, 0)))

    def _hear(self, model: str, number: int) -> None:
        if not self._engines.hear(self.address, model, number):
            self.drop()
        elif self._engines.delay_s:
            asyncio.get_running_loop().call_later(self._engines.delay_s, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        if self._transport.is_closing():
            return
        message = {"role": "assistant", "content": self.address}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        body = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write((head + body).encode())

    def drop(self) -> None:
        """Breaks it off as a process that ends does."""
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio passes it
        self._connections.discard(self)
