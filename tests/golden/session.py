"""What a test run as a whole says about golden files: which ones changed, and which ones nobody asks for.

A file is an orphan only where every golden test ran, so a run that was narrowed, or in which a test failed, says
nothing about orphans. Under pytest-xdist the workers know what was asked for and the controller judges.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.golden.files import STORE

GOLDEN = Path(__file__).resolve().parent
NARROWING = ("collectonly", "deselect", "ignore", "ignore_glob", "keyword", "lf", "markexpr", "stepwise")


class GoldenSession:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.update = bool(config.getoption("update_golden"))
        self.lines: list[str] = []

    def is_complete(self, session: pytest.Session) -> bool:
        """True if every golden test ran and passed."""
        narrowed = any(self.config.getoption(name, None) for name in NARROWING)
        here = self.config.invocation_params.dir
        whole = any(GOLDEN.is_relative_to((here / argument).resolve()) for argument in self.config.args)
        return whole and not narrowed and session.exitstatus == pytest.ExitCode.OK

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["golden"] = [sorted(STORE.visited), sorted(STORE.changed)]
            return
        self.lines += [f"rewritten: {name}" for name in sorted(STORE.changed)]
        if self.is_complete(session):
            self.judge(session, STORE.orphans(STORE.visited))
        elif self.update:
            self.lines.append("Not every golden test ran and passed, so orphans were not looked for.")

    def judge(self, session: pytest.Session, orphans: list[str]) -> None:
        if self.update:
            STORE.delete(orphans)
            self.lines += [f"deleted: {name}" for name in orphans]
            self.lines = self.lines or ["nothing changed"]
        elif orphans:
            self.lines += [f"no test asks for it: {name}" for name in orphans]
            self.lines.append("Run `make golden` to delete orphans.")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        visited, changed = getattr(node, "workeroutput", {}).get("golden", ([], []))
        STORE.visited.update(visited)
        STORE.changed.update(changed)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.lines:
            terminalreporter.section("golden files")
            terminalreporter.write("\n".join(self.lines) + "\n")
