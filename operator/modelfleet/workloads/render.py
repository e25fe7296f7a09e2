"""What a model's placement comes to in a cluster: whole objects, each as the API server is going to store it."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.fleet.labels import label_value
from modelfleet.placement.result import Placement, Share
from modelfleet.workloads.autoscaler import render_autoscaler
from modelfleet.workloads.deployment import render_claim, render_deployment
from modelfleet.workloads.options import Options
from modelfleet.workloads.service import render_budget, render_service
from modelfleet.workloads.site import Site


def render_children(
    model: ModelDeployment, placement: Placement, classes: Mapping[str, HardwareClass], options: Options
) -> tuple[dict[str, Any], ...]:
    """The objects that a model is to have, in the order in which they are to be made.

    Whoever writes them adds the owner. Parts are shared between objects: nobody may change them. What is on a class
    that is declared no more is not among them, see `left_alone`.
    """
    if model.spec.engine is None:
        return ()
    placed = [(share, _site(model, share, classes, options)) for share in placement.shares if _is_made(share, classes)]
    claims = (claim for _, site in placed if (claim := render_claim(site)))
    deployments = (render_deployment(site, share.replicas) for share, site in placed)
    autoscaler = render_autoscaler(model, options)
    last = (autoscaler,) if autoscaler else ()
    return (render_service(model), render_budget(model), *claims, *deployments, *last)


def left_alone(placement: Placement, classes: Mapping[str, HardwareClass]) -> frozenset[str]:
    """The values of the hardware label of what is to stay as it is.

    Without its class a Deployment can neither be made nor changed, but its replicas serve until their successors do.
    """
    return frozenset(_values(placement, classes))


def _values(placement: Placement, classes: Mapping[str, HardwareClass]) -> Iterator[str]:
    for share in placement.shares:
        if _is_wanted(share) and not _is_made(share, classes):
            yield label_value(share.hardware)


def _is_made(share: Share, classes: Mapping[str, HardwareClass]) -> bool:
    return _is_wanted(share) and (not share.hardware or share.hardware in classes)


def _is_wanted(share: Share) -> bool:
    return bool(share.replicas or share.target)


def _site(model: ModelDeployment, share: Share, classes: Mapping[str, HardwareClass], options: Options) -> Site:
    return Site(model, classes.get(share.hardware), share.units, options)
