"""What happens to pods in a cluster, again and again, while users send requests: each sort in a thread of its own."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.cluster.gateways.census import Census, Life
from tests.cluster.operator.pods import UNREADY
from tests.cluster.placement.fleet import Fleet
from tests.testbed.bed import Bed, expect

PATIENCE_S = 60.0
NOTICES_S = (0.2, 1.0)
"""So long a kubelet takes to notice that a process has ended."""
STAYS_DOWN_S = (0.5, 2.0)
CRASHES = 3
LONGEST_DRAIN_S, LOOKS_S = 20.0, 0.2
SHARE = 0.3
"""How much of its replicas a model gains or loses when it is scaled."""


class Field(NamedTuple):
    """What there is to be churned."""

    bed: Bed
    namespace: str
    census: Census
    replicas: Mapping[str, int]
    """The models, and how many replicas each is to have."""
    nodes: Sequence[str]


class Hand:
    """One who does something to pods. To be used by one thread."""

    def __init__(self, field: Field, seed: str, ending: threading.Event, nodes: "Nodes") -> None:
        self.census, self.replicas, self.nodes = field.census, field.replicas, nodes
        self.random = Random(seed)
        self.fleet = Fleet(field.bed, field.namespace)
        self.fleet.api = field.bed.client()
        self._pods = f"/api/v1/namespaces/{field.namespace}/pods"
        self._ending = ending
        self._turn = 0

    def close(self) -> None:
        self.fleet.api.close()

    def goes_on(self, seconds: float) -> bool:
        """Waits; False where all is to end."""
        return not self._ending.wait(seconds)

    def pauses(self, between: tuple[float, float]) -> bool:
        """Waits for some time between these; False where all is to end."""
        return self.goes_on(self.random.uniform(*between))

    def model(self) -> str:
        """One of the models."""
        return self.random.choice(sorted(self.replicas))

    def pod(self) -> Life | None:
        """One of the pods that serve."""
        ready = sorted(self.census.ready(), key=lambda life: life.name)
        return self.random.choice(ready) if ready else None

    def marks(self, life: Life, text: str | None) -> bool:
        """Has the kubelet say that a pod is not ready, or that it is; whether there still was such a pod."""
        answer = self.fleet.api.merge(f"{self._pods}/{life.name}", {"metadata": {"annotations": {UNREADY: text}}})
        return answer.status == HTTPStatus.OK

    def deletes(self, life: Life, **options: Any) -> None:
        """Asks for a pod to go."""
        answer = self.fleet.api.request("DELETE", f"{self._pods}/{life.name}", options or None)
        expect(answer, HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND)

    # What is done.

    def update(self) -> bool:
        """A new version of a model: another environment for its engine."""
        self._turn += 1
        self.fleet.edit(self.model(), engine={"env": [{"name": "TURN", "value": str(self._turn)}]})
        return True

    def scale(self) -> bool:
        """More or fewer replicas of a model."""
        model = self.model()
        most = max(1, round(SHARE * self.replicas[model]))
        self.fleet.scale(model, self.replicas[model] + self.random.randint(-most, most))
        return True

    def delete(self) -> bool:
        """Somebody deletes a pod."""
        if life := self.pod():
            self.deletes(life)
        return life is not None

    def crash(self) -> bool:
        """A process ends by itself, and again soon after it was started anew."""
        life = self.pod()
        if life is None:
            return False
        for _ in range(CRASHES):
            self.census.strike(life)
            self.pauses(NOTICES_S)
            if not self.marks(life, "crashed"):
                break
            self.pauses(STAYS_DOWN_S)
            self.census.raise_up(life)
            if not self.marks(life, None) or not self.pauses(STAYS_DOWN_S):
                break
        return True

    def drain(self) -> bool:
        """A node is emptied as `kubectl drain` does, by evictions that respect budgets."""
        with self.nodes.one(self.random) as node:
            self.fleet.cordon(node)
            evicted = 0
            for _ in range(round(LONGEST_DRAIN_S / LOOKS_S)):
                left = [life.name for life in self.census.present() if life.node == node]
                for name in left:
                    evicted += self.fleet.evict({"metadata": {"name": name}}) == HTTPStatus.CREATED
                if not left or not self.goes_on(LOOKS_S):
                    break
            self.fleet.cordon(node, on=False)
            return evicted > 0

    def lose(self) -> bool:
        """A machine is gone at once. Kubernetes learns of it later, and later still lets go of its pods."""
        with self.nodes.one(self.random) as node:
            self.fleet.cordon(node)
            lost = [life for life in self.census.present() if life.node == node]
            for life in lost:
                self.census.strike(life)
            self.goes_on(self.random.uniform(*NOTICES_S))
            for life in lost:
                self.marks(life, "lost")
            self.pauses(STAYS_DOWN_S)
            for life in lost:
                self.deletes(life, gracePeriodSeconds=0)
            self.fleet.cordon(node, on=False)
            return bool(lost)


class Nodes:
    """Each node is in one hand at a time."""

    def __init__(self, names: Sequence[str]) -> None:
        self._free = sorted(names)
        self._condition = threading.Condition()

    def one(self, random: Random) -> "_Node":
        """Some node that nobody has, while it is entered."""
        return _Node(self, random)

    def take(self, random: Random) -> str:
        with self._condition:
            assert self._condition.wait_for(lambda: self._free, PATIENCE_S)
            return self._free.pop(random.randrange(len(self._free)))

    def give(self, name: str) -> None:
        with self._condition:
            self._free.append(name)
            self._free.sort()
            self._condition.notify()


class _Node:
    def __init__(self, nodes: Nodes, random: Random) -> None:
        self._nodes, self._random = nodes, random

    def __enter__(self) -> str:
        self._name = self._nodes.take(self._random)
        return self._name

    def __exit__(self, *_: object) -> None:
        self._nodes.give(self._name)


ACTS: Mapping[str, Callable[[Hand], bool]] = {
    "updates": Hand.update,
    "scalings": Hand.scale,
    "deletions": Hand.delete,
    "crash loops": Hand.crash,
    "drains": Hand.drain,
    "lost nodes": Hand.lose,
}


class Churn:
    """Does all of it while it is entered, each sort after pauses of about so many seconds; what was done is counted."""

    def __init__(self, field: Field, every_s: Mapping[str, float], seed: int) -> None:
        self._ending = threading.Event()
        self._errors: list[Exception] = []
        self.done: Counter[str] = Counter()
        nodes = Nodes(field.nodes)
        self._threads = [
            threading.Thread(
                target=self._work,
                args=(name, Hand(field, f"{seed} {name}", self._ending, nodes), pause),
                name=name,
                daemon=True,
            )
            for name, pause in every_s.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        if error is None and self._errors:
            raise ExceptionGroup("the churn failed", self._errors)

    def run(self, seconds: float) -> None:
        """Goes on for so long, or until something is wrong with it."""
        self._ending.wait(seconds)

    def _work(self, name: str, hand: Hand, pause: float) -> None:
        try:
            while hand.pauses((0.5 * pause, 1.5 * pause)):
                if ACTS[name](hand):
                    self.done[name] += 1
        except Exception as error:
            self._errors.append(error)
            self._ending.set()
        finally:
            with suppress(OSError):
                hand.close()
