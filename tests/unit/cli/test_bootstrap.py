"""What `modelfleet bootstrap` prints for an Envoy, and how it takes its options."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from tests.support.authority import Authority, Mounted

CERT, KEY, CA = ("--tls-cert", "/tls/tls.crt"), ("--tls-key", "/tls/tls.key"), ("--tls-ca", "/tls/ca.crt")
TLS = (*CERT, *KEY, *CA)
ODD = ("n", "yes", "1e3", "nan", "0x10", "null", "~", "2026-01-31", "a: b", 'a"b', "größer")
"""Names that some reader of YAML takes for something else."""


def bootstrap(*arguments: str, gateway: str = "default", env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(
        main, ["bootstrap", "--gateway", gateway, *arguments], env={"POD_NAME": "", **(env or {})}
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def printed(*arguments: str, gateway: str = "default", env: dict[str, str] | None = None) -> Any:
    result = bootstrap("--xds", "xds:18000", *arguments, gateway=gateway, env=env)
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    return json.loads(result.stdout)


def control_plane(*addresses: str) -> Any:
    """The cluster that these addresses come to."""
    result = bootstrap(*(word for address in addresses for word in ("--xds", address)))
    assert result.exit_code == 0, result.stderr
    (cluster,) = json.loads(result.stdout)["static_resources"]["clusters"]
    return cluster


def places(cluster: Any) -> list[Any]:
    (group,) = cluster["load_assignment"]["endpoints"]
    return [one["endpoint"]["address"] for one in group["lb_endpoints"]]


def refusal(*arguments: str) -> str:
    """The last line of what is said, where it is refused."""
    result = bootstrap(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()[-1]


def test_an_envoy_says_which_gateway_it_is_of_and_which_pod() -> None:
    assert printed(gateway="edge", env={"POD_NAME": "edge-0"})["node"] == {"id": "edge-0", "cluster": "edge"}


def test_an_envoy_that_is_in_no_pod_is_called_as_its_host() -> None:
    assert printed()["node"]["id"] == socket.gethostname()


def test_what_is_said_of_the_node_counts_before_what_is_found() -> None:
    node = printed("--node", "mine", "--region", "eu-1", "--zone", "a", env={"POD_NAME": "edge-0"})["node"]
    assert node == {"id": "mine", "cluster": "default", "locality": {"region": "eu-1", "zone": "a"}}


def test_envoy_s_own_interface_is_on_loopback_unless_somebody_says_otherwise() -> None:
    assert printed()["admin"]["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": 9901}}
    assert printed("--admin", "/run/admin")["admin"]["address"] == {"pipe": {"path": "/run/admin"}}
    six = printed("--admin", "[::1]:1")["admin"]["address"]
    assert six == {"socket_address": {"address": "::1", "port_value": 1}}


def test_every_control_plane_is_one_to_turn_to_and_counts_once() -> None:
    cluster = control_plane("10.0.0.1:18000", "[2001:db8::1]:18001", "/run/xds", "10.0.0.1:18000")
    assert places(cluster) == [
        {"socket_address": {"address": "10.0.0.1", "port_value": 18000}},
        {"socket_address": {"address": "2001:db8::1", "port_value": 18001}},
        {"pipe": {"path": "/run/xds"}},
    ]
    assert cluster["type"] == "STATIC"


def test_a_name_is_looked_up_again_and_again_for_all_of_its_addresses() -> None:
    cluster = control_plane("modelfleet-xds.modelfleet.svc:18000", "10.0.0.1:18000")
    assert (cluster["type"], cluster["dns_lookup_family"]) == ("STRICT_DNS", "ALL")
    assert places(cluster)[0]["socket_address"]["address"] == "modelfleet-xds.modelfleet.svc"


@pytest.mark.parametrize("name", ODD)
def test_a_name_is_the_same_in_yaml_and_in_json(name: str) -> None:
    options = ("--xds", "xds:18000", "--node", name, "--region", name, "--zone", name)
    shown = bootstrap(*options, "-o", "yaml").stdout
    assert yaml.safe_load(shown) == json.loads(bootstrap(*options).stdout)
    # Other readers take other words for numbers, but nobody takes what is in quotes for one.
    (line,) = [line for line in shown.splitlines() if line.startswith("  id: ")]
    assert (line[6], line[-1]) == ('"', '"')
    assert "&" not in shown


@pytest.mark.parametrize("gateway", ["n", "yes", "1e3", "nan"])
def test_a_gateway_may_be_called_what_yaml_would_take_for_a_number(gateway: str) -> None:
    shown = bootstrap("--xds", "xds:18000", "-o", "yaml", gateway=gateway).stdout
    assert f'  cluster: "{gateway}"\n' in shown


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("xds", "the port is missing"),
        ("", "the port is missing"),
        ("xds:", ""),
        (":18000", "'' is no address"),
        ("http://xds:18000", "leave out what stands before ://"),
        ("::1:18000", "an IPv6 address goes in brackets"),
        ("[::g]:18000", "'::g' is no address"),
        ("[fe80::1%eth0]:18000", "'fe80::1%eth0' is no address"),
        ("10.0.0.256:18000", "'10.0.0.256' is no address"),
        ("-xds:18000", "'-xds' is no address"),
        ("x ds:18000", "'x ds' is no address"),
        (f"{'x' * 254}:1", "is no address"),
        ("xds:0", "a port is from 1 to 65535"),
        ("xds:65536", "a port is from 1 to 65535"),
        ("unix:/run/xds", ""),
        ("run/xds", "the port is missing"),
        (f"/{'x' * 107}", "at most 107 bytes"),
        ("/run/\nxds", "on one line"),
    ],
)
@pytest.mark.parametrize("option", ["--xds", "--admin"])
def test_an_address_that_is_none_is_refused_with_its_option_and_one_that_is(
    option: str, address: str, why: str
) -> None:
    told = refusal(option, address, *(() if option == "--xds" else ("--xds", "xds:18000")))
    example = "modelfleet-xds:18000" if option == "--xds" else "127.0.0.1:9901"
    assert f"Invalid value for '{option}': {address!r} must be such as {example}, " in told
    assert why in told


def test_envoy_cannot_listen_at_a_name() -> None:
    told = refusal("--xds", "xds:18000", "--admin", "localhost:9901")
    assert "'--admin': 'localhost:9901' is a name" in told
    assert "such as 127.0.0.1:9901" in told


def test_a_name_beside_the_path_of_a_socket_is_refused_as_envoy_would_not_look_it_up() -> None:
    assert "'--xds': 'xds:18000' is a name" in refusal("--xds", "/run/xds", "--xds", "xds:18000")


def test_without_a_control_plane_there_is_nothing_to_join() -> None:
    assert refusal() == "Error: Missing option '--xds'."


@pytest.mark.parametrize("gateway", ["", "Edge", "a.b", "a" * 64])
def test_a_gateway_that_there_cannot_be_is_refused(gateway: str) -> None:
    result = bootstrap("--xds", "xds:18000", gateway=gateway)
    assert result.exit_code == 2
    assert "Invalid value for '--gateway'" in result.stderr


@pytest.mark.parametrize("option", ["--node", "--region", "--zone"])
@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a" * 254])
def test_a_name_of_several_lines_is_refused(option: str, name: str) -> None:
    assert f"Invalid value for '{option}': must be a name on one line" in refusal("--xds", "xds:1", option, name)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_it_can_be_written_where_no_shell_is_to_redirect_it(tmp_path: Path, form: str) -> None:
    file = tmp_path / f"envoy.{form}"
    file.write_text("what was there before")
    asked = ("--xds", "/run/xds.sock", "-o", form)
    assert (bootstrap(*asked, "--to", str(file)).stdout, sorted(tmp_path.iterdir())) == ("", [file])
    assert file.read_text() == bootstrap(*asked).stdout


def test_a_file_that_envoy_would_misread_or_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    wrong = refusal("--xds", "xds:18000", "--to", str(tmp_path / "envoy.yaml"))
    assert "'--to'" in wrong
    assert "must end in .json" in wrong
    assert "cannot be written: No such file or directory" in refusal(
        "--xds", "xds:1", "--to", str(tmp_path / "a/b.json")
    )


def tls_of(*arguments: str, folder: Path) -> tuple[Any, Any]:
    """What Envoy is told of the connection, and by whom it checks the other side."""
    shown = bootstrap(*TLS, "--tls-secrets", str(folder), *arguments)
    assert shown.exit_code == 0, shown.stderr
    (cluster,) = json.loads(shown.stdout)["static_resources"]["clusters"]
    (secret,) = json.loads((folder / "xds-authority.json").read_text())["resources"]
    return cluster["transport_socket"]["typed_config"], secret["validation_context"]["match_typed_subject_alt_names"]


def test_the_control_plane_is_known_by_the_host_that_is_asked(tmp_path: Path) -> None:
    tls, (name,) = tls_of("--xds", "xds.svc:18000", "--xds", "xds.svc:18001", folder=tmp_path / "new")
    assert (tls["sni"], name) == ("xds.svc", {"san_type": "DNS", "matcher": {"exact": "xds.svc"}})


def test_or_by_the_name_that_is_given(tmp_path: Path) -> None:
    tls, (name,) = tls_of("--xds", "10.0.0.1:1", "--xds", "xds:2", "--tls-server-name", "xds.svc", folder=tmp_path)
    assert (tls["sni"], name) == ("xds.svc", {"san_type": "DNS", "matcher": {"exact": "xds.svc"}})


def test_an_address_is_looked_for_among_the_addresses_of_the_certificate(tmp_path: Path) -> None:
    tls, (name,) = tls_of("--xds", "10.0.0.1:18000", folder=tmp_path)
    assert ("sni" in tls, name) == (False, {"san_type": "IP_ADDRESS", "matcher": {"exact": "10.0.0.1"}})


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            (*CERT, *KEY),
            "Error: --tls-cert, --tls-key, --tls-ca belong together: add --tls-ca, or leave out all of them",
        ),
        (TLS, "Error: --tls-cert and such, or --listener-cert, and --tls-secrets belong together: Envoy reads the"),
        (("--tls-secrets", "/x"), "Error: --tls-cert and such, or --listener-cert, and --tls-secrets belong together"),
        ((*TLS, "--tls-secrets", "x"), "'--tls-secrets': 'x' must be a path from the root on"),
        (
            (*CERT, *KEY, "--tls-ca", "ca.crt", "--tls-secrets", "/x"),
            "'--tls-ca': 'ca.crt' must be a path from the root",
        ),
        ((*CERT, "--tls-key", "/k", *CA, "--tls-secrets", "/x"), "'--tls-key': must be in the folder of --tls-cert"),
        ((*TLS, "--tls-secrets", "/x", "--xds", "10.0.0.1:1"), "--tls-server-name: say what all servers of --xds are"),
        ((*TLS, "--tls-secrets", "/dev/null/x"), "'--tls-secrets': '/dev/null/x' cannot be written: Not a directory"),
    ],
)
def test_tls_that_could_not_be_is_refused_with_what_to_do(arguments: tuple[str, ...], why: str) -> None:
    assert why in refusal("--xds", "xds:18000", *arguments)


def pair(folder: Path) -> tuple[str, ...]:
    """The options of a certificate for callers that is good."""
    authority = Authority(folder, "ours")
    files = Mounted(folder / "files", authority, authority.issue("models.test")).files
    return ("--listener-cert", files.cert, "--listener-key", files.key)


def test_what_callers_are_shown_is_read_by_a_file_that_names_the_files_and_holds_no_key(tmp_path: Path) -> None:
    shown = pair(tmp_path)
    result = bootstrap("--xds", "/run/xds", *shown, "--tls-secrets", str(tmp_path / "new"))
    assert result.exit_code == 0, result.stderr
    assert "transport_socket" not in result.stdout
    (written,) = (tmp_path / "new").iterdir()
    (secret,) = json.loads(written.read_text())["resources"]
    assert (written.name, secret["name"]) == ("listener-certificate.json", "listener-certificate")
    assert secret["tls_certificate"] == {
        "certificate_chain": {"filename": shown[1]},
        "private_key": {"filename": shown[3]},
        "watched_directory": {"path": str(tmp_path / "files")},
    }


def test_both_sides_of_an_envoy_may_have_tls(tmp_path: Path) -> None:
    result = bootstrap("--xds", "xds:18000", *TLS, *pair(tmp_path), "--tls-secrets", str(tmp_path / "new"))
    assert result.exit_code == 0, result.stderr
    names = {"xds-certificate.json", "xds-authority.json", "listener-certificate.json"}
    assert {file.name for file in (tmp_path / "new").iterdir()} == names


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--listener-cert", "/a/c"), "Error: --listener-cert and --listener-key belong together: add --listener-key"),
        (("--listener-key", "/a/k"), "Error: --listener-cert and --listener-key belong together: add --listener-cert"),
        (
            ("--listener-cert", "/a/c", "--listener-key", "/a/k"),
            "or --listener-cert, and --tls-secrets belong together",
        ),
        (
            ("--listener-cert", "c", "--listener-key", "/a/k", "--tls-secrets", "/x"),
            "'--listener-cert': 'c' must be a path from the root on",
        ),
        (
            ("--listener-cert", "/a/c", "--listener-key", "/b/k", "--tls-secrets", "/x"),
            "'--listener-key': must be in the folder of --listener-cert, which Envoy watches",
        ),
        (
            ("--listener-cert", "/no/c", "--listener-key", "/no/k", "--tls-secrets", "x"),
            "'--tls-secrets': 'x' must be a path from the root on",
        ),
        (
            ("--listener-cert", "/no/c", "--listener-key", "/no/k", "--tls-secrets", "/x"),
            "--listener-cert /no/c: cannot be read: No such file or directory",
        ),
    ],
)
def test_a_certificate_for_callers_that_cannot_be_is_refused_with_what_to_do(
    arguments: tuple[str, ...], why: str
) -> None:
    assert why in refusal("--xds", "/run/xds", *arguments)


def test_a_certificate_for_callers_is_looked_into_before_envoy_gets_it(tmp_path: Path) -> None:
    options = pair(tmp_path)
    Path(options[3]).write_text("no key")
    said = refusal("--xds", "/run/xds", *options, "--tls-secrets", str(tmp_path / "new"))
    assert (
        f"--listener-cert {options[1]}, --listener-key {options[3]}: must be a certificate that may be used as" in said
    )
    assert not (tmp_path / "new").exists()


def test_a_socket_is_without_tls() -> None:
    assert "'--xds': '/run/xds' is a socket" in refusal("--xds", "/run/xds", *TLS, "--tls-secrets", "/x")
