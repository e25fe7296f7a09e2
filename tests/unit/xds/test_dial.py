"""A relay towards a server that asks for certificates: what it connects with, and what it makes of a refusal."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from modelfleet.kube.backoff import Backoff
from modelfleet.xds.dial import Dial
from modelfleet.xds.tls import RenewingTls
from modelfleet.xds.upstream import Upstream
from tests.support.authority import Authority, Issued, Mounted
from tests.unit.xds.behind_tls import NAME, SERVER, Secured, play
from tests.unit.xds.making import static_cluster
from tests.unit.xds.talking import Talk, until


class Client:
    """A relay's end, its files, and what it heard."""

    def __init__(self, world: Secured, folder: Path, issued: Issued, server_name: str = SERVER) -> None:
        self.mounted = Mounted(folder / "client", world.authority, issued, server_name)
        self.talk = Talk()
        tls = RenewingTls(self.mounted.files, serves=False, count=lambda _: None)
        self.up = Upstream((world.address,), self.talk, Backoff(0.01, 0.02), Dial(tls))


@asynccontextmanager
async def running(client: Client) -> AsyncIterator[None]:
    task = asyncio.ensure_future(client.up.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def restarted(world: Secured, *trusted: Authority) -> None:
    """The server was away, and trusts these now."""
    await world.server.stop(0)
    world.mounted.put(trusted[0].issue(SERVER), trusted)
    assert await world.server.start(world.address) == world.address


def test_a_renewed_certificate_and_authority_are_taken_with_the_next_connection(tmp_path: Path) -> None:
    async def scene(world: Secured) -> None:
        world.publish(static_cluster("a"))
        client = Client(world, tmp_path, world.authority.issue(NAME))
        successor = Authority(tmp_path, "successor")
        async with running(client):
            await until(lambda: client.talk.heard == ["a"])
            client.mounted.put(successor.issue(NAME), [successor])
            world.publish(static_cluster("b"))
            await until(lambda: client.talk.heard == ["a", "b"])  # over the stream that there was
            assert client.talk.hellos == 1
            await restarted(world, successor)
            await until(lambda: client.talk.heard == ["a", "b", "b"])

    play(tmp_path, scene)


def test_a_certificate_that_expires_ends_no_stream_and_begins_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(world: Secured) -> None:
        world.publish(static_cluster("a"))
        client = Client(world, tmp_path, world.authority.issue(NAME, ends=timedelta(seconds=2)))
        async with running(client):
            await until(lambda: client.talk.heard == ["a"])
            await asyncio.sleep(3)
            world.publish(static_cluster("b"))
            await until(lambda: client.talk.heard == ["a", "b"])
            assert client.talk.hellos == 1
            await restarted(world, world.authority)
            await until(lambda: "our certificate has expired: renew the file of --tls-cert" in caplog.text)
            assert client.talk.heard == ["a", "b"]
            client.mounted.put(world.authority.issue(NAME))
            await until(lambda: client.talk.heard == ["a", "b", "b"])

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("issuer", "name", "why"),
    [
        ("ours", "other.gateway.modelfleet.dev", f"PERMISSION_DENIED.*it needs one for '{NAME}'"),
        ("stranger", NAME, "or one of the two does not take the other's certificate"),
    ],
)
def test_a_client_that_is_refused_was_never_connected_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, issuer: str, name: str, why: str
) -> None:
    async def scene(world: Secured) -> None:
        authority = world.authority if issuer == "ours" else Authority(tmp_path, issuer)
        client = Client(world, tmp_path, authority.issue(name))
        async with running(client):
            for _ in range(100):
                await asyncio.sleep(0.01)
                assert not client.up.is_connected
            assert client.up.lost_s > 0.9

    caplog.set_level(logging.INFO, "modelfleet.xds.upstream")
    assert play(tmp_path, scene).events == []
    told = [it.getMessage() for it in caplog.records if it.name == "modelfleet.xds.upstream"]
    assert len(told) == 1, told
    assert re.search(why, told[0])


@pytest.mark.parametrize("server_name", ["", "elsewhere.test"])
def test_a_server_of_another_name_is_told_nothing(tmp_path: Path, server_name: str) -> None:
    async def scene(world: Secured) -> None:
        client = Client(world, tmp_path, world.authority.issue(NAME), server_name)
        async with running(client):
            await asyncio.sleep(0.5)
        assert (client.up.is_connected, client.talk.hellos) == (False, 0)

    assert play(tmp_path, scene).events == []


def test_without_a_name_the_server_is_known_by_its_host(tmp_path: Path) -> None:
    async def scene(world: Secured) -> None:
        world.publish(static_cluster("a"))
        world.mounted.put(world.authority.issue("127.0.0.1"))
        client = Client(world, tmp_path, world.authority.issue(NAME), "")
        async with running(client):
            await until(lambda: client.talk.heard == ["a"])

    play(tmp_path, scene)
