"""Users of many models: requests at a steady rate, and the fate of each."""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.cluster.gateways.engines import NUMBER
from tests.dataplane.support.client import Address, Request, chat
from tests.dataplane.support.records import ID
from tests.dataplane.support.rush import Rush, Sent


class Fate(NamedTuple):
    """What became of a request. Times are of `time.monotonic()`."""

    number: int
    model: str
    began: float
    ended: float
    status: int
    id: str
    why: str = ""
    """What is wrong with the answer; nothing where it is whole and a success."""


class Users(Rush[Fate]):
    """Half of the requests go to models alike, half by how many replicas they have: seeded."""

    def __init__(self, gateway: Address, replicas: Mapping[str, int], rate: float, seed: int) -> None:
        super().__init__(gateway, self._request, self._fate, rate)
        self._random = random.Random(seed)
        self._models: Sequence[str] = sorted(replicas)
        self._weights = [replicas[model] for model in self._models]
        self._asked: dict[int, str] = {}

    def _request(self, number: int) -> Request:
        weights = self._weights if number % 2 else None
        (model,) = self._random.choices(self._models, weights)
        self._asked[number] = model
        return Request(body=chat(model), headers={"content-type": "application/json", NUMBER: str(number)})

    def _fate(self, sent: Sent) -> Fate:
        answer = sent.answer
        why = "" if answer.complete and answer.status == 200 else answer.error or answer.text
        id_ = answer.header(ID) if answer.status else ""
        return Fate(
            sent.number, self._asked.pop(sent.number), sent.began_s, sent.ended_s, answer.status, id_ or "", why
        )
