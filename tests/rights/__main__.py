"""`python -m tests.rights LOG…`: what audit logs say of rights, compared with what the chart grants.

A folder is all logs in it. What the chart grants and nobody used is told where the tests on simulated nodes are among
them, since the others do not use all there is.
"""

import argparse
import os
import sys
from pathlib import Path

from tests.rights.audit import is_whole, logs, read
from tests.rights.judge import EXTRA, judged, told


def main() -> int:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.rights", description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG")
    given: list[Path] = parser.parse_args().logs
    files = [file for path in given for file in ([path] if path.is_file() else logs(path))]
    if not files:
        print("left out: no control plane ran that wrote an audit log")
        return int("CI" in os.environ)
    seen = read(files)
    found = [line for line in judged(seen) if is_whole(files) or not line.startswith(EXTRA)]
    words = told(seen) if is_whole(files) else f"{told(seen)}; what nobody used is not told of a part"
    print("\n".join([*found, f"{', '.join(file.name for file in files)}: {words}"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
