"""What is true around the resources when a fleet is compiled: gateways, endpoints, secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from modelfleet.findings import Key


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """One replica of a model that takes requests."""

    address: str
    port: int
    hardware: str = ""
    region: str = ""
    zone: str = ""


ROOM_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Gateway:
    """One fleet of gateways, as its installer set it up; no policy changes any of it."""

    name: str
    address: str = "0.0.0.0"  # noqa: S104 - a gateway is there to be reached
    port: int = 8080
    max_body_bytes: int = 4 * 1024 * 1024
    record: str = "/dev/stdout"
    """The file that the decision records go to."""
    roots: str = "/etc/ssl/certs/ca-certificates.crt"
    """The certificate authorities that hosted models are checked by."""
    secrets: str = ""
    """The folder with the file by which Envoy reads the certificate of its port. Nothing is a port in clear."""
    tls_minimum: str = "TLSv1.2"
    """The oldest version that callers may speak."""

    @property
    def buffer_bytes(self) -> int:
        """What it holds of a request: a body of the largest size may still grow where its engine hears another name."""
        return self.max_body_bytes + ROOM_BYTES


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a plan depends on beside the resources. What is not known is empty."""

    gateways: Mapping[str, Gateway] = field(default_factory=lambda: MappingProxyType({}))
    endpoints: Mapping[Key, tuple[Endpoint, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """The ready replicas of each model."""
    secrets: Mapping[Key, Mapping[str, "Hidden"]] = field(default_factory=lambda: MappingProxyType({}))
    """What is in the Secrets that may be read."""
    in_cluster: bool = False
    """Whether gateways run in pods, so that what is on their own machine is nobody's model."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A text that shows itself to nobody who only prints it."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return "(hidden)"
