"""What a role tells of TLS: of its files in metrics, and of a port that has none in the log."""

import logging
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client import generate_latest

from modelfleet.app.tls import door_of, tell_of_listener
from modelfleet.cli.main import main
from modelfleet.telemetry import Telemetry
from tests.support.authority import Authority, Issued, Mounted


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    authority = Authority(tmp_path, "ours")
    return Mounted(tmp_path / "files", authority, authority.issue("xds.test", ends=timedelta(hours=1)))


def figures(telemetry: Telemetry) -> dict[str, float]:
    lines = generate_latest(telemetry.registry).decode().splitlines()
    return {name: float(value) for name, _, value in (it.rpartition(" ") for it in lines if it.startswith("model"))}


def test_a_renewal_is_seen_in_the_metrics_though_nobody_connects(mounted: Mounted, tmp_path: Path) -> None:
    telemetry = Telemetry()
    door_of(mounted.files, "0.0.0.0:18000", telemetry)
    ends = figures(telemetry)["modelfleet_tls_certificate_expiry_seconds"]
    mounted.put(Authority(tmp_path, "next").issue("xds.test", ends=timedelta(hours=3)))
    shown = figures(telemetry)
    shown = figures(telemetry)  # what comes first in one answer may be older than what comes last
    assert shown["modelfleet_tls_certificate_expiry_seconds"] == pytest.approx(ends + 7200, abs=5)
    assert shown['modelfleet_tls_renewals_total{outcome="taken"}'] == 1
    mounted.put(Issued(b"", b""))
    figures(telemetry)
    shown = figures(telemetry)
    assert shown['modelfleet_tls_renewals_total{outcome="refused"}'] == 1
    assert shown["modelfleet_tls_certificate_expiry_seconds"] == pytest.approx(ends + 7200, abs=5)
    assert shown["modelfleet_xds_denied_total"] == 0


def test_what_callers_are_shown_is_in_the_metrics_and_its_renewals(mounted: Mounted, tmp_path: Path) -> None:
    telemetry, expiry = Telemetry(), "modelfleet_listener_certificate_expiry_seconds"
    tell_of_listener(mounted.files, telemetry)
    ends = figures(telemetry)[expiry]
    assert ends == pytest.approx(time.time() + 3600, abs=10)
    mounted.put(Authority(tmp_path, "next").issue("models.test", ends=timedelta(hours=3)))
    figures(telemetry)
    mounted.put(Issued(b"", b""))
    figures(telemetry)
    shown = figures(telemetry)
    assert shown[expiry] == pytest.approx(ends + 7200, abs=5)
    assert shown['modelfleet_listener_renewals_total{outcome="taken"}'] == 1
    assert shown['modelfleet_listener_renewals_total{outcome="refused"}'] == 1


def test_files_beside_those_of_a_certificate_for_callers_change_nothing(
    mounted: Mounted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    telemetry = Telemetry()
    tell_of_listener(replace(mounted.files, ca=""), telemetry)
    figures(telemetry)
    mounted.put(Issued(b"", b""))
    for number in range(3):
        figures(telemetry)
        (tmp_path / f"{number}").touch()
    assert figures(telemetry)['modelfleet_listener_renewals_total{outcome="refused"}'] == 1


def test_a_certificate_for_callers_that_is_damaged_to_begin_with_is_told_of_once_and_ends_no_relay(
    mounted: Mounted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry, expiry = Telemetry(), "modelfleet_listener_certificate_expiry_seconds"
    mounted.put(Issued(b"", b""))
    tell_of_listener(mounted.files, telemetry)
    assert [figures(telemetry)[expiry] for _ in range(3)] == [0.0] * 3
    (told,) = caplog.records
    assert f"--listener-cert {mounted.files.cert}" in told.getMessage()
    assert figures(telemetry)['modelfleet_listener_renewals_total{outcome="refused"}'] == 1
    mounted.put(Authority(tmp_path, "next").issue("models.test", ends=timedelta(hours=3)))
    assert figures(telemetry)[expiry] > time.time()


@pytest.mark.parametrize(
    ("listen", "open_"),
    [
        ("0.0.0.0:1", True),
        ("[::]:1", True),
        ("10.0.0.1:1", True),
        ("xds.svc:1", True),
        ("127.0.0.1:1", False),
        ("[::1]:1", False),
        ("localhost:1", False),
        ("unix:/run/xds", False),
    ],
)
def test_who_listens_in_clear_where_others_reach_it_says_so_once(
    listen: str, open_: bool, caplog: pytest.LogCaptureFixture, mounted: Mounted
) -> None:
    door_of(None, listen, Telemetry())
    assert [it.levelno for it in caplog.records] == [logging.WARNING] * open_
    assert all(f"--listen {listen} is without TLS" in it.getMessage() for it in caplog.records)
    caplog.clear()
    if "unix" not in listen:
        door_of(mounted.files, listen, Telemetry())
        assert caplog.records == []


def test_a_relay_that_cannot_read_its_files_does_not_start_and_names_the_option(mounted: Mounted) -> None:
    files, folder = mounted.files, Path(mounted.files.cert).parent.parent
    relay = ["xds", "--upstream=127.0.0.1:1", "--cache", str(folder / "cache"), "--listen", str(folder / "s")]
    handlers = logging.getLogger().handlers[:]
    try:
        result = CliRunner().invoke(main, [*relay, "--tls-cert=/no", f"--tls-key={files.key}", f"--tls-ca={files.ca}"])
        socket = CliRunner().invoke(
            main,
            [*relay, "--upstream=/s", f"--tls-cert={files.cert}", f"--tls-key={files.key}", f"--tls-ca={files.ca}"],
        )
    finally:
        logging.getLogger().handlers[:] = handlers
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "modelfleet xds: --tls-cert /no: cannot be read: No such file or directory",
    )
    assert (socket.exit_code, socket.stderr.splitlines()[-1]) == (
        2,
        "modelfleet xds: --upstream /s: a socket is without TLS: leave out --tls-cert and such",
    )
