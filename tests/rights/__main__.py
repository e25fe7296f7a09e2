"""`python -m tests.rights LOG…`: what audit logs say of rights, compared with what the chart grants.

A folder is all logs in it. Whatever the chart grants and nobody used is told, unless these are logs of a part.
"""

import argparse
import os
import sys
from pathlib import Path

from tests.rights.audit import logs, read
from tests.rights.judge import EXTRA, judged, told


def main() -> int:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.rights", description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG")
    parser.add_argument("--part", action="store_true", help="these are of some tests, which do not use all there is")
    asked = parser.parse_args()
    files = [file for path in asked.logs for file in ([path] if path.is_file() else logs(path))]
    if not files:
        print("left out: no control plane ran that wrote an audit log")
        return int("CI" in os.environ and not asked.part)
    seen = read(files)
    found = [line for line in judged(seen) if not (asked.part and line.startswith(EXTRA))]
    print("\n".join([*found, told(seen)]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
