"""`python -m tests.soak` is what `make soak` does; with --phase, -k and --seed it repeats a part of it."""

import argparse
import fcntl
import os
import random
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from tests.rights.audit import FOLDER as AUDIT
from tests.soak.child import ROOT
from tests.soak.phases import PHASES, Phase
from tests.soak.run import Plan, Soak, shown
from tests.soak.summary import facts, keep, show

FOLDER = ROOT / "build" / "soak"
WIDTH = 160
BROKEN_OFF = 130


def options(words: Sequence[str], names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--phase", action="append", choices=names, help="only this one; may be given more than once")
    parser.add_argument("-k", default="", metavar="EXPRESSION", help="only the tests that match, as with pytest -k")
    parser.add_argument("--seed", type=int, help="what chance begins with; else MODELFLEET_SEED, else a new one")
    return parser.parse_args(words)


def chosen_seed(given: int | None) -> int:
    if given is not None:
        return given
    return int(os.environ.get("MODELFLEET_SEED") or random.randrange(2**32))


def break_off(_: int, __: FrameType | None) -> None:
    """What ctrl-C does; a terminal that closes leaves nothing running either."""
    raise KeyboardInterrupt


def main(words: Sequence[str], phases: Sequence[Phase] = PHASES, folder: Path = FOLDER) -> int:
    """Run it, tell of it, and keep what was told."""
    asked = options(words, [phase.name for phase in phases])
    # Whoever ignores a signal (nohup) has a reason.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, break_off)
    seed = chosen_seed(asked.seed)
    os.environ["MODELFLEET_SEED"] = str(seed)
    chosen = [phase for phase in phases if not asked.phase or phase.name in asked.phase]
    os.environ[AUDIT] = str(folder / "audit")
    if any(phase.name == "cluster" for phase in chosen):
        shutil.rmtree(folder / "audit", ignore_errors=True)
    terminal = Console(highlight=False, markup=False)
    # A file or a pipe has no width: then no line is broken.
    console = terminal if terminal.is_terminal else Console(width=WIDTH, highlight=False, markup=False)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print(f"another soak runs and keeps what it finds in {shown(folder)}: wait for it, or break it off")
            return 1
        # A repeated part must not take the place of a whole run's evidence.
        kept = folder / ("part.json" if asked.phase or asked.k else "summary.json")
        return run(Soak(Plan(chosen, folder, seed, asked.k), console), console, kept)


def run(soak: Soak, console: Console, kept: Path) -> int:
    soak.run()
    found = facts(soak)
    keep(kept, found)
    show(console, soak, found)
    console.print(f"kept in {shown(kept)}")
    return BROKEN_OFF if soak.is_broken_off else 1 if soak.tally.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
