"""What kopf gets to see of an API server that fails: lost connections, 410, and whole answers."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, ClientResponse, ClientSession, web
from aiohttp.test_utils import TestServer

from modelfleet.controllers import guard as module
from modelfleet.controllers.guard import GAP_S, GONE, PATIENCE, Guard
from modelfleet.controllers.watches import Watches
from modelfleet.kube.backoff import Backoff
from modelfleet.sources.kinds import Scope, scopes

MODELS = next(scope for scope in scopes() if scope.watched.kind == "ModelDeployment")
MODEL = {"metadata": {"name": "m", "uid": "u", "resourceVersion": "5"}}
ADDED = {"type": "ADDED", "object": MODEL}
BOOKMARK = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "5"}}}
LIST = {"kind": "ModelDeploymentList", "metadata": {"resourceVersion": "5"}, "items": [MODEL]}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def brief_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long they are is of no interest here, and they are the most of what these tests would take."""
    monkeypatch.setattr(module, "Backoff", lambda first, most: Backoff(first / 20, most / 20))


def error(code: int) -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "reason": "X", "message": "so it is"}}


class Scene:
    """A session behind a guard, and a server that answers as it is told."""

    def __init__(
        self, session: ClientSession, url: str, watches: Watches, gaps: list[tuple[Scope, float]], token: list[str]
    ) -> None:
        self.session = session
        self.url = url
        self.watches = watches
        self.gaps = gaps
        self.token = token

    async def get(self, *, watch: bool = False) -> ClientResponse:
        return await self.session.get(f"{self.url}{MODELS.path}", params={"watch": "true"} if watch else {})

    async def events(self) -> list[dict[str, Any]]:
        """What kopf would read of a watch."""
        found = []
        response = await self.get(watch=True)
        async for chunk in response.content.iter_chunked(1024):
            found += [json.loads(line) for line in chunk.splitlines()]
        return found


def run(answer: Answer, check: Callable[[Scene], Awaitable[None]]) -> None:
    """Runs a check against a server that gives this answer."""

    async def scene() -> None:
        gaps: list[tuple[Scope, float]] = []
        token = ["old"]

        class Credentials:
            def headers(self) -> dict[str, str]:
                return {"Authorization": f"Bearer {token[0]}"}

            def reload(self) -> None:
                token[0] = "new"

        watches = Watches(scopes())
        guard = Guard(scopes(), watches, Credentials(), lambda scope, after: gaps.append((scope, after)))
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        async with TestServer(app) as server, ClientSession(middlewares=(guard,)) as session:
            await check(Scene(session, str(server.make_url("")).rstrip("/"), watches, gaps, token))

    asyncio.run(scene())


def says(*lines: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\n".join(lines), status=status, headers=headers)

    return answer


def told(*events: dict[str, Any]) -> Answer:
    return says(*(json.dumps(event).encode() for event in events), b"")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {}),
        (404, {}),
        (410, {}),
        (500, {}),
        (504, {}),
        (429, {"Retry-After": "0"}),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        (429, {"Retry-After": "soon"}),
    ],
)
def test_a_list_that_is_refused_is_a_lost_connection(status: int, headers: dict[str, str]) -> None:
    async def check(scene: Scene) -> None:
        with pytest.raises(ClientConnectionError):
            await scene.get()
        assert scene.gaps == [(MODELS, GAP_S)]
        assert str(status) in scene.watches.troubles()[MODELS]

    run(says(b"no", status=status, headers=headers), check)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"items": []}', b'{"items": {}, "metadata": {}}', b'{"items": [']
)
def test_a_list_that_is_none_is_a_lost_connection(body: bytes) -> None:
    async def check(scene: Scene) -> None:
        with pytest.raises(ClientConnectionError):
            await scene.get()

    run(says(body), check)


def test_of_a_list_only_its_version_passes_and_it_asks_for_ours_at_once() -> None:
    async def check(scene: Scene) -> None:
        assert await (await scene.get()).json(content_type=None) == {**LIST, "items": []}
        assert (scene.gaps, dict(scene.watches.troubles())) == ([(MODELS, 0.0)], {})

    # That there are more pages is not said either: one is enough to know the version.
    metadata = {"resourceVersion": "5", "continue": "x", "remainingItemCount": 7}
    run(says(json.dumps({**LIST, "metadata": metadata}).encode()), check)


def test_events_pass_as_they_are_and_are_a_sign_of_life() -> None:
    async def check(scene: Scene) -> None:
        assert await scene.events() == [ADDED, BOOKMARK]
        assert scene.gaps == []

    run(told(ADDED, BOOKMARK), check)


@pytest.mark.parametrize(
    "bad", [b"{", b"[]", b'{"type": "ERROR"}', b'{"type": "NEWS", "object": {"metadata": {}}}', b'{"type": "ADDED"}']
)
def test_a_line_that_is_no_event_ends_the_watch_and_what_came_before_counts(bad: bytes) -> None:
    async def check(scene: Scene) -> None:
        response = await scene.get(watch=True)
        chunks = response.content.iter_chunked(1024)
        assert json.loads(await anext(chunks)) == ADDED
        with pytest.raises(ClientPayloadError):
            await anext(chunks)
        assert scene.gaps == [(MODELS, GAP_S)]

    run(says(json.dumps(ADDED).encode(), bad, b""), check)


def test_half_an_event_at_the_end_is_none() -> None:
    async def check(scene: Scene) -> None:
        assert await scene.events() == [ADDED]

    run(says(json.dumps(ADDED).encode(), b'{"type": "ADDED", "object": {"metadata": {}}}'), check)


def test_an_error_among_the_events_ends_the_watch() -> None:
    async def check(scene: Scene) -> None:
        with pytest.raises(ClientPayloadError, match="so it is"):
            await scene.events()

    run(told(error(500)), check)


def test_a_version_that_is_gone_is_told_and_the_kind_is_listed() -> None:
    async def check(scene: Scene) -> None:
        assert await scene.events() == [GONE]
        assert scene.gaps == [(MODELS, GAP_S)]

    run(told(error(410)), check)


def test_a_watch_that_is_refused_as_gone_says_so_in_the_words_that_kopf_knows() -> None:
    async def check(scene: Scene) -> None:
        assert await scene.events() == [GONE]
        assert scene.gaps == [(MODELS, GAP_S)]

    run(says(b"gone", status=410), check)


def test_a_watch_that_fails_again_and_again_begins_anew() -> None:
    """The server may never know the version that it is asked for: its storage came back from a backup."""

    async def check(scene: Scene) -> None:
        for _ in range(PATIENCE):
            with pytest.raises(ClientConnectionError):
                await scene.get(watch=True)
        assert await scene.events() == [GONE]

    run(says(b"too large", status=504), check)


def test_credentials_that_expired_are_loaded_anew_and_nobody_notices() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        known = request.headers["Authorization"] == "Bearer new"
        return web.json_response(LIST, status=200 if known else 401)

    async def check(scene: Scene) -> None:
        assert (await scene.get()).status == 200
        assert scene.token == ["new"]

    run(answer, check)


def test_what_is_none_of_our_kinds_passes_as_it_is() -> None:
    async def check(scene: Scene) -> None:
        response = await scene.session.get(f"{scene.url}/apis/example.com/v1")
        assert (response.status, scene.gaps) == (503, [])

    run(says(b"away", status=503), check)


def test_who_had_no_answer_asks_again_as_soon_as_the_server_answers_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Backoff", lambda *_: Backoff(60, 60))
    other = next(scope for scope in scopes() if scope.path != MODELS.path)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == MODELS.path:
            return web.json_response(LIST)
        if request.query.get("watch"):
            return web.Response(status=503)
        assert request.transport
        request.transport.abort()
        return web.Response()

    async def check(scene: Scene) -> None:
        away = asyncio.create_task(scene.session.get(f"{scene.url}{other.path}"))
        refused = asyncio.create_task(scene.session.get(f"{scene.url}{other.path}", params={"watch": "true"}))
        await asyncio.sleep(0.2)
        assert not away.done()
        assert (await scene.get()).status == 200
        with pytest.raises(ClientConnectionError):
            await asyncio.wait_for(away, 5)
        assert not refused.done(), "the server was there, and did not want to"
        refused.cancel()

    run(answer, check)


def test_a_server_that_is_back_and_does_not_know_the_kind_yet_is_asked_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resets: list[None] = []
    monkeypatch.setattr(Backoff, "reset", lambda _: resets.append(None))
    away = [True, True, False, False]

    async def answer(request: web.Request) -> web.StreamResponse:
        if away.pop(0):
            assert request.transport
            request.transport.abort()
        return web.Response(status=404)

    async def check(scene: Scene) -> None:
        for expected in (0, 0, 1, 1):
            with pytest.raises(ClientConnectionError):
                await scene.get()
            assert len(resets) == expected

    run(answer, check)
