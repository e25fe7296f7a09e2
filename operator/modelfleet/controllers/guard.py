"""Stands between kopf and the API server, and lets nothing through that would end kopf.

kopf survives a lost connection, and hardly anything else: an error in a watch, a list that is forbidden, a date in
Retry-After each end it, and with it the watches of every kind. So each failure of a list or a watch becomes a lost
connection here, after a pause that grows; the other kinds never notice. What a watch tells is looked at line by line:
an error among the events ends that watch, and only `410 Gone`, which kopf understands, is passed on.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientSSLError,
)
from aiohttp.client_middlewares import ClientHandlerType

from modelfleet.controllers.watches import Watches
from modelfleet.kube.backoff import Backoff
from modelfleet.kube.errors import KubeError, error_of
from modelfleet.sources.kinds import Scope

GONE = {"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "code": HTTPStatus.GONE, "reason": "Gone"}}
EVENTS = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")
MOST_PAUSE_S = 8.0
"""So that a change is told within ten seconds once nothing is broken any more."""
BRIEF_S = 0.5
"""A watch that ends sooner without a word is not asked for again at once."""
GAP_S = 1.0
"""After a gap the list waits for the watch to be back, and for others with the same gap."""
PATIENCE = 3
"""A watch that failed so often in a row may hold a version that the server does not know: it begins anew."""


class Credentials(Protocol):
    """Who we are to the API server."""

    def headers(self) -> dict[str, str]:
        """The headers that say so, as of now."""

    def reload(self) -> None:
        """Loads them anew."""


class Guard:
    """A middleware for the session that kopf speaks through."""

    def __init__(
        self,
        scopes: Iterable[Scope],
        watches: Watches,
        credentials: Credentials,
        on_gap: Callable[[Scope, float], None],
        on_distrust: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_gap` hears of every scope whose watch may have missed something, and in how many seconds to look for it.

        `on_distrust` is called where a certificate is not right any more: a session keeps those that it was made with.
        """
        self._scopes = {scope.path: scope for scope in scopes}
        self._watches = watches
        self._credentials = credentials
        self._on_gap = on_gap
        self._on_distrust = on_distrust
        self._pauses = {(scope, watch): Backoff(0.2, MOST_PAUSE_S) for scope in scopes for watch in (False, True)}
        self._failures: dict[Scope, int] = {}
        self._back = asyncio.Event()
        """The server answers one of those who had no answer."""
        self._waiting = 0
        self._unheard: set[tuple[Scope, bool]] = set()
        """Lists and watches that had no answer the last time."""
        self._unasked = frozenset(self._scopes.values())

    def begin(self) -> None:
        """kopf starts, in a loop of its own, and looks which kinds there are."""
        self._back = asyncio.Event()
        self._unasked = frozenset(self._scopes.values())

    def unasked(self) -> frozenset[Scope]:
        """What kopf has not asked for since it started: it does not know that there is such a thing."""
        return self._unasked

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Sends a request. What is none of our kinds goes through as it is, with credentials."""
        scope = self._scopes.get(request.url.path)
        if scope in self._unasked:
            self._unasked -= {scope}
        response = await self._authorised(request, handler, scope)
        if scope is None:
            return response
        if request.url.query.get("watch") == "true":
            return await self._watching(scope, response)
        return await self._listing(scope, response)

    async def _authorised(
        self, request: ClientRequest, handler: ClientHandlerType, scope: Scope | None
    ) -> ClientResponse:
        watch = request.url.query.get("watch") == "true"
        try:
            request.headers.update(await asyncio.to_thread(self._credentials.headers))
            response = await handler(request)
            if response.status == HTTPStatus.UNAUTHORIZED:
                response.release()
                await asyncio.to_thread(self._credentials.reload)
                request.headers.update(await asyncio.to_thread(self._credentials.headers))
                response = await handler(request)
        except (ClientError, OSError, KubeError) as error:
            if isinstance(error, ClientSSLError):
                await asyncio.to_thread(self._credentials.reload)
                self._on_distrust()
            if scope is None:
                raise
            why = f"no answer: {str(error) or type(error).__name__}"
            raise await self._lost(scope, why, watch=watch, until_back=True) from error
        return response

    async def _listing(self, scope: Scope, response: ClientResponse) -> ClientResponse:
        if response.status != HTTPStatus.OK:
            raise await self._refused(scope, response, watch=False)
        try:
            body = json.loads(await response.content.read())
        except (ClientError, OSError, ValueError) as error:
            raise await self._lost(scope, "the list is cut short, or no JSON", watch=False) from error
        if not _is_list(body):
            raise await self._lost(scope, "the answer is no list", watch=False)
        self._pauses[scope, False].reset()
        self._answered()
        # kopf watches from this version on, and what there is at this version is ours to list: it would begin a task
        # for each object, and never tell of what was deleted before. From now on the watch tells, so it is time to.
        self._on_gap(scope, 0.0)
        response.content = _Empty(response.content, body)  # type: ignore[assignment]
        return response

    async def _watching(self, scope: Scope, response: ClientResponse) -> ClientResponse:
        if response.status == HTTPStatus.GONE:
            # kopf knows it as an event only.
            await response.read()
            return self._ended(scope, response)
        if response.status != HTTPStatus.OK:
            if self._failures.get(scope, 0) >= PATIENCE:
                await self._refused(scope, response, watch=True)
                return self._ended(scope, response)
            raise await self._refused(scope, response, watch=True)
        self._watches.alive(scope)
        self._answered()
        response.content = _Looked(response.content, self, scope)  # type: ignore[assignment]  # kopf reads chunks of it
        return response

    def _ended(self, scope: Scope, response: ClientResponse) -> ClientResponse:
        self._failures.pop(scope, None)
        self._on_gap(scope, GAP_S)
        response.status = HTTPStatus.OK
        response.content = _Said(response.content)  # type: ignore[assignment]
        return response

    async def _refused(self, scope: Scope, response: ClientResponse, *, watch: bool) -> ClientConnectionError:
        try:
            body = await response.read()
        except (ClientError, OSError):
            body = b""
        error = error_of(response.status, body, response.headers)
        return await self._lost(scope, str(error), watch=watch, at_least=error.retry_after or 0.0)

    async def _lost(
        self, scope: Scope, why: str, *, watch: bool, at_least: float = 0.0, until_back: bool = False
    ) -> ClientConnectionError:
        """What to raise, after the pause: a shorter one where it is only waited for a server that is away."""
        self._watches.trouble(scope, why)
        self._on_gap(scope, GAP_S)
        if watch:
            self._failures[scope] = self._failures.get(scope, 0) + 1
        if until_back:
            self._unheard.add((scope, watch))
        elif (scope, watch) in self._unheard:
            # A server that is back knows nothing of our kinds for a moment. That is another trouble, and a short one.
            self._unheard.discard((scope, watch))
            self._pauses[scope, watch].reset()
        pause = self._pauses[scope, watch].next(at_least)
        await (self._wait(pause) if until_back else asyncio.sleep(pause))
        return ClientConnectionError(why)

    async def _wait(self, pause: float) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(pause):
                await self._back.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1

    def _answered(self) -> None:
        """The server is there: who waits for it need not wait longer."""
        if self._waiting:
            self._back.set()
            self._back = asyncio.Event()

    def heard(self, scope: Scope) -> None:
        """A good line of a watch."""
        self._watches.alive(scope)
        self._failures.pop(scope, None)
        self._pauses[scope, True].reset()

    async def silent(self, scope: Scope, lasted: float) -> None:
        """A watch that ended without a word. kopf asks again at once, which must not become a storm."""
        if lasted > BRIEF_S:
            self._pauses[scope, True].reset()
        await asyncio.sleep(self._pauses[scope, True].next())

    async def broken(self, scope: Scope, why: str) -> Exception:
        """A bad line of a watch: what to raise, after the pause."""
        lost = await self._lost(scope, why, watch=True)
        return ClientPayloadError(str(lost))

    def expects_much(self, scope: Scope) -> bool:
        """Whether a watch failed so often that it has to begin anew."""
        return self._failures.get(scope, 0) >= PATIENCE

    def gone(self, scope: Scope) -> None:
        """The server does not know the version any more: what happened since is to be found by a list."""
        self._failures.pop(scope, None)
        self._on_gap(scope, GAP_S)


class _Content:
    """What a response is read from, in all but what kopf reads."""

    def __init__(self, content: Any) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)


class _Looked(_Content):
    """The events of a watch, each of which has been looked at."""

    def __init__(self, content: Any, guard: Guard, scope: Scope) -> None:
        super().__init__(content)
        self._guard = guard
        self._scope = scope

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        rest, heard, began = b"", False, time.monotonic()
        try:
            async for data in self._content.iter_chunked(size):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if line.strip():
                        heard = True
                        yield await self._judged(line) + b"\n"
            # What follows the last line end is half an event, and never a whole one.
        except (ClientError, OSError):
            if not heard:
                await self._guard.silent(self._scope, time.monotonic() - began)
            raise
        if not heard:
            await self._guard.silent(self._scope, time.monotonic() - began)

    async def _judged(self, line: bytes) -> bytes:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if _is_event(event):
            self._guard.heard(self._scope)
            return line
        said = event.get("object") if isinstance(event, dict) and event.get("type") == "ERROR" else None
        code = said.get("code") if isinstance(said, dict) else None
        if code == HTTPStatus.GONE or (said is not None and self._guard.expects_much(self._scope)):
            self._guard.gone(self._scope)
            return json.dumps(GONE).encode()
        why = error_of(code, said, {}) if isinstance(code, int) else "an event that is no event"
        raise await self._guard.broken(self._scope, f"the watch ended: {why}")


class _Empty(_Content):
    """A list of which nothing is left but the version."""

    def __init__(self, content: Any, body: Mapping[str, Any]) -> None:
        super().__init__(content)
        metadata = {"resourceVersion": body["metadata"]["resourceVersion"]}
        self._said = json.dumps({**body, "metadata": metadata, "items": []}).encode()

    async def read(self, _size: int = -1) -> bytes:
        said, self._said = self._said, b""
        return said


class _Said(_Content):
    """A watch that says one thing and ends."""

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        yield json.dumps(GONE).encode() + b"\n"


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict) or event.get("type") not in EVENTS:
        return False
    return _is_object(event.get("object"), *(() if event["type"] == "BOOKMARK" else ("name", "uid")))


def _is_list(body: Any) -> bool:
    if not _is_object(body) or not isinstance(body.get("items"), list):
        return False
    return all(_is_object(item, "name", "uid") for item in body["items"])


def _is_object(thing: Any, *named: str) -> bool:
    """Whether it has what kopf takes for granted."""
    metadata = thing.get("metadata") if isinstance(thing, dict) else None
    return isinstance(metadata, dict) and all(
        isinstance(metadata.get(field), str) and metadata[field] for field in ("resourceVersion", *named)
    )
