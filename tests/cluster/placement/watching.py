"""What happens between two states: how few replicas served meanwhile, and how often one was moved."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from tests.cluster.placement.fleet import HARDWARE, MODEL, Fleet, is_replica
from tests.testbed.bed import Bed, expect, is_true

LOOK_S = 0.02


class Course:
    """All that was seen of the replicas of a model, look by look."""

    def __init__(self) -> None:
        self.fewest = 10_000
        """The fewest that were ready at any moment."""
        self.most = 0
        """The most there were, ready or not, with a node or without."""
        self.born: dict[str, str] = {}
        """The class of each replica that was ever seen, by its uid."""
        self.looks = 0

    def take(self, pods: list[dict[str, Any]]) -> None:
        """Notes one look."""
        ready = [pod for pod in pods if is_replica(pod) and is_true(pod, "Ready")]
        self.fewest = min(self.fewest, len(ready))
        self.most = max(self.most, len([pod for pod in pods if is_replica(pod)]))
        for pod in pods:
            self.born[pod["metadata"]["uid"]] = pod["metadata"]["labels"].get(HARDWARE, "")
        self.looks += 1


@contextmanager
def watching(bed: Bed, fleet: Fleet, model: str = "m") -> Iterator[Course]:
    """Looks at the replicas of a model all the while, some thirty times a second."""
    course, ending = Course(), threading.Event()
    failed: list[BaseException] = []

    def look() -> None:
        api = bed.client()
        path = f"/api/v1/namespaces/{fleet.namespace}/pods?labelSelector={MODEL}%3D{model}"
        try:
            while not ending.is_set():
                course.take(expect(api.get(path), HTTPStatus.OK)["items"])
                time.sleep(LOOK_S)
        except Exception as error:
            failed.append(error)
        finally:
            api.close()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield course
    finally:
        ending.set()
        thread.join()
    assert not failed, failed
    assert course.looks > 0
