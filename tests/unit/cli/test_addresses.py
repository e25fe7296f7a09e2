"""Where both roles tell how they do: the address is read before anything is started, and by one grammar."""

from typing import Any

import pytest
from click.testing import CliRunner

from modelfleet.cli.main import main


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where each role that was started was to serve them."""
    found: list[str] = []

    def note(options: Any) -> None:
        found.append(options.metrics)

    monkeypatch.setattr("modelfleet.app.logs.set_up", lambda *_: None)
    monkeypatch.setattr("modelfleet.app.xds.run_xds", note)
    monkeypatch.setattr("modelfleet.app.operator.run_operator", note)
    return found


@pytest.mark.parametrize("role", ["xds", "operator"])
@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8081", "127.0.0.1:8081"),
        ("localhost:8081", "localhost:8081"),
        ("[::1]:8081", "[::1]:8081"),
        (":8081", "0.0.0.0:8081"),
        ("8081", "0.0.0.0:8081"),
        ("127.0.0.1:0", "127.0.0.1:0"),
    ],
)
def test_metrics_are_served_where_it_is_said(metrics: list[str], role: str, text: str, address: str) -> None:
    result = CliRunner().invoke(main, [role, "--metrics", text])
    assert (result.exit_code, metrics) == (0, [address]), result.output


@pytest.mark.parametrize("role", ["xds", "operator"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the port is missing"),
        ("localhost", "the port is missing"),
        ("/run/metrics", "the port is missing"),
        ("a b:80", "'a b' is no address, and no name of a host"),
        ("-x-:80", "'-x-' is no address, and no name of a host"),
        ("a..b:80", "'a..b' is no address, and no name of a host"),
        ("999.1.1.1:80", "'999.1.1.1' is no address, and no name of a host"),
        ("::1:8081", "an IPv6 address goes in brackets"),
        ("http://127.0.0.1:8081", "leave out what stands before ://"),
        ("127.0.0.1:65536", "a port is from 0 to 65535"),
        (":65536", "a port is from 0 to 65535"),
        ("127.0.0.1:http", "or :8081"),
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_started(
    metrics: list[str], role: str, text: str, why: str
) -> None:
    result = CliRunner().invoke(main, [role, "--metrics", text])
    assert (result.exit_code, result.stdout, metrics) == (2, "", [])
    told = result.stderr.splitlines()[-1]
    assert "Invalid value for '--metrics': " in told
    assert " must be such as 127.0.0.1:8081, [::1]:8081 or :8081" in told
    assert told.endswith(why)
