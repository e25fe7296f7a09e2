"""Where requests for each model may be sent: what slices say, joined with what is known of the pods and nodes."""

from collections.abc import Iterable, Iterator, Mapping

from modelfleet.findings import Key
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.pods import Pod
from modelfleet.fleet.slices import Backend, Slice
from modelfleet.fleet.world import Endpoint

PodsByUid = Mapping[str, Pod]


class Places:
    """What is known of where replicas are."""

    def __init__(self, pods: Iterable[Pod], nodes: Iterable[Node], classes: Iterable[str]) -> None:
        self._pods: PodsByUid = {pod.uid: pod for pod in pods}
        self._nodes = {node.name: node for node in nodes}
        self._classes = {label_value(name): name for name in classes}

    def endpoints(self, slices: Mapping[Key, Iterable[Slice]]) -> dict[Key, tuple[Endpoint, ...]]:
        """The endpoints of each model, of which the keys say whose they are."""
        return {key: self._of(one for each in found for one in each.backends) for key, found in sorted(slices.items())}

    def _of(self, backends: Iterable[Backend]) -> tuple[Endpoint, ...]:
        """Those that take requests. Where there is none, those that go and still serve: better than nobody."""
        staying: set[Endpoint] = set()
        leaving: set[Endpoint] = set()
        for backend in backends:
            pod = self._pods.get(backend.pod)
            if pod and pod.ended:
                continue
            # Of a pod that is asked to go its own watch may tell sooner than the slice.
            goes = backend.leaving or (pod is not None and pod.terminating)
            (leaving if goes else staying).add(self._endpoint(backend, pod))
        return tuple(_once(staying or leaving))

    def _endpoint(self, backend: Backend, pod: Pod | None) -> Endpoint:
        node = self._nodes.get(backend.node or (pod.node if pod else ""))
        hardware = pod.hardware if pod else ""
        return Endpoint(
            address=backend.address,
            port=backend.port,
            hardware=self._classes.get(hardware, hardware),
            region=node.region if node else "",
            zone=backend.zone or (node.zone if node else ""),
        )


def _once(endpoints: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Each address once: while replicas move from one slice to another they are in both."""
    last: Endpoint | None = None
    for endpoint in sorted(endpoints):
        if last is None or (last.address, last.port) != (endpoint.address, endpoint.port):
            yield endpoint
        last = endpoint
