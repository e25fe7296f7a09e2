"""Make what pip put into a folder the content of an image: `trim.py FOLDER`, which has the packages in `lib`.

Takes away what nobody runs there and what tells of the machine that built it, and writes the program that is started.
"""

import shutil
import sys
from pathlib import Path

PROGRAM = """#!/usr/bin/python3
import sys

from modelfleet.cli.main import main

sys.exit(main())
"""
# pip's scripts name the Python of the build. The asynchronous client doubles the size of `kubernetes`: kopf and we use
# the other one, and a test looks that nothing imports it.
NOT_RUN = ("bin", "kubernetes/aio")


def trim(folder: Path) -> None:
    """Do it in this folder."""
    library = folder / "lib"
    for name in NOT_RUN:
        shutil.rmtree(library / name, ignore_errors=True)
    for told in library.glob("*.dist-info/direct_url.json"):
        told.unlink()
    program = folder / "bin" / "modelfleet"
    program.parent.mkdir(exist_ok=True)
    program.write_text(PROGRAM, encoding="utf-8")
    program.chmod(0o755)


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
