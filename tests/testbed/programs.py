"""What a real node takes beside the control plane: packages of the system, and programs built from Go modules."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.cached import kept, place
from tests.testbed.binaries import Unavailable
from tests.testbed.runtime import plugin_folder

HERE = Path(__file__).parent
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
}
"""Programs, and the packages of Debian that have them."""


def missing_packages() -> list[str]:
    """What is to be installed before a node can run here, by the names of Debian."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program, path=_path()) is None]
    return missing if plugin_folder() else [*missing, "containernetworking-plugins"]


def _path() -> str:
    # Daemons are not in everybody's path.
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def can_install() -> bool:
    """Whether this machine takes packages of Debian from us."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """Installs packages of Debian, by its own client. The daemons that come with them are not started."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"`{' '.join(command)}` failed:\n{done.stderr.strip() or done.stdout.strip()}")


def coredns() -> Path:
    """The DNS of the cluster."""
    return built(HERE / "dns") / "program"


def pause() -> Path:
    """What holds the namespaces of a pod."""
    return built(HERE / "pause") / "program"


def built(source: Path) -> Path:
    """The folder with the program of this Go module. Builds it if that has not been done."""
    pins = [path.read_bytes() for path in sorted(_pins(source))]

    def make(folder: Path) -> None:
        command = ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(folder / "program"), "."]
        _go(command, source)

    return kept(place("programs", source.name, pins), make)


def _go(command: list[str], source: Path) -> None:
    if shutil.which("go") is None:
        raise Unavailable("what a real node takes is built once, which needs Go 1.26 or newer: install it")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"`{' '.join(command)}` failed:\n{done.stderr[-2000:]}")


def _pins(source: Path) -> Iterator[Path]:
    return (path for path in source.iterdir() if path.name in ("go.mod", "go.sum", "main.go"))
