"""Run one phase of the build and say in one line how it went.

Usage: phase.py NAME COMMAND [ARGUMENT ...]

Success prints the name, the seconds and the command's last line; failure prints all that the command said, and exits
as it did. Only the standard library: this runs before there is an environment, and on a Python that may be too old,
which is why the annotations are quoted.
"""

import subprocess
import sys
import time
from subprocess import DEVNULL, PIPE, STDOUT


def last_line(text: str) -> str:
    lines = [line.strip(" =") for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def main(name: str, command: "list[str]") -> int:
    print(f"{name:<10}", end="", flush=True)
    begin = time.perf_counter()
    done = subprocess.run(command, check=False, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    seconds = time.perf_counter() - begin
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode == 0:
        print(f"{seconds:6.1f} s  {last_line(text)}")
    else:
        print(f"{seconds:6.1f} s  failed: {' '.join(command)}\n\n{text}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
