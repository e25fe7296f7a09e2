"""`python -m tests.testbed`: `up` and `down` are what `make cluster` and `make cluster-down` do, on loopback.

`build` builds the programs where that has not been done, so that tests need not do it in silence.
"""

import argparse
import fcntl
import sys
import time
from pathlib import Path

import yaml

from tests.testbed.bed import STOP_ORDER, Bed
from tests.testbed.binaries import Unavailable, binaries, cache_folder
from tests.testbed.leftovers import living, remove

ROOT = Path(__file__).resolve().parents[2]


def crds() -> list[dict[str, object]]:
    """The CRDs of this checkout."""
    return [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]


def home() -> Path:
    """Where the one cluster of this user lives."""
    folder = cache_folder().parent / "cluster"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def build(_: Path) -> None:
    """Builds the programs, or says why not; whoever runs the tests without them is told again."""
    try:
        binaries()
    except Unavailable as reason:
        say(f"the tests on it are left out: {reason}")


def up(folder: Path) -> None:
    """Starts the cluster, or finds it running, and prints how to use it."""
    bed = folder / "bed"
    if is_whole(bed):
        say("runs already; end it with: make cluster-down")
    else:
        remove(bed)  # of a start that was broken off, or of before the machine was restarted
        start(bed)
    print(f"export KUBECONFIG={bed / 'admin.kubeconfig'}")


def start(bed: Path) -> None:
    """Starts it anew; what was begun is taken back when it fails."""
    began = time.monotonic()
    try:
        Bed(bed, binaries(), detached=True).start(crds())
    except BaseException:
        remove(bed)
        raise
    say(f"ready after {time.monotonic() - began:.1f} s, with simulated nodes; end it with: make cluster-down")


def is_whole(bed: Path) -> bool:
    """Whether every component of the bed runs."""
    return len(list(living(bed))) == len(STOP_ORDER)


def down(folder: Path) -> None:
    """Ends the cluster and removes what it stored."""
    there = (folder / "bed").exists()
    remove(folder / "bed")
    say("ended" if there else "there is none")


def say(sentence: str) -> None:
    """For people; standard output is for the export line."""
    print(f"cluster: {sentence}", file=sys.stderr)


def main() -> int:
    """Run the command that was asked for; one at a time."""
    parser = argparse.ArgumentParser(prog="python -m tests.testbed", description=__doc__)
    parser.add_argument("command", choices=["build", "up", "down"])
    command = parser.parse_args().command
    folder = home()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            {"build": build, "up": up, "down": down}[command](folder)
        except (Unavailable, RuntimeError, TimeoutError) as error:
            say(str(error))
            return 1
        except KeyboardInterrupt:
            say("broken off; nothing is left running")
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
