"""What is watched in a cluster: our kinds, and what they come to."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import GROUP, VERSION

MANAGED = "app.kubernetes.io/managed-by=modelfleet"
"""What we made. Endpoint slices carry the labels of their Service, so they are found by it, too."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind of object, where the API server has it, and which objects of it are of interest."""

    kind: str
    group: str
    version: str
    plural: str
    namespaced: bool = True
    selector: str = ""
    is_child: bool = False
    """Whether we make objects of this kind, so that what is in them is kept."""
    optional: bool = False
    """Whether a cluster may do without it: that it is not there is then no lack."""

    @property
    def is_ours(self) -> bool:
        """Whether it is one of the kinds that we define."""
        return self.group == GROUP

    def path(self, namespace: str = "") -> str:
        """The path of its collection, in one namespace or in all."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"


def _made(kind: str, group: str, version: str, plural: str, *, optional: bool = False) -> Watched:
    return Watched(kind, group, version, plural, selector=MANAGED, is_child=True, optional=optional)


OURS = tuple(Watched(kind.KIND.name, GROUP, VERSION, kind.KIND.plural, kind.KIND.namespaced) for kind in KINDS.values())
AROUND = (
    Watched("Node", "", "v1", "nodes", namespaced=False),
    Watched("Pod", "", "v1", "pods", selector=MANAGED),
    Watched("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices", selector=MANAGED),
)
MADE = (
    _made("Service", "", "v1", "services"),
    _made("Deployment", "apps", "v1", "deployments"),
    _made("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"),
    _made("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers"),
    _made("ScaledObject", "keda.sh", "v1alpha1", "scaledobjects", optional=True),
    _made("ResourceClaimTemplate", "resource.k8s.io", "v1", "resourceclaimtemplates", optional=True),
)
"""What models come to. The optional ones are made only for models that ask for them."""
WATCHED = (*OURS, *AROUND, *MADE)
ROUTED = (*OURS, *AROUND)
"""What gateways are programmed from: who only does that need not see what is made for models."""
BY_KIND = {watched.kind: watched for watched in WATCHED}


class Scope(NamedTuple):
    """A kind in one namespace, or everywhere: what one list and one watch are about."""

    watched: Watched
    namespace: str = ""

    @property
    def path(self) -> str:
        """Where it is listed and watched."""
        return self.watched.path(self.namespace)

    def __str__(self) -> str:
        return f"{self.watched.plural} in {self.namespace}" if self.namespace else self.watched.plural


def scopes(namespaces: tuple[str, ...] = (), kinds: Iterable[Watched] = WATCHED) -> tuple[Scope, ...]:
    """What is listed and watched for these namespaces; for all of them where none is named."""
    return tuple(
        Scope(watched, namespace)
        for watched in kinds
        for namespace in (sorted(set(namespaces)) if watched.namespaced and namespaces else ("",))
    )
