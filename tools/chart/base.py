"""What the parts of a chart's values share: they are strict, and every field says what it is for."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Object = dict[str, Any]
"""A piece of a Kubernetes object, which the API server judges."""
Text = dict[str, str]
Label = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
OpenPort = Annotated[int, Field(ge=1024, le=65535)]
"""A port that a user without rights may listen on."""
Seconds = Annotated[int, Field(ge=0, le=3600)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
Duration = Annotated[str, Field(pattern=r"^([0-9]+(h|m|s))+$")]


class Part(BaseModel):
    """A part of the values. What is not known is refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class Image(Part):
    """Where an image comes from."""

    registry: str = Field("", description="The registry; `global.imageRegistry` counts before it.")
    repository: str = Field("", min_length=1, description="The name in the registry.")
    tag: str = Field("", description="The tag. Empty is the version of the chart, where the image is ours.")
    digest: str = Field(
        "", pattern=r"^(sha256:[0-9a-f]{64})?$", description="The digest, `sha256:…`; it counts before the tag."
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="When a node fetches it: `Always`, `IfNotPresent` or `Never`."
    )


class Reference(Part):
    """The name of a Secret for pulling images."""

    name: str = Field(min_length=1, description="The name of a Secret in the namespace of the release.")


class Amounts(Part):
    """Requests or limits of a container."""

    cpu: Quantity | None = Field(None, description="CPU, such as `100m`.")
    memory: Quantity | None = Field(None, description="Memory, such as `256Mi`.")


class Resources(Part):
    """What a container asks for, and what it may use at most."""

    requests: Amounts = Field(default_factory=Amounts, description="What is kept free for it.")
    limits: Amounts = Field(default_factory=Amounts, description="What it gets at most.")


def resources(cpu: str, memory: str, most: str) -> Resources:
    """Requests, and a limit of memory: a limit of CPU only makes answers late."""
    return Resources(requests=Amounts(cpu=cpu, memory=memory), limits=Amounts(memory=most))


class Account(Part):
    """The service account of a role."""

    create: bool = Field(True, description="Make it. Otherwise one of the name has to be there.")
    name: str = Field("", description="Its name. Empty is a name of the chart's own.")
    annotations: Text = Field(default_factory=dict, description="Annotations of it.")


class Budget(Part):
    """How many pods may be away at once when somebody means it."""

    enabled: bool = Field(True, description="Make a PodDisruptionBudget.")
    max_unavailable: int = Field(1, ge=1, description="So many may be away at once.")


class Placed(Part):
    """Where the pods of a role run, and what is said of them."""

    node_selector: Text = Field(default_factory=dict, description="Labels of the nodes that they run on.")
    tolerations: list[Object] = Field(default_factory=list, description="Taints that they bear.")
    affinity: Object = Field(default_factory=dict, description="Where they would rather run.")
    topology_spread_constraints: list[Object] = Field(
        default_factory=list, description="How they are spread. Empty is over hosts and zones, as far as that can be."
    )
    priority_class_name: str = Field("", description="The PriorityClass of the pods, which has to be there.")
    pod_annotations: Text = Field(default_factory=dict, description="Annotations of the pods.")
    pod_labels: Text = Field(default_factory=dict, description="Labels of the pods, besides those of the chart.")
