"""The programs of the control plane: built once from pinned Go modules, then found in the user's cache."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.support.cached import kept

SOURCE = Path(__file__).parent / "control-plane"
PINS = ("go.mod", "go.sum", "main.go")
ROLES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "genkey")
NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
REPORT_EVERY = 15.0


class Unavailable(Exception):
    """The control plane cannot be had on this machine; the text says what would help."""


def cache_folder() -> Path:
    """Where what was built is kept: the user's cache, under the hash of all that pins it."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pins = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in PINS)).hexdigest()
    return home / "modelfleet" / "testbed" / pins[:16]


def binaries() -> Path:
    """The folder with the programs. Builds them if that has not been done."""
    if given := os.environ.get("KUBEBUILDER_ASSETS"):
        return _given(Path(given))
    return kept(cache_folder(), _build)


def is_built() -> bool:
    """Whether the programs are there, so that nothing has to be built."""
    return bool(os.environ.get("KUBEBUILDER_ASSETS")) or cache_folder().exists()


def _given(folder: Path) -> Path:
    missing = [name for name in NEEDED if not (folder / name).exists()]
    if missing:
        raise Unavailable(f"KUBEBUILDER_ASSETS is {folder}, which lacks {', '.join(missing)}: add them, or unset it")
    return folder


def _build(folder: Path) -> None:
    if shutil.which("go") is None:
        raise Unavailable(
            "the control plane is built once, which needs Go 1.26 or newer: install it, or name ready programs in"
            " KUBEBUILDER_ASSETS"
        )
    began = time.monotonic()
    _compile(folder)
    for role in ROLES:
        (folder / role).symlink_to("testbed")
    _say(f"built in {time.monotonic() - began:.0f} s, and kept in {cache_folder()}")


def _compile(made: Path) -> None:
    version = _module("k8s.io/kubernetes")["Version"]
    major, minor, _ = version.removeprefix("v").split(".")
    at = "k8s.io/component-base/version"
    names = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = " ".join(["-s -w", *(f"-X {at}.{name}={value}" for name, value in names.items())])
    _say(f"building Kubernetes {version}, once; five to eight minutes on two cores")
    command = ["go", "build", "-v", "-trimpath", "-buildvcs=false", f"-ldflags={flags}", "-o", f"{made}/"]
    _watched([*command, ".", "sigs.k8s.io/kwok/cmd/kwok"])


def _watched(command: list[str]) -> None:
    """Runs the build, with a line of progress now and then."""
    began = told = time.monotonic()
    environment = {**os.environ, "CGO_ENABLED": "0"}
    with subprocess.Popen(command, cwd=SOURCE, env=environment, stderr=subprocess.PIPE, text=True) as build:
        assert build.stderr
        lines: list[str] = []
        for line in build.stderr:
            lines.append(line)
            if time.monotonic() - told > REPORT_EVERY:
                told = time.monotonic()
                _say(f"{len(lines)} packages in {told - began:.0f} s")
    if build.returncode:
        raise Unavailable(f"the build failed:\n{''.join(lines[-20:])}")


def _module(path: str) -> dict[str, str]:
    command = ["go", "mod", "download", "-json", path]
    found = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    if found.returncode:
        raise Unavailable(f"{path} could not be downloaded: {found.stderr.strip() or found.stdout.strip()}")
    answer: dict[str, str] = json.loads(found.stdout)
    return answer


def _say(sentence: str) -> None:
    sys.stderr.write(f"testbed: {sentence}\n")
    sys.stderr.flush()
