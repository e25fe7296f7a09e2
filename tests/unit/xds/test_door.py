"""Who gets nothing, over real connections: everybody but the gateway that the certificate is for."""

import asyncio
import logging
import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from modelfleet.envoy.types import CLUSTER
from modelfleet.xds.events import Connected
from tests.support.authority import Authority, Issued, Mounted
from tests.unit.xds.behind_tls import NAME, SERVER, Secured, opened, play
from tests.unit.xds.making import cluster, names
from tests.unit.xds.talking import answer, code_of, hello, read

EXPIRED = timedelta(seconds=-1)


class Shaken(NamedTuple):
    """What came of a handshake."""

    version: str | None
    answered: bool
    resumed: bool
    session: ssl.SSLSession | None


async def refused(call: Any, gateway: str = "g") -> tuple[grpc.StatusCode, str]:
    """How the stream of a client ended that asked for what this gateway has, and got nothing."""
    try:
        await call.write(hello(CLUSTER, gateway=gateway))
        assert await call.read() is grpc.aio.EOF
    except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
        pass
    return await code_of(call)


def test_the_gateway_of_the_certificate_is_served(tmp_path: Path) -> None:
    async def scene(world: Secured) -> None:
        world.publish(cluster("a"))
        async with world.client(world.authority.issue("other.example", NAME)) as call:
            await call.write(hello(CLUSTER))
            assert names(await read(call)) == ["a"]

    world = play(tmp_path, scene)
    assert world.denied == 0


@pytest.mark.parametrize(
    "issued",
    [
        lambda _, __: None,
        lambda _, stranger: stranger.issue(NAME),
        lambda ours, _: ours.issue(NAME, ends=EXPIRED),
    ],
    ids=["none", "of another authority", "expired"],
)
def test_without_a_certificate_that_is_good_nobody_gets_a_stream(
    tmp_path: Path, issued: Callable[[Authority, Authority], Issued | None]
) -> None:
    async def scene(world: Secured) -> None:
        world.publish(cluster("a"))
        async with world.client(issued(world.authority, Authority(tmp_path, "stranger"))) as call:
            assert (await refused(call))[0] == grpc.StatusCode.UNAVAILABLE

    assert play(tmp_path, scene).events == []


def test_who_speaks_in_clear_gets_nothing(tmp_path: Path) -> None:
    async def scene(world: Secured) -> None:
        world.publish(cluster("a"))
        async with grpc.aio.insecure_channel(world.address) as channel:
            assert (await refused(opened(channel)))[0] == grpc.StatusCode.UNAVAILABLE

    assert play(tmp_path, scene).events == []


def test_a_client_finds_out_a_server_that_is_another(tmp_path: Path) -> None:
    async def scene(world: Secured) -> None:
        async with world.client(world.authority.issue(NAME), trusts=Authority(tmp_path, "stranger")) as call:
            assert (await refused(call))[0] == grpc.StatusCode.UNAVAILABLE

    assert play(tmp_path, scene).events == []


@pytest.mark.parametrize(
    "certificate",
    [
        ["other.gateway.modelfleet.dev"],
        ["*.gateway.modelfleet.dev"],
        ["g.gateway.modelfleet.dev.evil.example", "g"],
        ["10.0.0.1"],
        [f"x.{NAME}"],
    ],
    ids=lambda names: names[0],
)
def test_a_certificate_for_anything_else_gets_nothing_and_is_told_why(tmp_path: Path, certificate: list[str]) -> None:
    async def scene(world: Secured) -> None:
        world.publish(cluster("a"))
        async with world.client(world.authority.issue(*certificate)) as call:
            code, details = await refused(call)
        assert code == grpc.StatusCode.PERMISSION_DENIED
        assert f"it needs one for '{NAME}'" in details
        assert ("no DNS name" if certificate == ["10.0.0.1"] else repr(certificate[0])) in details

    world = play(tmp_path, scene)
    assert (world.denied, world.events) == (1, [])


@pytest.mark.parametrize("named", [("n", "h"), ("m", "g")], ids=["gateway", "node"])
def test_a_stream_cannot_become_that_of_another_though_its_certificate_is_for_both(
    tmp_path: Path, named: tuple[str, str]
) -> None:
    async def scene(world: Secured) -> None:
        world.publish(cluster("a"))
        async with world.client(world.authority.issue(NAME, "h.gateway.modelfleet.dev")) as call:
            await call.write(hello(CLUSTER))
            await read(call)
            await call.write(hello(CLUSTER))  # that says the same again is well
            await call.write(hello(CLUSTER, node=named[0], gateway=named[1]))
            code, details = await code_of(call)
        assert code == grpc.StatusCode.PERMISSION_DENIED
        assert "it is 'n' of gateway 'g', and cannot become" in details

    world = play(tmp_path, scene)
    assert world.denied == 1
    assert {(node, gateway) for node, gateway, _ in world.events} == {("n", "g")}


def test_who_is_refused_again_and_again_fills_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: Secured) -> None:
        async with world.channel(world.authority.issue("other.gateway.modelfleet.dev")) as channel:
            for _ in range(20):
                assert (await refused(opened(channel)))[0] == grpc.StatusCode.PERMISSION_DENIED

    caplog.set_level(logging.INFO)
    assert play(tmp_path, scene).denied == 20
    (line,) = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert "'n' says that it is of gateway 'g', and its certificate is for 'other.gateway.modelfleet.dev'" in line


# Renewal.


def test_a_renewed_certificate_is_taken_with_the_next_connection_and_ends_no_stream(tmp_path: Path) -> None:
    async def scene(world: Secured) -> None:
        world.publish(cluster("a"))
        ours, successor = world.authority.issue(NAME), Authority(tmp_path, "successor")
        async with world.client(ours) as call:
            await call.write(hello(CLUSTER))
            first = await read(call)
            world.mounted.put(successor.issue(SERVER), [world.authority, successor])
            # The old client is trusted still, and finds the new server; the new client likewise.
            async with (
                world.client(ours, trusts=successor) as old,
                world.client(successor.issue(NAME), successor) as new,
            ):
                for other in (old, new):
                    await other.write(hello(CLUSTER, node="m"))
                    assert names(await read(other)) == ["a"]
            await call.write(answer(first))
            world.publish(cluster("b"))
            assert names(await read(call)) == ["b"]

    world = play(tmp_path, scene)
    assert world.renewals == [True]
    assert [event for node, _, event in world.events if node == "n"].count(Connected()) == 1


@pytest.mark.parametrize("damage", ["key", "cert", "mismatch", "authority", "gone"])
def test_what_is_damaged_is_told_once_and_the_last_good_certificate_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    async def scene(world: Secured) -> None:
        world.publish(cluster("a"))
        good, bad = world.authority.issue(SERVER), world.authority.issue(SERVER)
        folder = Path(world.mounted.files.cert).parent
        match damage:
            case "key":
                world.mounted.put(Issued(good.cert, good.key[:100]))
            case "cert":
                world.mounted.put(Issued(b"no certificate", good.key))
            case "mismatch":
                world.mounted.put(Issued(good.cert, bad.key))
            case "authority":
                (folder / "..data" / "ca.crt").write_bytes(b"no authority")
            case _:
                (folder / "..data").unlink()
        for _ in range(3):
            async with world.client(world.authority.issue(NAME)) as call:
                await call.write(hello(CLUSTER))
                assert names(await read(call)) == ["a"]
        assert world.renewals == [False]
        if damage != "gone":
            world.mounted.put(good)
            assert world.tls.latest().chain == good.cert
            assert world.renewals == [False, True]

    play(tmp_path, scene)
    (line,) = [record.getMessage() for record in caplog.records if "last good" in record.getMessage()]
    assert line.startswith("--tls-ca " if damage == "authority" else "--tls-cert ")


def shake(address: str, context: ssl.SSLContext, before: ssl.SSLSession | None = None) -> Shaken:
    """A handshake and the first words of HTTP/2, with what was agreed on before."""
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), 5) as plain,
        context.wrap_socket(plain, session=before) as secure,
    ):
        secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        answered = bool(secure.recv(9))
        return Shaken(secure.version(), answered, bool(secure.session_reused), secure.session)


def client_context(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2], ids=["1.1", "1.2"])
def test_tls_begins_with_1_2(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async def scene(world: Secured) -> None:
        context = client_context(version)
        context.load_cert_chain(world.mounted.files.cert, world.mounted.files.key)
        if version is ssl.TLSVersion.TLSv1_2:
            assert (await asyncio.to_thread(shake, world.address, context)).version == "TLSv1.2"
        else:
            with pytest.raises(ssl.SSLError, match=r"EOF|PROTOCOL_VERSION"):
                await asyncio.to_thread(shake, world.address, context)

    play(tmp_path, scene)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_nobody_comes_in_with_an_expired_certificate_by_a_session_of_before(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    async def scene(world: Secured) -> None:
        files = Mounted(tmp_path / "c", world.authority, world.authority.issue(NAME, ends=timedelta(seconds=2))).files
        context = client_context(version)
        context.load_cert_chain(files.cert, files.key)
        first = await asyncio.to_thread(shake, world.address, context)
        assert (first.answered, first.session is not None) == (True, True)
        await asyncio.sleep(3)
        try:
            again = await asyncio.to_thread(shake, world.address, context, first.session)
        except (ssl.SSLError, OSError):
            return
        assert (again.answered, again.resumed) == (False, False)

    play(tmp_path, scene)
