"""What `modelfleet xds` takes as settings, of a server and of a relay, before it asks anybody anything."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modelfleet.app import relay, xds
from modelfleet.app.relay import RelayOptions
from modelfleet.app.xds import XdsOptions
from modelfleet.cli.main import main
from modelfleet.cli.xds import command
from modelfleet.envoy.mtls import TlsFiles
from modelfleet.fleet.world import Gateway
from tests.unit.app.nowhere import go_nowhere

PAGE = Path(__file__).resolve().parents[3] / "docs" / "gateways.md"
TLS = ("--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key", "--tls-ca=/tls/ca.crt")
RELAY = ("--upstream", "xds:18000", "--cache", "/var/lib/cache")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """With which settings a role was started; none is."""
    found: list[Any] = []
    monkeypatch.setattr(xds, "run_xds", found.append)
    monkeypatch.setattr(relay, "run_relay", found.append)
    monkeypatch.setattr("modelfleet.app.logs.set_up", lambda *_: None)
    return found


def run(started: list[Any], *arguments: str, **env: str) -> Any:
    """The settings that these come to."""
    result = CliRunner().invoke(main, ["xds", *arguments], env=env)
    assert result.exit_code == 0, result.output
    return started[-1]


def refusal(*arguments: str) -> str:
    """The last line of what is said."""
    result = CliRunner().invoke(main, ["xds", *arguments])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    return result.stderr.splitlines()[-1]


def test_without_options_it_serves_one_gateway_of_the_whole_cluster_on_this_machine(started: list[Any]) -> None:
    assert run(started) == XdsOptions("127.0.0.1:18000", (Gateway("default"),), (), (), None, 150.0)


def test_every_option_of_a_server_is_taken(started: list[Any]) -> None:
    options = ["--listen=:18000", "--gateway=east", "--gateway=west=:81", "-n", "a", "--namespace=b"]
    options += ["--secrets-namespace=a", "--metrics=:9090", "--resync=30"]
    gateways = (Gateway("east"), Gateway("west", port=81))
    assert run(started, *options) == XdsOptions("0.0.0.0:18000", gateways, ("a", "b"), ("a",), "0.0.0.0:9090", 30.0)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":18000", "0.0.0.0:18000"),
        ("[::]:18000", "[::]:18000"),
        ("localhost:18000", "localhost:18000"),
        ("/run/xds", "unix:/run/xds"),
    ],
)
def test_gateways_connect_at_an_address_in_the_form_that_grpc_takes(
    started: list[Any], text: str, address: str
) -> None:
    assert run(started, "--listen", text).listen == address


def test_a_relay_is_a_server_for_one_gateway_that_is_fed_by_others(started: list[Any]) -> None:
    options = [
        *RELAY,
        "--upstream=10.0.0.2:18000",
        "--gateway=edge",
        "--node=edge-0",
        "--listen=:18000",
        "--metrics=:9090",
    ]
    assert run(started, *options) == RelayOptions(
        ("xds:18000", "10.0.0.2:18000"), Path("/var/lib/cache"), "edge", "edge-0", "0.0.0.0:18000", "0.0.0.0:9090"
    )


def test_a_relay_is_called_as_its_pod_and_of_the_gateway_default_where_nobody_says(started: list[Any]) -> None:
    found = run(started, *RELAY, POD_NAME="edge-7")
    assert (found.node, found.gateway) == ("edge-7", "default")


@pytest.mark.parametrize("upstream", ["xds.fleet.svc:1", "[::1]:18000", "10.0.0.1:65535", "/run/xds"])
def test_a_relay_is_fed_at_an_address_or_a_socket(started: list[Any], upstream: str) -> None:
    assert run(started, *RELAY, "--upstream", upstream).upstream == ("xds:18000", upstream)


@pytest.mark.parametrize(
    "upstream",
    [
        *("", "host", "host:", ":18000", "host:0", "host:65536", "http://host:1", "a b:1", "x/y:1"),
        *("999.1.1.1:80", "-x-:80", "a..b:80", f"{'a' * 64}.svc:80", "[fe80::1%eth0]:80", f"/{'s' * 107}"),
    ],
)
def test_an_upstream_that_is_no_address_is_named(started: list[Any], upstream: str) -> None:
    form = f"{upstream!r} must be such as modelfleet-xds:18000, [::1]:18000 or /run/modelfleet/socket"
    assert f"Invalid value for '--upstream': {form}" in refusal(*RELAY, "--upstream", upstream)
    assert started == []


def test_a_relay_listens_at_a_socket_by_its_path(started: list[Any]) -> None:
    assert run(started, *RELAY, "--listen=/run/xds").listen == "/run/xds"


def test_a_server_and_a_relay_take_the_same_files(started: list[Any]) -> None:
    assert run(started, *TLS).tls == TlsFiles("/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt")
    assert run(started, *TLS, *RELAY, "--tls-server-name=xds").tls == TlsFiles(
        "/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt", "xds"
    )


@pytest.mark.parametrize("more", [(), RELAY])
@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (TLS[:1], "add --tls-key and --tls-ca, or leave out all of them"),
        (TLS[1:], "add --tls-cert, or leave out all of them"),
        ((*TLS[:2], "--tls-ca="), "add --tls-ca, or leave out all of them"),
    ],
)
def test_tls_is_given_whole_or_not_at_all(given: tuple[str, ...], missing: str, more: tuple[str, ...]) -> None:
    assert refusal(*given, *more) == f"Error: --tls-cert, --tls-key, --tls-ca belong together: {missing}"


def test_the_name_of_a_server_is_for_a_relay_with_tls() -> None:
    assert refusal(*TLS, "--tls-server-name=xds") == (
        "Error: --tls-server-name is for a relay: add --upstream and --cache"
    )
    assert refusal(*RELAY, "--tls-server-name=xds").endswith("or leave out all of them and --tls-server-name")
    told = refusal(*RELAY, *TLS, "--tls-server-name=xds:18000")
    assert "Invalid value for '--tls-server-name': 'xds:18000' must be the name or the address of a host" in told


def test_a_socket_is_without_tls() -> None:
    assert refusal(*TLS, "--listen=/run/xds") == (
        "Error: --tls-cert and such are for a --listen ADDR:PORT: "
        "who may open the path of a socket is said by its rights"
    )


@pytest.mark.parametrize("given", [RELAY[:2], RELAY[2:]])
def test_of_the_two_options_of_a_relay_neither_is_of_use_alone(given: tuple[str, ...]) -> None:
    assert refusal(*given) == (
        "Error: --upstream and --cache belong together: a relay is fed by one, and keeps it in the other"
    )


@pytest.mark.parametrize(("option", "value"), [("--namespace", "a"), ("--secrets-namespace", "a"), ("--resync", "150")])
def test_what_is_for_a_cluster_is_not_for_a_relay(option: str, value: str) -> None:
    assert refusal(*RELAY, option, value) == f"Error: {option} is not for a relay, which sees no cluster"


def test_a_relay_knows_what_its_envoy_shows_to_callers(started: list[Any]) -> None:
    shown = ("--listener-cert=/a/tls.crt", "--listener-key=/a/tls.key")
    assert run(started, *RELAY, *shown).listener == TlsFiles("/a/tls.crt", "/a/tls.key")
    assert refusal(*shown) == "Error: --listener-cert is for a relay: add --upstream and --cache"
    assert refusal("--restart") == "Error: --restart is for a relay: add --upstream and --cache"


def test_what_is_for_a_relay_is_not_for_a_server() -> None:
    assert refusal("--node", "a") == "Error: --node is for a relay: add --upstream and --cache"


def test_a_relay_is_of_one_gateway_and_what_that_does_is_said_elsewhere() -> None:
    assert refusal(*RELAY, "--gateway=a", "--gateway=b") == (
        "Error: a relay is beside the Envoy of one gateway: give one --gateway"
    )
    assert refusal(*RELAY, "--gateway=a,max-body=1Mi") == (
        "Error: --gateway: what an Envoy does is said where the relay is fed: give a relay the name alone"
    )


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("18000", "the port is missing"),
        ("127.0.0.1:", ""),
        ("::1:18000", "an IPv6 address goes in brackets"),
        ("http://127.0.0.1:18000", "leave out what stands before ://"),
        ("127.0.0.1:70000", "a port is from 1 to 65535"),
        (":70000", "a port is from 1 to 65535"),
        ("run/xds", "the port is missing"),
    ],
)
@pytest.mark.parametrize("more", [(), RELAY])
def test_an_address_that_is_none_is_refused_with_one_that_is(listen: str, why: str, more: tuple[str, ...]) -> None:
    told = refusal("--listen", listen, *more)
    assert "Invalid value for '--listen': " in told
    assert " must be such as 127.0.0.1:18000, [::1]:18000 or /run/modelfleet/socket" in told
    assert told.endswith(why)


@pytest.mark.parametrize("option", ["--namespace", "--secrets-namespace"])
def test_a_namespace_that_there_cannot_be_is_refused_by_the_name_of_its_option(option: str) -> None:
    told = refusal(option, "Team_A")
    assert f"Invalid value for {option!r}: must be a DNS label" in told.replace("'-n' / ", "")


def test_a_gateway_that_there_cannot_be_is_refused_by_the_name_of_the_option() -> None:
    assert "Invalid value for '--gateway': max-body=1 must be from 1Ki to 64Mi" in refusal("--gateway=g,max-body=1")


@pytest.mark.parametrize("value", ["4.9", "3601", "often"])
def test_everything_is_listed_anew_neither_without_pause_nor_never(value: str) -> None:
    assert "Invalid value for '--resync'" in refusal("--resync", value)


def test_every_option_is_on_the_page() -> None:
    text = PAGE.read_text().partition("\n## `modelfleet xds`: options\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE)
    listed = {option for cell in cells for option in re.findall(r"`([^`]+)`", cell)}
    assert listed == {option for parameter in command.params for option in parameter.opts} - {"-h", "--help"}


@pytest.mark.parametrize(
    ("relays", "why"), [(False, ": Address already in use"), (True, ", the address is taken or not ours")]
)
def test_a_port_that_is_taken_is_told_by_its_option_before_anything_is_waited_for(
    relays: bool, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go_nowhere(monkeypatch, tmp_path)
    monkeypatch.setattr("modelfleet.app.logs.set_up", lambda *_: None)
    monkeypatch.setattr(xds, "run_role", lambda *_: pytest.fail("it has begun"))
    more = ("--upstream=127.0.0.1:1", f"--cache={tmp_path}/cache") if relays else ()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = refusal("--listen", address, "--metrics=127.0.0.1:0", *more)
    assert told.startswith(f"modelfleet xds: --listen {address}: cannot listen there{why}")
