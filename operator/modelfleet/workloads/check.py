"""What a model asks for and no child of it could do: said before anything is made, and refused."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.engine import EngineName
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.modeldeployment.placement import Autoscaler
from modelfleet.findings import Finding, Path, Reason, Severity
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.workloads.autoscaler import load_metric
from modelfleet.workloads.engines import ENGINES
from modelfleet.workloads.options import Options
from modelfleet.workloads.site import Site
from modelfleet.workloads.weights import Weights

Choice = tuple[HardwareClass, int]

SOURCE: Final[Path] = ("spec", "model", "source")
IMAGE: Final[Path] = ("spec", "engine", "image")
NO_IMAGE: Final = {
    EngineName.CUSTOM: "a command needs an image to be found in",
}


def check_children(snapshot: FleetSnapshot, options: Options, recall: Recall) -> Iterator[Finding]:
    """What of the models with an engine cannot be done in a cluster. On one machine it may well be."""
    for key, model in snapshot.models.items():
        if model.spec.engine:
            yield from recall.of(("unsupported", key), _unsupported, model, _named(model, snapshot), options)


def _named(model: ModelDeployment, snapshot: FleetSnapshot) -> tuple[Choice, ...]:
    """The classes that the model names and that are there, each with its units."""
    choices = model.spec.placement.classes if model.spec.placement else ()
    return tuple((known, one.units) for one in choices if (known := snapshot.classes.get(one.name)))


def _unsupported(model: ModelDeployment, named: tuple[Choice, ...], options: Options) -> tuple[Finding, ...]:
    said = chain(_source(model), _images(model, named, options), _scaling(model, options))
    return tuple(Finding(model.key, path, Reason.UNSUPPORTED, text, Severity.WARNING) for path, text in said)


def _source(model: ModelDeployment) -> Iterator[tuple[Path, str]]:
    engine, weights = model.spec.engine, Weights(model.spec.model.source or "")
    assert engine is not None
    takes = ENGINES[engine.name].takes
    if weights.scheme == "pvc" and not weights.claim:
        yield SOURCE, "names no claim: write pvc://CLAIM/PATH"
    # Whoever names the command names in it where the weights are.
    elif engine.command:
        return
    elif not weights.scheme and "" not in takes:
        if not engine.args:
            yield SOURCE, f"is missing, and {engine.name} does not know what to serve: give {_listed(takes)}"
    elif weights.scheme not in takes:
        yield SOURCE, f"{engine.name} cannot take {weights.scheme}://: give {_listed(takes)}, or an engine.command"
    elif weights.scheme == "file" and not engine.image:
        message = "is a path in the engine's image, and the public one has no weights in it: add engine.image, or give"
        yield SOURCE, f"{message} {_listed(takes - {'file'})}"


def _listed(schemes: frozenset[str]) -> str:
    words = [f"{scheme}://" for scheme in sorted(schemes) if scheme]
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def _images(model: ModelDeployment, named: tuple[Choice, ...], options: Options) -> Iterator[tuple[Path, str]]:
    assert model.spec.engine is not None
    name = model.spec.engine.name
    for hardware, units in named:
        if not Site(model, hardware, units, options).image:
            on = hardware.metadata.name
            why = NO_IMAGE.get(name, f'modelfleet knows no image of {name} for HardwareClass "{on}"')
            yield IMAGE, f"{why}: add one that runs there, or choose another engine or class"
            return
    if model.spec.placement is None and not Site(model, None, 0, options).image:
        why = NO_IMAGE.get(name, f"modelfleet knows no image of {name} that runs on any node")
        yield IMAGE, f"{why}: add one, or name in spec.placement.classes where it is to run"


def _scaling(model: ModelDeployment, options: Options) -> Iterator[tuple[Path, str]]:
    scale = model.spec.scale
    if scale is None or scale.autoscaler in (None, Autoscaler.NONE):
        return
    metric = load_metric(model)
    by_requests = scale.autoscaler is Autoscaler.KEDA and metric
    if by_requests and not options.prometheus:
        message = "KEDA has to ask a Prometheus how many requests run, and none is known"
        fix = "have the operator started with --prometheus, or use autoscaler hpa"
        yield ("spec", "scale", "autoscaler"), f"{message}: {fix}"
    if scale.min == 0 and not by_requests:
        message = "to come back from 0 replicas takes autoscaler keda, an engine that counts its requests, and"
        yield ("spec", "scale", "min"), f"{message} concurrencyPerReplica: raise min to 1, or give those"
