"""Pods that load for as long as a test likes: they run and are not ready until it lets them."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.operator import admission
from tests.cluster.operator.pods import UNREADY, recover
from tests.cluster.placement.fleet import Fleet


class Held:
    """The pods of a namespace that are kept from being ready."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def let_go(self) -> None:
        """Lets those be ready that there are by now."""
        for pod in self._fleet.pods():
            if UNREADY in pod["metadata"].get("annotations", {}):
                path = f"/api/v1/namespaces/{self._fleet.namespace}/pods/{pod['metadata']['name']}"
                recover(self._fleet.api, path)


@contextmanager
def held_pods(fleet: Fleet) -> Iterator[Held]:
    """Holds each pod that is made from now on in the test's namespace."""
    held = Held(fleet)
    try:
        with admission.held_pods(fleet.api, fleet.namespace):
            yield held
    finally:
        held.let_go()
