"""The proxy as tests use it. It runs in a thread of its own, so that a test can wait, kill and look on meanwhile."""

import asyncio
import contextlib
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from tests.testbed.api import Api
from tests.testbed.bed import ADMIN, ADMIN_TOKEN, Bed
from tests.testbed.faults.actions import StaleList
from tests.testbed.faults.connection import Core
from tests.testbed.faults.ledger import Write
from tests.testbed.faults.listener import Listener
from tests.testbed.faults.rules import Handle, Rule
from tests.testbed.faults.wire import LIMIT

PATIENCE = 30.0
Result = TypeVar("Result")


class FaultProxy:
    """Stands between clients and a bed's API server, with the API server's own certificate.

    What is added or removed is in force when the call returns, for running watches too. A client that cannot be served
    because the API server is away sees its connection end.
    """

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self.certificate = bed.folder / "certs" / "apiserver.crt"
        self._serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._serving.load_cert_chain(self.certificate, bed.folder / "certs" / "apiserver.key")
        self._asking = ssl.create_default_context(cafile=str(self.certificate))
        self._core = Core(self._connect)
        self._listeners: dict[str, Listener] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def kubeconfig(self, name: str, user: str = ADMIN) -> Path:
        """A kubeconfig for the client of this name, which has a port of its own."""
        path = self._bed.folder / f"{name}-{user.replace(':', '-')}-by-proxy.kubeconfig"
        return self._bed.write_kubeconfig(path, user, self.port(name))

    def port(self, name: str) -> int:
        """The port of the client of this name; the same for the proxy's life."""
        return self._do(self._listen(name))

    def api(self, name: str) -> Api:
        """A plain client of this name. It asks again, once, when its connection ends before the answer."""
        return Api(self.port(name), self.certificate, ADMIN_TOKEN)

    def add(self, rule: Rule) -> Handle:
        """Puts a rule in force; the handle counts what it struck."""
        if rule.action == StaleList():
            rule = replace(rule, action=StaleList(self.version()))
        return self._do(self._add(rule))

    def remove(self, *handles: Handle) -> None:
        """Takes rules out of force; what they hold back goes on."""
        self._do(self._remove(handles))

    def clear(self) -> None:
        """Takes all rules out of force."""
        self.remove(*self._core.rules.handles)

    @contextlib.contextmanager
    def rule(self, rule: Rule) -> Iterator[Handle]:
        handle = self.add(rule)
        try:
            yield handle
        finally:
            self.remove(handle)

    def down(self, name: str = "") -> None:
        """Refuses connections and cuts those that there are, for one client or for all that have a port by now."""
        self._do(self._switch(name, up=False))

    def up(self, name: str = "") -> None:
        """Takes connections again, at the same ports."""
        self._do(self._switch(name, up=True))

    @property
    def writes(self) -> tuple[Write, ...]:
        """Every request that is no read, in the order in which they had arrived."""
        return self._core.ledger.writes()

    @property
    def reads(self) -> Counter[tuple[str, str, str]]:
        """How often by client, verb and resource. "page" counts the parts of lists after the first."""
        return self._core.ledger.reads()

    def watches(self, name: str = "", resource: str = "") -> int:
        """How many watches run now, of one client or all, on one resource or all."""
        return self._do(self._count_watches(name, resource))

    def wait_for_write(
        self, predicate: Callable[[Write], bool], patience: float = PATIENCE, *, since: int = 0
    ) -> Write:
        """The first write from number `since` on for which it holds: when it arrives, is sent, served or answered."""
        return self._core.ledger.wait(predicate, patience, since)

    def version(self) -> str:
        """The resource version of this moment."""
        api = self._bed.client()
        try:
            return str(api.get("/api/v1/namespaces?limit=1").body["metadata"]["resourceVersion"])
        finally:
            api.close()

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._bed.port, ssl=self._asking, limit=LIMIT)

    async def _listen(self, name: str) -> int:
        if name not in self._listeners:
            self._listeners[name] = Listener(name, self._core, self._serving)
            await self._listeners[name].up()
        return self._listeners[name].port

    async def _add(self, rule: Rule) -> Handle:
        handle = self._core.rules.add(rule)
        self._core.add(handle)
        return handle

    async def _remove(self, handles: tuple[Handle, ...]) -> None:
        self._core.rules.remove(*handles)

    async def _switch(self, name: str, *, up: bool) -> None:
        for client, listener in self._listeners.items():
            if name in ("", client):
                if up:
                    await listener.up()
                else:
                    listener.down()

    async def _count_watches(self, name: str, resource: str) -> int:
        calls = [watch.call for watch in self._core.watches]
        return sum(name in ("", call.client) and resource in ("", call.place.resource) for call in calls)

    async def _close(self) -> None:
        self._core.rules.remove(*self._core.rules.handles)
        for listener in self._listeners.values():
            await listener.close()
