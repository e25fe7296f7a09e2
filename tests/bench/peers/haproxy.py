"""HAProxy as a plain reverse proxy: how cheap a hop can be that looks at no body. From PATH, or a Debian package."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.served import free_port, served
from tests.bench.traffic import Missing, Target
from tests.support.cached import kept, place

NAME = "HAProxy"
HELP = "install it, so that it is on PATH"
# Without http-no-delay it gathers the pieces of a stream for 50 ms and more.
CONFIG = """
global
  nbthread 1
defaults
  mode http
  option http-no-delay
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend callers
  bind 127.0.0.1:{port}
  default_backend engine
backend engine
  server engine {engine}
"""


@contextmanager
def haproxy(folder: Path, engine: str) -> Iterator[Target]:
    """Raises Missing."""
    command = _program()
    config = folder / "haproxy.cfg"
    port = free_port()
    config.write_text(CONFIG.format(port=port, engine=engine))
    with served([*command, "-db", "-f", str(config)], folder, port) as pid:
        yield Target(NAME, f"127.0.0.1:{port}", pid, version=_version(command))


def _program() -> list[str]:
    # Debian puts it where only root looks.
    if found := shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin"):
        return [found]
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Missing(f"it is not on PATH, and this machine has no apt-get to bring it: {HELP}")
    wanted = _packages()
    folder = kept(
        place("bench", "haproxy", [package.encode() for package in wanted]), lambda made: _unpack(wanted, made)
    )
    libraries = sorted({str(path.parent) for path in folder.rglob("*.so*")})
    return ["env", f"LD_LIBRARY_PATH={':'.join(libraries)}", str(folder / "usr/sbin/haproxy")]


def _packages() -> list[str]:
    """The package, and the libraries that it needs and this machine lacks: NAME=VERSION."""
    said = _run("apt-get", "--print-uris", "--yes", "--no-install-recommends", "install", "haproxy")
    # A line is 'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE HASH; a colon in the version is written as %3a.
    files = [line.split()[1] for line in said.splitlines() if line.startswith("'")]
    return ["=".join(file.replace("%3a", ":").split("_")[:2]) for file in files]


def _unpack(packages: list[str], folder: Path) -> None:
    """Into a folder of ours: nothing on this machine changes, and nobody has to be root."""
    _run("apt-get", "download", *packages, cwd=folder)
    for package in folder.glob("*.deb"):
        _run("dpkg", "-x", str(package), str(folder))
        package.unlink()


def _version(command: list[str]) -> str:
    found = re.search(r"version (\d+\.\d+\.\d+)", _run(*command, "-v"))
    return found[1] if found else "unknown"


def _run(*command: str, cwd: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"its package cannot be had ({(done.stderr or done.stdout).strip()[-300:]}): {HELP}")
    return done.stdout
