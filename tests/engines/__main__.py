"""`python -m tests.engines`: `build` builds what has not been built, so that tests need not do it in silence.

`tell` says that the tests on a real engine are going to be left out, where they are.
"""

import argparse
import sys

from tests.engines.llamacpp.build import NOT_BUILT, Unavailable, is_built, program, say

LEFT_OUT = "the tests on a real engine are left out"


def build() -> None:
    """Builds, or says why not; whoever runs the tests without it is told again."""
    try:
        program()
    except Unavailable as reason:
        say(f"{LEFT_OUT}: {reason}")


def tell() -> None:
    if not is_built():
        say(f"{LEFT_OUT}: {NOT_BUILT}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description=__doc__)
    parser.add_argument("command", choices=["build", "tell"])
    command = parser.parse_args().command
    try:
        {"build": build, "tell": tell}[command]()
    except KeyboardInterrupt:
        say("broken off; nothing is left")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
