"""How a request becomes an answer: checked, drawn a fault or none, admitted, and sent at the declared speed."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelfleet.engines_sim.answers import Answer, answered, chat_json, completion_json
from modelfleet.engines_sim.behaviour import Behaviour, changed
from modelfleet.engines_sim.embeddings import embeddings
from modelfleet.engines_sim.exchange import EVENTS, JSON, Exchange, Header, Refused
from modelfleet.engines_sim.faults import Broken, Faults, drawn
from modelfleet.engines_sim.fields import Invalid
from modelfleet.engines_sim.metrics import Metrics
from modelfleet.engines_sim.queueing import Full, Slots
from modelfleet.engines_sim.requests import Body, chat, completion, parsed
from modelfleet.engines_sim.streaming import chat_events, completion_events, seconds, steps

_LATER = (b"retry-after", b"1")
_UNBUFFERED = (b"cache-control", b"no-cache")


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be sent: a payload in one go, or events, of which there are one more than tokens."""

    prompt_tokens: int
    tokens: int
    payload: bytes = b""
    events: Iterator[bytes] | None = None
    headers: tuple[Header, ...] = ()


Worker = Callable[[Body, Behaviour, int], Work]


class Generation:
    """All requests that the engine generates for, and what they share."""

    def __init__(self, models: frozenset[str], behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.metrics = Metrics()
        self.slots = Slots(behaviour.concurrency, behaviour.queue)
        self._models = models
        self._answers = 0
        self._draws = 0

    def behave(self, behaviour: Behaviour) -> None:
        """Behave like this from now on. The draws begin anew, so that a scenario can be repeated."""
        self.behaviour = behaviour
        self.slots.resize(behaviour.concurrency, behaviour.queue)
        self._draws = 0

    async def run(self, exchange: Exchange, worker: Worker) -> None:
        behaviour = self.behaviour if exchange.behaviour is None else self._own(exchange.behaviour)
        body = parsed(exchange.body)
        work = worker(body, behaviour, self._answers)
        if body["model"] not in self._models:
            raise Refused(404, f"The model `{body['model']}` does not exist.", param="model")
        self._answers += 1
        faults = self._befall(behaviour)
        try:
            await self._enter(behaviour)
            try:
                self.metrics.prompt_tokens += work.prompt_tokens
                await self._send(exchange, work, behaviour, faults.truncate)
            finally:
                self.slots.leave()
        except asyncio.CancelledError:
            self.metrics.cancelled += 1
            raise

    def _own(self, header: bytes) -> Behaviour:
        try:
            return changed(self.behaviour, header, one_request=True)
        except Invalid as invalid:
            raise Refused(400, f"x-sim-behaviour: {invalid}") from None

    def _befall(self, behaviour: Behaviour) -> Faults:
        faults = drawn(behaviour, self._draws)
        self._draws += 1
        if faults.fail:
            self.metrics.faults["fail"] += 1
            raise Refused(behaviour.fail_status, "The engine fails, as it was told to.")
        if faults.reset:
            self.metrics.faults["reset"] += 1
            raise Broken(reset=True)
        return faults

    async def _enter(self, behaviour: Behaviour) -> None:
        try:
            await self.slots.enter()
        except Full:
            self.metrics.faults["overload"] += 1
            words = "The engine is overloaded: its queue is full."
            raise Refused(behaviour.overload_status, words, headers=(_LATER,)) from None

    async def _send(self, exchange: Exchange, work: Work, behaviour: Behaviour, truncate: bool) -> None:
        if behaviour.stall and work.tokens > behaviour.stall_after_tokens:
            self.metrics.faults["stall"] += 1
        if truncate:
            self.metrics.faults["truncate"] += 1
        if work.events is not None:
            await self._stream(exchange, work, behaviour, truncate)
            return
        pause = seconds(behaviour, work.tokens)
        if pause:
            await asyncio.sleep(pause)
        length = (b"content-length", b"%d" % len(work.payload))
        await exchange.start((JSON, length, *work.headers))
        if truncate:
            await exchange.write(work.payload[: len(work.payload) // 2], more=True)
            raise Broken(reset=False)
        self.metrics.generated_tokens += work.tokens
        await exchange.write(work.payload, more=False)

    async def _stream(self, exchange: Exchange, work: Work, behaviour: Behaviour, truncate: bool) -> None:
        events = work.events or iter(())
        await exchange.start((EVENTS, _UNBUFFERED, *work.headers))
        for pause, due in steps(behaviour, work.tokens // 2 if truncate else work.tokens):
            if pause:
                await asyncio.sleep(pause)
            if due:
                self.metrics.generated_tokens += due
                await exchange.write(b"".join(itertools.islice(events, due)), more=True)
        if truncate:
            raise Broken(reset=False)
        await exchange.write(b"".join(events), more=False)


def chat_work(body: Body, behaviour: Behaviour, number: int) -> Work:
    wanted = chat(body)
    answer = answered(wanted, behaviour, number)
    if wanted.stream:
        return _work(answer, events=chat_events(answer, wanted.include_usage))
    return _work(answer, payload=chat_json(answer))


def completion_work(body: Body, behaviour: Behaviour, number: int) -> Work:
    wanted = completion(body)
    answer = answered(wanted, behaviour, number)
    if wanted.stream:
        return _work(answer, events=completion_events(answer, wanted.include_usage))
    return _work(answer, payload=completion_json(answer))


def embeddings_work(body: Body, behaviour: Behaviour, _: int) -> Work:
    tokens, payload = embeddings(body, behaviour.seed)
    return Work(tokens, 0, payload)


def _work(answer: Answer, payload: bytes = b"", events: Iterator[bytes] | None = None) -> Work:
    headers = () if answer.confidence is None else ((b"x-confidence", b"%r" % answer.confidence),)
    return Work(answer.prompt_tokens, answer.tokens, payload, events, headers)
