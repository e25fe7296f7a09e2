"""The values of the chart as a whole, from which its schema, its values.yaml and its table are written."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from tools.chart.base import Image, Label, Object, Part, Reference, Text
from tools.chart.gateways import Gateway
from tools.chart.roles import Envoy, Monitoring, NetworkPolicies, Operator, Relay, Tls, Xds


class Global(Part):
    """What all charts of a release share. Others may have more of it."""

    model_config = ConfigDict(extra="allow")
    image_registry: str = Field("", description="The registry of all images, for clusters that reach no other.")
    image_pull_secrets: list[Reference] = Field(default_factory=list, description="Secrets for pulling images.")


class Log(Part):
    """How our roles log."""

    format: Literal["text", "json"] = Field("json", description="`text` or `json`.")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="`debug` to `error`.")


class Crds(Part):
    """The definitions of our kinds."""

    install: bool = Field(True, description="Install them, and upgrade them with the release.")
    keep: bool = Field(True, description="Leave them, and all objects of these kinds, when the release goes.")


class Rbac(Part):
    """The rights of our roles."""

    create: bool = Field(True, description="Make roles and bindings.")
    aggregate: bool = Field(True, description="Add our kinds to the roles view, edit and admin of users.")
    keda: bool = Field(True, description="Let the operator make ScaledObjects.")
    device_classes: bool = Field(True, description="Let the operator make ResourceClaimTemplates.")
    finalizers: bool = Field(False, description="What OwnerReferencesPermissionEnforcement (OpenShift) asks for.")


class Values(Part):
    """All values."""

    enabled: bool = Field(True, description="Read by nothing here: for charts that depend on this one by condition.")
    global_: Global = Field(default_factory=Global, alias="global", description="Shared with other charts.")
    name_override: str = Field("", max_length=40, description="Instead of the name of the chart.")
    fullname_override: str = Field("", max_length=40, description="What the names of all objects begin with.")
    image: Image = Field(
        default=Image(registry="ghcr.io", repository="modelfleet/modelfleet"),
        description="The image of modelfleet, which also runs the simulated engine.",
    )
    image_pull_secrets: list[Reference] = Field(default_factory=list, description="Secrets for pulling images.")
    common_labels: Text = Field(default_factory=dict, description="Labels of every object.")
    watch_namespaces: list[Label] = Field(
        default_factory=list, description="Serve these namespaces only, with rights in them only. Empty is all."
    )
    secrets_namespaces: list[Label] = Field(
        default_factory=list,
        description="Read Secrets in these namespaces only. Empty is the namespace of the release, and no other.",
    )
    log: Log = Field(default_factory=Log, description="How our roles log.")
    crds: Crds = Field(default_factory=Crds, description="The definitions of our kinds.")
    rbac: Rbac = Field(default_factory=Rbac, description="The rights of our roles.")
    operator: Operator = Field(default_factory=Operator, description="The role that writes to the cluster.")
    xds: Xds = Field(default_factory=Xds, description="The role that programs gateways.")
    relay: Relay = Field(default_factory=Relay, description="What keeps the last good state beside each Envoy.")
    envoy: Envoy = Field(default_factory=Envoy, description="The stock Envoy of all gateways.")
    gateway_defaults: Gateway = Field(default_factory=Gateway, description="What holds for each fleet of gateways.")
    gateways: dict[Label, Gateway] = Field(
        default_factory=lambda: {"default": Gateway()},
        description="Fleets of gateways by name, each with what differs from `gatewayDefaults`. `default: null` "
        "takes away the one that is there.",
    )
    tls: Tls = Field(default_factory=Tls, description="Mutual TLS between xds and gateways.")
    network_policies: NetworkPolicies = Field(default_factory=NetworkPolicies, description="Who may speak to our pods.")
    monitoring: Monitoring = Field(default_factory=Monitoring, description="What Prometheus and Grafana are told.")
    extra_objects: list[Object | str] = Field(
        default_factory=list, description="Objects of your own, or text that is a template of one."
    )


def defaults() -> dict[str, Any]:
    """What values.yaml says."""
    values = Values().model_dump(by_alias=True, exclude_none=True)
    return {**values, "gateways": {name: {} for name in values["gateways"]}}
