"""Callers speak TLS to a real Envoy, with a certificate that it reads from files and takes anew when they change."""

import json
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import pytest
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from modelfleet.envoy.callers import READY
from tests.dataplane.support.client import CHAT, Request, chat, get, request
from tests.dataplane.support.expect import said
from tests.dataplane.support.fleets import fleet, model, simple
from tests.dataplane.support.gateway import JSON, RealGateway, Settings
from tests.dataplane.support.ledger import Load
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.relays import RelayedGateway
from tests.dataplane.support.steps import chat_answer, sse_answer
from tests.dataplane.support.tls import Forwarder, caller, connect, http2
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.support.authority import Authority, Issued, Mounted

HOST = "models.example.test"
FLEET = fleet(model("small"), simple("auto", "small"))
OK = b"\x88"
"""A head of HTTP/2 begins so that says 200."""


class Port:
    """A Secret, mounted, and the folder that an Envoy reads it by."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "ours")
        self.mounted = Mounted(folder / "mounted", self.authority, self.authority.issue(HOST))
        self.secrets = folder / "run"

    def bootstrap(self) -> Result:
        """As the init container of a pod does."""
        files = self.mounted.files
        options = ["--gateway=default", "--xds=/xds", f"--listener-cert={files.cert}", f"--listener-key={files.key}"]
        return CliRunner().invoke(main, ["bootstrap", *options, f"--tls-secrets={self.secrets}"])

    @contextmanager
    def gateway(self, upstream: ScriptedUpstream, **settings: Any) -> Iterator[RealGateway]:
        chosen = Settings(secrets=str(self.secrets), **settings)
        with RealGateway(FLEET, {"small": upstream.address}, settings=chosen) as gateway:
            yield gateway

    def shown(self, gateway: RealGateway) -> bytes | None:
        """The certificate that a caller is shown, whoever issued it; None where the connection ends before."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with connect(gateway.address, context, HOST) as connected:
                return connected.getpeercert(binary_form=True)
        except OSError:
            return None


@pytest.fixture
def port(tmp_path: Path) -> Port:
    port = Port(tmp_path)
    assert port.bootstrap().exit_code == 0
    return port


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        yield upstream


@pytest.fixture
def gateway(port: Port, upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    with port.gateway(upstream) as gateway:
        yield gateway


def asked(_: int) -> Request:
    return Request(body=chat("auto"), headers=[JSON])


def der(issued: Issued) -> bytes:
    """The certificate itself, as a handshake shows it."""
    return ssl.PEM_cert_to_DER_cert(
        issued.cert.decode().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    )


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)], ids=["none", "http/1.1"])
def test_a_caller_is_answered_by_http_1(port: Port, gateway: RealGateway, protocols: tuple[str, ...]) -> None:
    with Forwarder(gateway.address, caller(port.authority.roots, *protocols), HOST) as forwarder:
        answer = request(forwarder.address, "POST", CHAT, [JSON], chat("auto"))
    assert (answer.status, answer.complete, said(answer)["model"]) == (200, True, "small"), answer.text


def test_a_stream_comes_piece_by_piece(port: Port, gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    words = ["one", " two", " three"]
    upstream.script = sse_answer(words, gap=0.2)
    with Forwarder(gateway.address, caller(port.authority.roots), HOST) as forwarder:
        answer = request(forwarder.address, "POST", CHAT, [JSON], chat("auto", stream=True))
    events = answer.sse()
    assert "".join(event.json()["choices"][0]["delta"].get("content", "") for event in events[:-1]) == "".join(words)
    assert events[0].at_s < answer.total_s - 0.2


def test_behind_a_relay_it_is_the_same_also_while_the_control_plane_is_gone(
    port: Port, upstream: ScriptedUpstream
) -> None:
    with RelayedGateway(FLEET, {"small": upstream.address}, settings=Settings(secrets=str(port.secrets))) as gateway:
        gateway.wait_until_kept()
        gateway.stop_xds()
        gateway.restart_envoy()
        with Forwarder(gateway.address, caller(port.authority.roots), HOST) as forwarder:
            wait_for(lambda: get(forwarder.address, READY).status == 200, "the port is back")
            answer = request(forwarder.address, "POST", CHAT, [JSON], chat("auto"))
    assert (answer.status, answer.complete) == (200, True), answer.text


def test_a_caller_who_can_speaks_http_2(port: Port, gateway: RealGateway) -> None:
    with connect(gateway.address, caller(port.authority.roots, "h2", "http/1.1"), HOST) as connected:
        assert connected.selected_alpn_protocol() == "h2"
        status, body = http2(connected, HOST, chat("auto"))
    assert status == OK
    assert json.loads(body)["choices"]


@pytest.mark.parametrize("minimum", ["TLSv1.2", "TLSv1.3"])
def test_a_caller_speaks_no_version_that_is_older_than_the_oldest(
    port: Port, upstream: ScriptedUpstream, minimum: str
) -> None:
    versions = [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
    too_old, spoken = (versions[:1], versions[1:]) if minimum == "TLSv1.2" else (versions[:2], versions[2:])
    with port.gateway(upstream, tls_minimum=minimum) as gateway:
        for version in too_old:
            with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
                connect(gateway.address, of_version(port, version), HOST)
        for version in spoken:
            connect(gateway.address, of_version(port, version), HOST).close()


def of_version(port: Port, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = caller(port.authority.roots)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or this client would not even ask by an old one
    with catch_warnings():
        simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


def test_who_speaks_in_clear_learns_nothing_and_who_trusts_another_authority_says_nothing(
    port: Port, gateway: RealGateway, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    clear = request(gateway.address, "POST", CHAT, [JSON], chat("auto"))
    assert (clear.status, clear.body, clear.complete) == (0, b"", False)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(gateway.address, caller(Authority(tmp_path, "stranger").roots), HOST)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        connect(gateway.address, caller(port.authority.roots), "other.example.test")
    assert upstream.requests == []


def test_no_key_can_be_read_at_the_interface_of_envoy(port: Port, gateway: RealGateway) -> None:
    status, dump = gateway.envoy.ask("/config_dump")
    assert status == 200
    assert b64encode(b"[redacted]").decode() in dump
    key = Path(port.mounted.files.key).read_bytes()
    # A part of the middle, as it is and as bytes are written in JSON.
    assert key[100:140].decode() not in dump
    assert b64encode(key)[120:180].decode() not in dump


def test_callers_of_one_that_is_drained_are_answered_and_told_to_go_elsewhere(
    port: Port, upstream: ScriptedUpstream
) -> None:
    with port.gateway(upstream) as gateway:
        gateway.envoy._command += ["--drain-strategy", "immediate"]
        gateway.restart_envoy(kill=False)
        result = CliRunner().invoke(main, ["drain", "--admin", gateway.envoy.bootstrap.admin])
        assert (result.exit_code, result.output) == (0, "")
        with Forwarder(gateway.address, caller(port.authority.roots), HOST) as forwarder:
            answer = request(forwarder.address, "POST", CHAT, [JSON], chat("auto"))
        assert (answer.status, answer.header("connection")) == (200, "close")
        with connect(gateway.address, caller(port.authority.roots, "h2"), HOST) as connected:
            assert http2(connected, HOST, chat("auto"), goes=True)[0] == OK


# Probes.


def test_a_probe_is_answered_by_tls_alone_and_leaves_no_record(port: Port, gateway: RealGateway) -> None:
    with Forwarder(gateway.address, caller(port.authority.roots), HOST) as forwarder:
        assert get(forwarder.address, READY).status == 200
        answer = request(forwarder.address, "POST", CHAT, [JSON], chat("auto"))
        gateway.record(answer)
    assert get(gateway.address, READY).status == 0
    assert len(gateway.records.path.read_text(encoding="utf-8").splitlines()) == 1


# Renewal.


def renew(port: Port, gateway: RealGateway) -> None:
    """Changes the files, and waits until callers are shown the new ones."""
    issued = port.authority.issue(HOST)
    port.mounted.put(issued)
    wait_for(lambda: port.shown(gateway) == der(issued), "the new one is shown")


@pytest.mark.alone
def test_renewed_files_are_shown_to_new_connections_and_cost_no_request(
    port: Port, gateway: RealGateway, evidence: Callable[..., None]
) -> None:
    trusting = caller(port.authority.roots)
    with (
        Forwarder(gateway.address, trusting, HOST) as forwarder,
        Load(forwarder.address, asked, rate=60, limit_s=40) as kept,
        Load(forwarder.address, asked, rate=20, limit_s=40, keep_alive=False) as anew,
    ):
        for _ in range(3):
            anew.wait_for(20)
            renew(port, gateway)
        anew.wait_for(20)
    kept.report().assert_none_lost(100)
    anew.report().assert_none_lost(60)
    evidence(requests=len(kept.report().outcomes) + len(anew.report().outcomes), renewals=3)


@pytest.mark.parametrize("damage", ["garbage", "mismatch", "empty"])
def test_a_renewal_that_is_damaged_leaves_callers_with_the_last_good_certificate(
    port: Port, gateway: RealGateway, damage: str
) -> None:
    before = port.shown(gateway)
    good, other = port.authority.issue(HOST), port.authority.issue(HOST)
    bad = {"garbage": Issued(b"x", b"y"), "mismatch": Issued(good.cert, other.key), "empty": Issued(b"", b"")}[damage]
    port.mounted.put(bad)
    wait_for(lambda: "[warning]" in gateway.envoy.text(), "Envoy says that it cannot use that")
    assert port.shown(gateway) == before
    with Forwarder(gateway.address, caller(port.authority.roots), HOST) as forwarder:
        assert request(forwarder.address, "POST", CHAT, [JSON], chat("auto")).status == 200
    renew(port, gateway)


# What is wrong to begin with.


def test_a_pair_that_is_damaged_stops_a_new_pod_and_says_why(tmp_path: Path) -> None:
    port = Port(tmp_path)
    port.mounted.put(Issued(port.authority.issue(HOST).cert, port.authority.issue(HOST).key))
    result = port.bootstrap()
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"--listener-cert {port.mounted.files.cert}" in result.stderr
    assert "KEY_VALUES_MISMATCH" in result.stderr
    assert not port.secrets.exists()


def test_an_envoy_that_starts_anew_with_damaged_files_is_not_ready_until_they_are_mended(
    port: Port, upstream: ScriptedUpstream
) -> None:
    with port.gateway(upstream, errors_expected=True) as gateway:
        port.mounted.put(Issued(b"x", b"y"))
        gateway.restart_envoy()
        socket.create_connection(gateway.address, 5).close()  # by the port alone it would be taken for ready
        assert port.shown(gateway) is None
        renew(port, gateway)
        with Forwarder(gateway.address, caller(port.authority.roots), HOST) as forwarder:
            assert get(forwarder.address, READY).status == 200


def test_an_envoy_that_was_started_without_a_certificate_keeps_the_port_that_it_has(
    port: Port, upstream: ScriptedUpstream
) -> None:
    with RealGateway(FLEET, {"small": upstream.address}, settings=Settings(refusals_expected=True)) as gateway:
        gateway.settings = Settings(secrets=str(port.secrets / "elsewhere"), refusals_expected=True)
        gateway.publish(FLEET, {"small": upstream.address}, {})
        wait_for(lambda: bool(gateway.refusals), "the listener is refused")
        assert f"'{port.secrets}/elsewhere/listener-certificate.json' does not exist" in gateway.refusals[0].message
        assert request(gateway.address, "POST", CHAT, [JSON], chat("auto")).status == 200
