"""The values of a fleet of gateways."""

from typing import Literal

from pydantic import Field

from tools.chart.base import Budget, OpenPort, Part, Placed, Quantity, Resources, Seconds, Text, resources


class Autoscaling(Part):
    """A HorizontalPodAutoscaler over the CPU of Envoy."""

    enabled: bool = Field(False, description="Make one. `replicas` is then not looked at.")
    min_replicas: int = Field(2, ge=1, description="No fewer.")
    max_replicas: int = Field(10, ge=1, description="No more.")
    target_cpu_percent: int = Field(70, ge=1, le=1000, description="Of what Envoy requests.")


class Service(Part):
    """How clients reach the gateways."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        "ClusterIP", description="`ClusterIP`, `NodePort` or `LoadBalancer`."
    )
    port: int = Field(0, ge=0, le=65535, description="The port of the Service. 0 is 80, and 443 with TLS.")
    node_port: int = Field(0, ge=0, le=65535, description="The port of each node. 0 leaves it to the cluster.")
    annotations: Text = Field(default_factory=dict, description="Annotations, such as a load balancer reads.")
    load_balancer_class: str = Field("", description="The class of the load balancer.")
    load_balancer_source_ranges: list[str] = Field(default_factory=list, description="Who may reach the load balancer.")
    external_traffic_policy: Literal["", "Cluster", "Local"] = Field(
        "", description="`Local` keeps the address of the client."
    )


class ShownTls(Part):
    """TLS between callers and gateways."""

    secret_name: str = Field(
        "",
        pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$",
        description="A Secret of the type `kubernetes.io/tls` in the namespace of the release: callers speak HTTPS "
        "and are shown its certificate. It is read anew when it changes. Empty is HTTP.",
    )
    min_version: Literal["TLSv1.2", "TLSv1.3"] = Field(
        "TLSv1.2", description="The oldest version that callers may speak, `TLSv1.2` or `TLSv1.3`."
    )


class Gateway(Placed):
    """A fleet of Envoys that serve one gateway."""

    replicas: int = Field(2, ge=0, description="How many.")
    autoscaling: Autoscaling = Field(default_factory=Autoscaling, description="How many, by load.")
    port: OpenPort = Field(8080, description="Where Envoy listens.")
    address: str = Field(
        "0.0.0.0",  # noqa: S104 - a pod is reached from everywhere
        pattern=r"^[0-9.]+$|^\[[0-9a-f:]+\]$",
        description="The address that Envoy listens at: all, or `[::]` for IPv6.",
    )
    tls: ShownTls = Field(default_factory=ShownTls, description="TLS between callers and gateways.")
    max_body: Quantity = Field("4Mi", description="The largest body that is taken, `1Ki` to `64Mi`.")
    records: str = Field("/dev/stdout", pattern=r"^/\S+$", description="The file of decision records.")
    roots: str = Field(
        "/etc/ssl/certs/ca-certificates.crt",
        pattern=r"^/\S+$",
        description="The authorities that hosted models are checked by, a file of Envoy's image.",
    )
    region: str = Field("", description="The region that they run in.")
    zone: str = Field("", description="The zone that they run in.")
    concurrency: int = Field(2, ge=1, le=256, description="Threads of Envoy.")
    drain_seconds: Seconds = Field(30, description="How long one that is to go still serves, so that answers can end.")
    service: Service = Field(default_factory=Service, description="How clients reach them.")
    resources: Resources = Field(default=resources("100m", "128Mi", "1Gi"), description="What Envoy's container gets.")
    pod_disruption_budget: Budget = Field(default_factory=Budget, description="Their PodDisruptionBudget.")
