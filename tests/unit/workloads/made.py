"""The children of a small fleet: one model on the classes that a test names."""

from typing import Any

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Finding, Reason, dotted, keeps_out
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.result import Placement, Share
from modelfleet.workloads.check import check_children
from modelfleet.workloads.options import Options
from modelfleet.workloads.render import render_children
from tests.support.documents import Document, fleet, hardware_class, model

PROMETHEUS = Options(prometheus="http://prometheus.example.com:9090")


def share(hardware: str = "gpu", units: int = 1, replicas: int = 1, target: int | None = None) -> Share:
    return Share(hardware, units, replicas, replicas if target is None else target, Reason.CHOSEN, "", 0.0)


def small_fleet(change: str = "", *classes: Document, name: str = "m") -> tuple[ModelDeployment, FleetSnapshot]:
    """A model, in a fleet of these classes or of one that is called gpu."""
    snapshot = fleet(*(classes or (hardware_class(),)), model(change, name=name, namespace="team"))
    (made,) = snapshot.models.values()
    return made, snapshot


def children(
    change: str = "", *classes: Document, shares: tuple[Share, ...] = (share(),), options: Options = PROMETHEUS
) -> list[dict[str, Any]]:
    """What the model becomes where its replicas are on these shares."""
    made, snapshot = small_fleet(change, *classes)
    return list(render_children(made, Placement(shares), snapshot.classes, options))


def kinds(made: list[dict[str, Any]]) -> list[str]:
    return [one["kind"] for one in made]


def one(kind: str, made: list[dict[str, Any]]) -> Any:
    (found,) = (it for it in made if it["kind"] == kind)
    return found


def pod(made: list[dict[str, Any]]) -> Any:
    """The spec of the pods of the only Deployment."""
    return one("Deployment", made)["spec"]["template"]["spec"]


def engine(made: list[dict[str, Any]]) -> Any:
    """The container of the engine."""
    (container,) = pod(made)["containers"]
    return container


def variables(made: list[dict[str, Any]]) -> dict[str, str]:
    return {it["name"]: it.get("value", "") for it in engine(made)["env"] if "valueFrom" not in it}


def flag(made: list[dict[str, Any]], name: str) -> str | None:
    """What stands behind a flag of the command line."""
    args = engine(made).get("args", [])
    assert args.count(name) <= 1, args
    return args[args.index(name) + 1] if name in args else None


def found(change: str, *classes: Document, options: Options = PROMETHEUS) -> list[Finding]:
    findings = list(check_children(small_fleet(change, *classes)[1], options, Recall()))
    assert all(one.reason is Reason.UNSUPPORTED and keeps_out(one) for one in findings)
    return findings


def told(change: str, *classes: Document, options: Options = PROMETHEUS) -> list[str]:
    return [f"{dotted(one.path)}: {one.message}" for one in found(change, *classes, options=options)]
