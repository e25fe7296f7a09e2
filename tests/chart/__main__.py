"""`python -m tests.chart build`: builds Helm where that has not been done, so that tests need not do it in silence.

`manifests` writes `manifests/install.yaml` as the chart renders it.
"""

import argparse
import sys

from tests.chart.helm import Unavailable, helm
from tests.chart.manifests import STORED, rendered


def main() -> int:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chart", description=__doc__)
    parser.add_argument("command", choices=["build", "manifests"])
    command = parser.parse_args().command
    try:
        helm()
    except Unavailable as reason:
        sys.stderr.write(f"helm: the tests on it are left out: {reason}\n")
        return int(command != "build")
    if command == "manifests":
        STORED.write_text(rendered(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
