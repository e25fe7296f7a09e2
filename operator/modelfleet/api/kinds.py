"""The kinds that there are."""

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.resource import Resource
from modelfleet.api.routingpolicy.kind import RoutingPolicy

KINDS: dict[str, type[Resource]] = {kind.KIND.name: kind for kind in (HardwareClass, ModelDeployment, RoutingPolicy)}
