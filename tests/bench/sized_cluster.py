"""A real control plane with thousands of our objects, and processes that watch them: what each of them takes."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from modelfleet.api.kinds import KINDS
from tests.testbed.__main__ import crds
from tests.testbed.api import Api
from tests.testbed.bed import Bed, expect
from tests.testbed.binaries import binaries
from tests.testbed.leftovers import bed_folder

NAMESPACES = 50
WRITERS = 8
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def cluster() -> Iterator[Bed]:
    """A control plane of the bench's own."""
    with bed_folder() as folder:
        bed = Bed(folder / "bed", binaries())
        bed.start(crds())
        try:
            yield bed
        finally:
            bed.stop()


def fill(bed: Bed, models: int, policies: int) -> None:
    """Makes so many hosted models and policies, spread over namespaces."""
    for number in range(NAMESPACES):
        bed.api.create("/api/v1/namespaces", {"metadata": {"name": _namespace(number)}})
    share = [list(range(first, models + policies, WRITERS)) for first in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda numbers: _make(bed.client(), numbers, models), share))


def edit(api: Api, number: int, turn: int) -> None:
    """Changes a model so that its status has to be written anew."""
    spec = {"model": {"name": f"edited-{turn}"}}
    expect(api.merge(path(number), {"spec": spec}), HTTPStatus.OK)


def path(number: int) -> str:
    """Where a model is."""
    return f"{_url('ModelDeployment', number)}/m{number}"


def _make(api: Api, numbers: Iterable[int], models: int) -> None:
    for number in numbers:
        kind = "ModelDeployment" if number < models else "RoutingPolicy"
        made = _model(number) if number < models else _policy(number, number % models)
        expect(api.create(_url(kind, number), made), HTTPStatus.CREATED)
    api.close()


def _model(number: int) -> dict[str, Any]:
    spec = {"model": {"name": "m"}, "external": {"url": "https://api.example.com/v1"}}
    return _object("ModelDeployment", f"m{number}", number, spec)


def _policy(number: int, model: int) -> dict[str, Any]:
    tiers = [{"name": "only", "models": [{"name": f"m{model}"}]}]
    spec = {"serves": {"models": [f"name-{number}"]}, "tiers": tiers, "timeouts": {"total": "30s"}}
    return _object("RoutingPolicy", f"p{number}", number, spec)


def _object(kind: str, name: str, number: int, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": _namespace(number), "labels": {"team": f"t{number % 7}"}}
    return {"apiVersion": "modelfleet.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _url(kind: str, number: int) -> str:
    return f"/apis/modelfleet.dev/v1alpha1/namespaces/{_namespace(number)}/{KINDS[kind].KIND.plural}"


def _namespace(number: int) -> str:
    return f"team-{number % NAMESPACES}"


def memory_mb(pid: int) -> float:
    """What a process holds in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
