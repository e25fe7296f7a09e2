"""NetworkPolicies as a network reads them that enforces them: whether a pod may speak to another one's port."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from tests.chart.rendering import NAMESPACE, Object, Rendered


@dataclass(frozen=True)
class Pod:
    """What policies look at of a pod."""

    namespace: str
    labels: Mapping[str, str]
    address: str = "10.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict)
    """Those that have names."""


OURS = {"app.kubernetes.io/name": "modelfleet", "app.kubernetes.io/instance": "modelfleet"}
ROLES = {role: Pod(NAMESPACE, {**OURS, "app.kubernetes.io/component": role}) for role in ("operator", "xds", "gateway")}
PODS = {
    **ROLES,
    "prometheus": Pod("monitoring", {"app.kubernetes.io/name": "prometheus"}),
    "client": Pod("team-a", {"app": "chat"}),
    "neighbour": Pod(NAMESPACE, {"app": "other"}),
    # Whoever may make pods elsewhere may label them as he likes.
    "impostor": Pod("team-a", {**OURS, "app.kubernetes.io/component": "gateway"}),
}


def matches(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether it selects what has these labels; where there is no selector, nothing."""
    if selector is None:
        return False
    assert selector.keys() <= {"matchLabels"}, "nothing else is read here"
    return bool(labels.items() >= selector.get("matchLabels", {}).items())


def is_peer(peer: Object, pod: Pod, home: str) -> bool:
    """Whether a peer of a policy that is in the namespace `home` is this pod."""
    if "ipBlock" in peer:
        return is_in(pod.address, peer["ipBlock"])
    if "namespaceSelector" in peer:
        place = {"kubernetes.io/metadata.name": pod.namespace}
        return matches(peer["namespaceSelector"], place) and matches(peer.get("podSelector", {}), pod.labels)
    return pod.namespace == home and matches(peer.get("podSelector"), pod.labels)


def is_in(address: str, block: Object) -> bool:
    """Whether an address is in an ipBlock, and in none of its exceptions."""
    if ip_address(address) not in ip_network(block["cidr"]):
        return False
    return not any(ip_address(address) in ip_network(one) for one in block.get("except", ()))


def policies_of(out: Rendered, pod: Pod) -> list[Object]:
    """The policies that a pod is selected by."""
    return [
        one["spec"]
        for one in out.all("NetworkPolicy")
        if one["metadata"].get("namespace", NAMESPACE) == pod.namespace
        and matches(one["spec"]["podSelector"], pod.labels)
    ]


def may_speak(out: Rendered, source: Pod, target: Pod, port: int) -> bool:
    """Whether all policies of the target taken together let it in. Who no policy selects lets everybody in."""
    own = policies_of(out, target)
    return not own or any(
        port in [target.ports.get(it["port"], it["port"]) for it in rule["ports"]]
        and ("from" not in rule or any(is_peer(peer, source, target.namespace) for peer in rule["from"]))
        for spec in own
        for rule in spec.get("ingress", ())
    )
