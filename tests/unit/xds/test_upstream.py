import asyncio
import logging
import socket as sockets
from collections.abc import Awaitable, Callable
from functools import partial

import grpc
import pytest

from modelfleet.envoy.types import CLUSTER
from modelfleet.kube.backoff import Backoff
from modelfleet.xds import upstream
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.events import Event
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import gateway_resources
from modelfleet.xds.upstream import Upstream
from tests.unit.xds.making import request, static_cluster
from tests.unit.xds.talking import Talk, socket, until

NOWHERE = "unix:/nowhere/at/all"


class Central:
    """A server with one cluster, that can go and come back."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.events: list[Event] = []
        self.cache = SnapshotCache()
        self.cache.publish("g", gateway_resources([static_cluster("a")]))
        self._server: AdsServer | None = None

    async def start(self) -> None:
        self._server = AdsServer(self.cache, lambda _node, _gateway, event: self.events.append(event), linger=0)
        await self._server.start(self.address)

    async def stop(self) -> None:
        if self._server:
            await self._server.stop(0)
            self._server = None


def up_to(heard: list[str], talk: Talk) -> bool:
    return talk.heard == heard


def play(scene: Callable[[Central, Talk, Upstream], Awaitable[None]], *before: str) -> Talk:
    """With a client that tries the addresses before, and then the central server's, again and again."""

    async def run() -> Talk:
        with socket() as address:
            central, talk = Central(address), Talk()
            up = Upstream((*before, address), talk, Backoff(0.01, 0.02))
            running = asyncio.ensure_future(up.run())
            try:
                await scene(central, talk, up)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                await central.stop()
            return talk

    return asyncio.run(run())


def test_who_comes_later_is_found_and_who_comes_back_is_found_again() -> None:
    async def scene(central: Central, talk: Talk, up: Upstream) -> None:
        await asyncio.sleep(0.1)
        assert up.lost_s >= 0.1
        for heard in (["a"], ["a", "a"]):
            await central.start()
            await until(partial(up_to, heard, talk))
            assert up.is_connected
            assert up.lost_s == 0
            await central.stop()
            await until(lambda: not up.is_connected)
            assert 0 < up.lost_s < 5

    assert play(scene).hellos == 2


def test_the_next_address_is_tried_where_one_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(central: Central, talk: Talk, _: Upstream) -> None:
        await central.start()
        await until(lambda: talk.heard)

    caplog.set_level(logging.INFO)
    play(scene, NOWHERE, "127.0.0.1:1")
    said = [record.getMessage() for record in caplog.records if record.name == upstream.__name__]
    assert [it.split()[0] for it in said[:3]] == [NOWHERE, "127.0.0.1:1", "connected"]


def test_an_address_where_nobody_takes_a_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "CONNECT_S", 0.3)
    with sockets.socket() as deaf:
        # It takes the connection, and never says a word.
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()

        async def scene(central: Central, talk: Talk, _: Upstream) -> None:
            await central.start()
            await until(lambda: talk.heard)

        play(scene, f"127.0.0.1:{deaf.getsockname()[1]}")


def test_an_address_that_stays_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(_central: Central, _talk: Talk, up: Upstream) -> None:
        await asyncio.sleep(0.5)
        assert not up.is_connected

    play(scene, NOWHERE)
    assert len([it for it in caplog.records if NOWHERE in it.getMessage()]) == 1


def test_a_stream_begins_anew_when_it_is_asked_to(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(central: Central, talk: Talk, up: Upstream) -> None:
        up.renew()
        await central.start()
        await until(lambda: talk.heard == ["a"])
        up.renew()
        await until(lambda: talk.heard == ["a", "a"])
        assert up.is_connected

    assert play(scene).hellos == 2
    assert not [it for it in caplog.records if "the stream" in it.getMessage()]


def test_what_is_said_while_there_is_no_stream_goes_nowhere() -> None:
    async def scene(central: Central, talk: Talk, up: Upstream) -> None:
        up.send([request(CLUSTER, nonce="1")])
        await central.start()
        await until(lambda: talk.heard)
        await until(lambda: len(central.events) == 3)

    play(scene)


def test_a_fault_of_ours_ends_the_stream_and_not_the_client(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(central: Central, talk: Talk, _: Upstream) -> None:
        talk.fails = True
        await central.start()
        await until(lambda: "a fault of ours" in caplog.text)
        talk.fails = False
        await until(lambda: talk.heard)

    play(scene)


def test_a_server_that_speaks_otherwise_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(central: Central, _talk: Talk, _up: Upstream) -> None:
        other = grpc.aio.server()
        other.add_insecure_port(central.address)
        await other.start()
        await until(lambda: "UNIMPLEMENTED" in caplog.text)
        await other.stop(0)

    play(scene)


class Wire:
    """What lies between client and server, and may be cut so that neither end is told."""

    def __init__(self, target: str) -> None:
        self._target = target.removeprefix("unix:")
        self.cut = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._target)
        self._writers += [writer, back]
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.cut.is_set():
                writer.write(data)

    async def end(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
            await writer.wait_closed()


def test_a_connection_that_is_dead_on_one_side_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    options = dict(upstream.OPTIONS)
    lives = ("grpc.keepalive_time_ms", "grpc.http2.ping_timeout_ms")
    assert sum(options[name] for name in lives) == 30_000, "half a minute, which is shorter here"
    quick = options | {name: options[name] // 50 for name in lives}
    monkeypatch.setattr(upstream, "OPTIONS", tuple(quick.items()))

    async def run(address: str) -> None:
        central, talk = Central(address), Talk()
        await central.start()
        wire = Wire(address)
        up = Upstream((await wire.start(), NOWHERE), talk, Backoff(0.01, 0.02))
        running = asyncio.ensure_future(up.run())
        await until(lambda: talk.heard)
        wire.cut.set()
        await until(lambda: not up.is_connected)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await wire.end()
        await central.stop()

    with socket() as address:
        asyncio.run(run(address))
