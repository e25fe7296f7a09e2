"""What becomes of a request, worked out by the rules alone: tries, falls, skips, the clock, and the end of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.dataplane.referee.reading import (
    REPEATS_FREE,
    Asked,
    Policy,
    Rung,
    attempts_of,
    bounds_of,
    header_ms,
    kinds_of,
    ladder_of,
    rule_of,
)
from tests.dataplane.referee.replies import NEVER, Reply

LEAST_MS = 100.0
"""With less than this left nothing new is begun."""
NOISE_MS = 150.0
"""By so much what we plan may come late. Next to nothing comes early, so on that side a fifth is enough."""
NOISE_OF_A_TRY_MS = 20.0
"""And each try makes what follows it a little later."""
WORDS = ("/v1/chat/completions", "/v1/completions")
UNAVAILABLE = 503


@dataclass(frozen=True)
class Host:
    """What stands behind a model: replies in turn, of which the last goes on, or nobody."""

    replies: tuple[Reply, ...] = ()
    absent: Literal["", "refuses", "no replica"] = ""
    passing: bool = False
    """Whether the caller's own credentials go there."""


@dataclass(frozen=True)
class Attempt:
    target: str
    status: int
    reason: str
    ms: float


@dataclass(frozen=True)
class Skip:
    target: str
    tier: str | None
    reason: str


@dataclass(frozen=True)
class Content:
    """What a model answered: its so many-th reply, so many pieces of it."""

    model: str
    number: int
    reply: Reply
    pieces: int

    @property
    def body(self) -> bytes:
        return b"".join(self.reply.body(author(self.model, self.number))[: self.pieces])


@dataclass(frozen=True)
class Prediction:
    status: int
    rung: int | None
    reason: str
    content: Content | None = None
    words: str = ""
    """Of a canned answer."""
    code: str = ""
    """Of an error that the gateway itself tells."""
    retry_after: str = ""
    served: Rung | None = None
    wanted: Rung | None = None
    rule: str | None = None
    truncated: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    skipped: list[Skip] = field(default_factory=list)
    ends_ms: float = 0
    closest_ms: float = math.inf
    """How near the nearest decision was to falling the other way."""


@dataclass(frozen=True)
class Tried:
    reason: str
    status: int
    ms: float
    content: Content | None = None
    ran_out: bool = False
    retry_after: str = ""


def author(model: str, number: int) -> str:
    return f"{model} {number}"


def kind_of(status: int, *, passing: bool) -> str:
    """What an answer is: ok, or which kind of failure."""
    if status in {429, 503, 529}:
        return "overload"
    if status >= 500 or (status in {401, 403} and not passing):
        return "5xx"
    return "ok"


class Referee:
    """One request under one policy. Ask it once."""

    def __init__(self, policy: Policy, hosts: Mapping[str, Host], asked: Asked) -> None:
        self._hosts, self._asked, self._policy = hosts, asked, policy
        self._rule = rule_of(policy, asked)
        self._ladder = ladder_of(policy, self._rule)
        self._bounds = bounds_of(policy)
        self._total = self._bounds.total
        self._now = 0.0
        self._closest = math.inf
        self._rung = 0
        self._cause = ""
        """What went wrong last; it decides how a refusal ends."""
        self._move = ""
        """Why the last move was made, where a model answers in the end."""
        self._attempts: list[Attempt] = []
        self._skipped: list[Skip] = []
        self._repeats = 0
        self._served: dict[str, int] = {}
        self._retry_after = ""

    def predict(self) -> Prediction:
        if not self._lowers():
            return Prediction(400, None, "invalid_timeout", code="invalid_timeout")
        if self._ladder[0].answer:
            return self._canned(0, "answer")
        answered = self._climb()
        if answered:
            return self._passed(answered)
        if self._ladder[-1].answer:
            return self._canned(len(self._ladder) - 1, self._cause)
        return self._refused()

    def _lowers(self) -> bool:
        """Takes the caller's time, where it is less; false where it is none."""
        said = self._asked.timeout
        if said is None or not self._policy.get("timeouts", {}).get("clientMayLower", True):
            return True
        asked_ms = header_ms(said)
        self._total = min(self._total, asked_ms or self._total)
        return asked_ms is not None

    # The way down.

    def _climb(self) -> Tried | None:
        """The try that answered. None where the ladder, its time or its rules came to an end before."""
        for at, rung in enumerate(self._ladder):
            if rung.answer:
                return None
            more = True
            repeat = 0
            while more:
                if self._attempts and not self._time_is_left():
                    return None
                self._rung = at
                if self._is_skipped(rung, repeat):
                    break
                tried = self._try(rung)
                if tried.reason == "ok":
                    return tried
                if tried.ran_out or tried.reason not in kinds_of(self._policy):
                    return None
                more = repeat < attempts_of(self._policy)
                repeat += 1
        return None

    def _time_is_left(self) -> bool:
        if self._before(self._now + LEAST_MS, self._total):
            return True
        self._cause = self._move = "timeout"
        return False

    def _is_skipped(self, rung: Rung, repeat: int) -> bool:
        if self._hosts[rung.model].absent == "no replica":
            self._cause = self._move = "no_capacity"
        elif repeat and self._repeats == REPEATS_FREE:
            self._move = "budget"
        else:
            self._repeats += bool(repeat)
            return False
        self._skipped.append(Skip(rung.model, rung.tier, self._move))
        return True

    def _try(self, rung: Rung) -> Tried:
        tried = self._reached(rung.model)
        self._now += tried.ms
        self._attempts.append(Attempt(rung.model, tried.status, tried.reason, tried.ms))
        if tried.reason != "ok":
            self._cause = self._move = tried.reason
            self._retry_after = tried.retry_after
        return tried

    def _reached(self, model: str) -> Tried:
        host = self._hosts[model]
        if host.absent:
            return Tried("connect", 0, 0)
        number = self._served[model] = self._served.get(model, 0) + 1
        reply = host.replies[min(number, len(host.replies)) - 1]
        tried = _undisturbed(reply, Content(model, number, reply, len(reply.pieces_ms)), passing=host.passing)
        own = self._bounds.first_token if self._asked.stream else self._bounds.answer
        left = self._total - self._now
        if self._before(tried.ms, min(own, left)):
            return tried
        return Tried("timeout", 0, min(own, left), ran_out=not self._before(own, left))

    def _before(self, planned: float, bound: float) -> bool:
        """Whether what is planned for then comes before the bound; remembers how sure that is."""
        if planned < bound:
            self._closest = min(self._closest, bound - planned - NOISE_OF_A_TRY_MS * len(self._attempts))
        elif planned < NEVER:
            self._closest = min(self._closest, 5 * (planned - bound))
        return planned < bound

    # The end.

    def _passed(self, tried: Tried) -> Prediction:
        assert tried.content
        content, truncated = tried.content, False
        if content.reply.events and tried.status < 300:
            pieces, ends_ms, truncated = self._running(content.reply)
            content = Content(content.model, content.number, content.reply, pieces)
            self._now += ends_ms - tried.ms
        if truncated:
            last = self._attempts.pop()
            self._attempts.append(Attempt(last.target, last.status, "truncated", last.ms))
        return self._ended(
            Prediction(
                tried.status,
                self._rung,
                self._move or "wanted",
                content,
                served=self._ladder[self._rung],
                truncated=truncated,
            )
        )

    def _running(self, reply: Reply) -> tuple[int, float, bool]:
        """How many pieces of a stream come, when it ends, and whether it ends too early."""
        at_ms = reply.pieces_ms[0]
        for number, next_ms in enumerate([*reply.pieces_ms[1:], reply.end_ms], start=1):
            gap = self._bounds.between_tokens
            if next_ms < NEVER:
                self._closest = min(self._closest, abs(next_ms - at_ms - gap))
            if next_ms - at_ms > gap:
                return number, at_ms + gap, True
            at_ms = next_ms
        return len(reply.pieces_ms), reply.end_ms, reply.breaks

    def _canned(self, rung: int, reason: str) -> Prediction:
        answer = self._ladder[rung].answer
        assert answer
        status = answer.get("status", 200)
        if status < 400 and self._asked.path not in WORDS:
            status = UNAVAILABLE
        retry_after = "any" if status == UNAVAILABLE else ""
        return self._ended(Prediction(status, rung, reason, words=answer["body"], retry_after=retry_after))

    def _refused(self) -> Prediction:
        if self._cause == "timeout":
            return self._ended(Prediction(504, self._rung, "timeout", code="timeout"))
        retry_after = self._retry_after or "1"
        refused = Prediction(UNAVAILABLE, self._rung, self._cause, code=self._cause, retry_after=retry_after)
        return self._ended(refused)

    def _ended(self, told: Prediction) -> Prediction:
        wanted = self._ladder[0]
        return replace(
            told,
            wanted=Rung() if wanted.answer else wanted,
            rule=self._rule["name"],
            attempts=self._attempts,
            skipped=self._skipped,
            ends_ms=self._now,
            closest_ms=self._closest,
        )


def _undisturbed(reply: Reply, content: Content, *, passing: bool) -> Tried:
    """What a try comes to, and when, if nothing bounds it."""
    if reply.head_ms == NEVER:
        return Tried("reset", 0, reply.end_ms)
    kind = kind_of(reply.status, passing=passing)
    if kind != "ok":
        retry_after = reply.retry_after if kind == "overload" else ""
        return Tried(kind, reply.status, reply.head_ms, retry_after=retry_after)
    if reply.events and reply.pieces_ms:
        return Tried("ok", reply.status, reply.pieces_ms[0], content)
    if reply.end == "whole":
        return Tried("ok", reply.status, reply.end_ms, content)
    return Tried("reset", 0, reply.end_ms)
