"""Helm and the kinds of others that the chart makes: built once from pinned modules, then found in the user's cache.

`HELM_VERSION=v3.14.4` takes another Helm, such as the oldest that the chart is for.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.cached import kept, place

OLDEST = "v3.14.4"
"""Of the oldest version that docs/install.md names, the last one."""
VERSION = os.environ.get("HELM_VERSION") or "v4.3.1"
OLD = VERSION.startswith("v3.")
"""It says in other words what is wrong with values, and may know no Kubernetes that the chart is for."""
MODULE = f"helm.sh/helm/{VERSION.partition('.')[0]}/cmd/helm"
FLAGS = ("-trimpath", "-ldflags=-s -w")
OTHERS = {
    "github.com/cert-manager/cert-manager@v1.21.2": (
        "deploy/crds/cert-manager.io_certificates.yaml",
        "deploy/crds/cert-manager.io_issuers.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}
"""Whose objects the chart makes where they are there, and where their definitions are in a module."""


class Unavailable(Exception):
    """Helm cannot be had on this machine; the text says what would help."""


def cache_folder() -> Path:
    """Where what was built is kept: the user's cache, under the hash of all that pins it."""
    pins = [MODULE, VERSION, *FLAGS, *OTHERS, *(path for paths in OTHERS.values() for path in paths)]
    return place("helm", VERSION, [pin.encode() for pin in pins])


def helm() -> Path:
    """The program. Builds it if that has not been done."""
    return kept(cache_folder(), _build) / "helm"


def kinds_of_others() -> Iterator[dict[str, Any]]:
    """The definitions of kinds that are not ours."""
    for path in sorted(helm().parent.glob("*.yaml")):
        yield yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


def _build(folder: Path) -> None:
    if shutil.which("go") is None:
        raise Unavailable("Helm is built once, which needs Go 1.26 or newer: install it")
    began = time.monotonic()
    _say(f"building {VERSION}, once; two to five minutes on two cores")
    _go("install", *FLAGS, f"{MODULE}@{VERSION}", environment={"CGO_ENABLED": "0", "GOBIN": str(folder)})
    for module, paths in OTHERS.items():
        found = json.loads(_go("mod", "download", "-json", module))
        for path in paths:
            shutil.copy(Path(found["Dir"]) / path, folder)
    _say(f"built in {time.monotonic() - began:.0f} s, and kept in {cache_folder()}")


def _go(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """What go says. In the root, so that no module of the folder that we are in has a say."""
    set_up = {**os.environ, **(environment or {})}
    done = subprocess.run(["go", *arguments], cwd="/", env=set_up, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).splitlines()[-10:])
        raise Unavailable(f"go {arguments[0]} failed:\n{last}")
    return done.stdout


def _say(sentence: str) -> None:
    sys.stderr.write(f"helm: {sentence}\n")
    sys.stderr.flush()
