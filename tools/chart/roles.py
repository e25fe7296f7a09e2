"""The values of what runs besides gateways: operator, xds and the relay, certificates, policies and monitoring."""

from typing import Literal

from pydantic import Field

from tools.chart.base import (
    Account,
    Budget,
    Duration,
    Image,
    Label,
    Object,
    Part,
    Placed,
    Quantity,
    Resources,
    Text,
    resources,
)


class KubeApi(Part):
    """How much the operator may ask of the API server."""

    qps: int = Field(50, ge=1, le=1000, description="Writes in a second.")
    burst: int = Field(100, ge=1, le=10_000, description="So many writes may come at once.")


class Operator(Placed):
    """The role that writes to the cluster."""

    replicas: int = Field(1, ge=0, description="One writes, the others stand by. With two a lost node costs seconds.")
    resources: Resources = Field(default=resources("50m", "160Mi", "1Gi"), description="What its container gets.")
    prometheus: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="The Prometheus that KEDA is to ask; without it KEDA is not used."
    )
    kube_api: KubeApi = Field(default_factory=KubeApi, description="How much it may ask of the API server.")
    resync: int = Field(150, ge=5, le=3600, description="Seconds after which everything is listed anew.")
    pod_disruption_budget: Budget = Field(default_factory=Budget, description="Its PodDisruptionBudget.")
    service_account: Account = Field(default_factory=Account, description="Its service account.")


class Xds(Placed):
    """The role that programs gateways."""

    replicas: int = Field(2, ge=0, description="All are alike; gateways go on without any.")
    resources: Resources = Field(default=resources("50m", "160Mi", "1Gi"), description="What its container gets.")
    resync: int = Field(150, ge=5, le=3600, description="Seconds after which everything is listed anew.")
    pod_disruption_budget: Budget = Field(default_factory=Budget, description="Its PodDisruptionBudget.")
    service_account: Account = Field(default_factory=Account, description="Its service account.")


class Relay(Part):
    """What keeps the last good state beside each Envoy."""

    resources: Resources = Field(default=resources("20m", "96Mi", "512Mi"), description="What its container gets.")
    cache_medium: Literal["Memory", ""] = Field(
        "Memory", description="Where the state is kept. It holds keys in clear: `Memory`, or the node's disk if empty."
    )
    cache_size: Quantity = Field("64Mi", description="How large the state may be.")


class Envoy(Part):
    """The stock Envoy of all gateways."""

    image: Image = Field(
        default=Image(registry="docker.io", repository="envoyproxy/envoy", tag="distroless-v1.40.0"),
        description="Its image: 1.40 or newer.",
    )
    log_level: Literal["trace", "debug", "info", "warning", "error", "critical", "off"] = Field(
        "warning", description="What it logs."
    )


class CertManager(Part):
    """Certificates that cert-manager makes and renews."""

    issuer_ref: Object = Field(
        default_factory=dict,
        description="An issuer of your own, whose CA is then trusted by both sides. Empty is one of the chart's own.",
    )
    duration: Duration = Field("2160h", description="How long a certificate is good for.")
    renew_before: Duration = Field("720h", description="How long before its end it is renewed.")


class HelmMade(Part):
    """Certificates that Helm makes at the first installation and keeps."""

    days: int = Field(825, ge=1, le=3650, description="How long a certificate is good for, in days.")
    ca_days: int = Field(3650, ge=1, le=36500, description="How long the authority is good for, in days.")


class Tls(Part):
    """Mutual TLS between xds and gateways."""

    mode: Literal["auto", "certManager", "helm", "none"] = Field(
        "auto", description="Who makes certificates: `auto` is `certManager` where its CRDs are there, else `helm`."
    )
    cert_manager: CertManager = Field(default_factory=CertManager, description="For mode `certManager`.")
    helm: HelmMade = Field(default_factory=HelmMade, description="For mode `helm`.")


class ModelPolicies(Part):
    """Who may speak to models."""

    enabled: bool = Field(True, description="Make one in each of the namespaces, where there are any.")
    namespaces: list[Label] = Field(
        default_factory=list,
        description="Namespaces, which have to be there, in which gateways alone reach model pods, and those of "
        "`metricsFrom` who are bound to a namespace. Empty is those of `watchNamespaces`.",
    )


class NetworkPolicies(Part):
    """Who may speak to our pods."""

    enabled: bool = Field(True, description="Make them. They do nothing where the network does not enforce them.")
    metrics_from: list[Object] = Field(
        default=[
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}},
        ],
        description="Who may read metrics, as peers of a NetworkPolicy.",
    )
    clients_from: list[Object] = Field(
        default_factory=list, description="Who may ask gateways, as peers of a NetworkPolicy. Empty is everybody."
    )
    restrict_egress: bool = Field(
        True, description="Keep gateways from link-local addresses, such as the metadata service of a cloud."
    )
    models: ModelPolicies = Field(default_factory=ModelPolicies, description="Who may speak to models.")


class PodMonitors(Part):
    """What tells the Prometheus operator where metrics are."""

    enabled: bool = Field(False, description="Make PodMonitors for operator, xds and relays.")
    interval: Duration = Field("30s", description="How often they are read.")
    labels: Text = Field(default_factory=dict, description="Labels that your Prometheus looks for.")


class Rules(Part):
    """Alerts, each of which has a paragraph in docs/runbooks.md."""

    enabled: bool = Field(False, description="Make a PrometheusRule.")
    labels: Text = Field(default_factory=dict, description="Labels that your Prometheus looks for.")
    runbooks: str = Field(
        "https://github.com/modelfleet/modelfleet/blob/main/docs/runbooks.md",
        description="The page that each alert links to, at the heading of its name.",
    )


class Dashboard(Part):
    """A dashboard for Grafana."""

    enabled: bool = Field(False, description="Make a ConfigMap with it.")
    labels: Text = Field(default={"grafana_dashboard": "1"}, description="Labels that your Grafana looks for.")
    annotations: Text = Field(default_factory=dict, description="Annotations of it, such as the folder.")


class Monitoring(Part):
    """What Prometheus and Grafana are told."""

    pod_monitors: PodMonitors = Field(default_factory=PodMonitors, description="Where metrics are.")
    rules: Rules = Field(default_factory=Rules, description="When to wake somebody.")
    dashboard: Dashboard = Field(default_factory=Dashboard, description="What to look at.")
