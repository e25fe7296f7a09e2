"""`python -m tests.e2e prepare [--install]`: everything that these tests take from outside, before they shut it out.

Programs are built once and kept; packages of the system are installed only where that is asked for. Where something
cannot be had this says so and ends well, and the tests say it again and are left out.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.chart import helm as charts
from tests.e2e import kinds
from tests.e2e.real import ENVOY
from tests.testbed import bases, programs
from tests.testbed.alone import obstacle
from tests.testbed.binaries import Unavailable, binaries
from tools.image import Unbuilt, load


def prepare(*, installs: bool) -> None:
    """Makes ready what a real node, the image and the chart take."""
    if reason := obstacle():
        raise Unavailable(reason)
    if missing := programs.missing_packages():
        if not (installs and programs.can_install()):
            raise Unavailable(f"these packages are not installed: {' '.join(missing)}; make e2e installs them")
        say(f"installing {' '.join(missing)}")
        programs.install(missing)
    step("control plane", binaries)
    step("cluster DNS", programs.coredns)
    step("helm", charts.helm)
    step("pause", bases.pause_image)
    step("base images", lambda: (bases.base(), bases.build_base()))
    step("Envoy's image", lambda: bases.envoy(ENVOY))
    step("our image", image)


def prepare_kind() -> None:
    """Makes ready what the same tests take on kind, which brings the rest."""
    if reason := kinds.lacking():
        raise Unavailable(reason)
    step("helm", charts.helm)
    step("our image", lambda: built({}))


def image() -> None:
    """The image of this tree, on bases made here."""
    environment = {}
    for variable, archive in (("BASE", bases.base()), ("BUILD_BASE", bases.build_base())):
        environment[variable] = bases.name_of(archive)
        load(archive, environment[variable])
    built(environment)


def built(bases_of_it: dict[str, str]) -> None:
    """Builds it under the name that the chart gives it."""
    environment = {name: value for name, value in os.environ.items() if name != "IMAGE"}
    done = subprocess.run([sys.executable, "-m", "tools.image"], env={**environment, **bases_of_it}, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def step(name: str, make: Callable[[], Any]) -> None:
    """Does it, and tells of it where it took a while."""
    began = time.monotonic()
    make()
    if (took := time.monotonic() - began) > 1:
        say(f"{name}: {took:.1f} s")


def say(sentence: str) -> None:
    sys.stderr.write(f"e2e: {sentence}\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e", description=__doc__)
    parser.add_argument("command", choices=["prepare"])
    parser.add_argument("--install", action="store_true", help="install packages of Debian that are missing, as root")
    asked = parser.parse_args()
    on_kind = bool(os.environ.get("KIND"))
    try:
        if on_kind:
            prepare_kind()
        else:
            prepare(installs=asked.install or bool(os.environ.get("CI")))
    except (Unavailable, charts.Unavailable, Unbuilt) as reason:
        # Who names kind wants these tests; who has no real node does without.
        say(str(reason) if on_kind else f"the tests on a real node are left out: {reason}")
        return int(on_kind)
    return 0


if __name__ == "__main__":
    sys.exit(main())
