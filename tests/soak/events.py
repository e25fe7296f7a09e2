"""A pytest plugin that tells a soak what happens, as lines of JSON in the file that MODELFLEET_SOAK_EVENTS names.

Loaded with `-p tests.soak.events`. Under pytest-xdist only the controller tells, since it hears of everything.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

FILE = "MODELFLEET_SOAK_EVENTS"
PARTS = ("setup", "call", "teardown")


class Events:
    """Tells of each test that it is planned, that it began, how its parts went, and that it is over."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._planned = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:
            self._plan([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._plan(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._tell("report", test=report.nodeid, outcome="failed", words=first_line(report))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell("began", test=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        words = first_line(report) if report.failed else skip_reason(report) if report.skipped else ""
        told = {"outcome": report.outcome, "words": words, "seconds": report.duration}
        self._tell("report", test=report.nodeid, **told, figures=dict(report.user_properties))
        # A worker that crashed says no more of the test that it was at.
        if report.when not in PARTS:
            self.pytest_runtest_logfinish(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._tell("over", test=nodeid)

    def pytest_unconfigure(self) -> None:
        self._file.close()

    def _plan(self, ids: Sequence[str]) -> None:
        # Every worker collects, and all find the same.
        if not self._planned:
            self._planned = True
            self._tell("planned", tests=list(ids))

    def _tell(self, event: str, **more: object) -> None:
        self._file.write(json.dumps({"event": event, "at": time.time(), **more}, default=str) + "\n")


def first_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    """What went wrong, as pytest says it in its own short summary."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    lines = [line for line in text.splitlines() if line.strip()]
    # Without a crash there is a traceback as text, of which the end tells most.
    return lines[0 if crash else -1].removeprefix("E ").strip() if lines else ""


def skip_reason(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""


def pytest_configure(config: Any) -> None:
    path = os.environ.get(FILE)
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Events(Path(path)), "soak-events")
