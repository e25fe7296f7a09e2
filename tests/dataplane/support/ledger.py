"""Sends requests at a steady rate while a test does something else, and keeps the fate of every one of them."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Address, Connection, Request
from tests.dataplane.support.headers import pairs

ID = "x-load-id"
"""The header that carries the id. Envoy may replace x-request-id, so that one is of no use here."""
REFUSALS = {429, 503}

Kind = Literal["ok", "refused", "failed"]


@dataclass(frozen=True)
class Outcome:
    """The fate of one request. The begin is of `time.monotonic()`."""

    id: int
    kind: Kind
    reason: str
    status: int
    began_s: float
    total_s: float


@dataclass(frozen=True)
class Report:
    """The outcomes in the order of their ids, and the ids that were sent without an outcome."""

    outcomes: list[Outcome]
    unanswered: list[int]

    def of(self, *kinds: Kind) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.kind in kinds]

    @property
    def ok(self) -> list[Outcome]:
        return self.of("ok")

    @property
    def refused(self) -> list[Outcome]:
        return self.of("refused")

    @property
    def failed(self) -> list[Outcome]:
        return self.of("failed")

    @property
    def reasons(self) -> Counter[str]:
        """How often what went wrong, refusals included."""
        return Counter(outcome.reason for outcome in self.of("refused", "failed"))

    @property
    def slowest_s(self) -> float:
        return max((outcome.total_s for outcome in self.outcomes), default=0.0)

    def between(self, begin_s: float, end_s: float) -> "Report":
        """Only what began in that time of `time.monotonic()`."""
        return Report([outcome for outcome in self.outcomes if begin_s <= outcome.began_s < end_s], [])

    def assert_none_lost(self, at_least: int = 1, *, refusals: bool = False) -> None:
        """Every request was answered as it should be, and there were enough of them to mean something."""
        assert not self.unanswered, f"{len(self.unanswered)} without an outcome: {self}"
        assert not self.failed, str(self)
        assert refusals or not self.refused, str(self)
        assert len(self.ok) >= at_least, f"fewer than {at_least}: {self}"

    def __str__(self) -> str:
        counts = f"{len(self.ok)} ok, {len(self.refused)} refused, {len(self.failed)} failed"
        reasons = "".join(f"\n  {count} x {reason}" for reason, count in self.reasons.most_common())
        first = "".join(f"\n  first: {outcome}" for outcome in self.failed[:3])
        return f"{counts}, {len(self.unanswered)} unanswered{reasons}{first}"


def whole(answer: Answer) -> str:
    """What is wrong with an answer that should be a success, or nothing."""
    if not answer.complete:
        return f"{answer.error} after status {answer.status} and {len(answer.body)} bytes"
    if 200 <= answer.status < 300:
        return ""
    rude = answer.status in REFUSALS and not answer.header_values("retry-after")
    return f"status {answer.status}{' without retry-after' if rude else ''}"


def classify(answer: Answer, check: Callable[[Answer], str] = whole) -> tuple[Kind, str]:
    """A refusal counts as one only if it is whole and says when to come back."""
    if answer.complete and answer.status in REFUSALS and answer.header_values("retry-after"):
        return "refused", f"status {answer.status}"
    wrong = whole(answer) or check(answer)
    return ("failed", wrong) if wrong else ("ok", "")


@dataclass
class Load:
    """Sends while it is entered, for `limit_s` at most; on exit it waits for what is under way.

    `connections` bounds how many requests are under way at once. Where the answers are too slow for the rate, the rate
    drops; it never rises above what was asked for. `check` may find more wrong with a whole answer of status 2xx.
    """

    address: Address
    make_request: Callable[[int], Request]
    rate: float = 200.0
    connections: int = 8
    check: Callable[[Answer], str] = whole
    timeout: float = 10.0
    limit_s: float = 60.0
    keep_alive: bool = True
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False, repr=False)
    _sent: int = field(default=0, init=False)
    _outcomes: dict[int, Outcome] = field(default_factory=dict, init=False, repr=False)
    _errors: list[Exception] = field(default_factory=list, init=False, repr=False)
    _stopped: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        self._next_s = time.monotonic()
        self._until_s = self._next_s + self.limit_s
        self._threads = [
            threading.Thread(target=self._work, name=f"load-{number}", daemon=True)
            for number in range(self.connections)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(2 * self.timeout + 1)
        if error is None and self._errors:
            raise ExceptionGroup("the load failed", self._errors)

    def report(self) -> Report:
        """All so far. What is under way is unanswered, so ask after the exit."""
        with self._changed:
            outcomes = [self._outcomes[number] for number in sorted(self._outcomes)]
            return Report(outcomes, [number for number in range(1, self._sent + 1) if number not in self._outcomes])

    def wait_for(self, n: int, timeout: float = 10.0) -> None:
        """Until so many requests that begin from now on have an outcome."""
        with self._changed:
            begin = self._sent

            def reached() -> bool:
                return bool(self._errors) or sum(number > begin for number in self._outcomes) >= n

            assert self._changed.wait_for(reached, timeout), f"not within {timeout} s: {n} more outcomes"

    # What the threads do.

    def _work(self) -> None:
        line = _Line(self.address, self.timeout)
        try:
            while number := self._turn():
                self._one(number, line)
        except Exception as error:  # whatever make_request or check raises is shown to the test
            with self._changed:
                self._errors.append(error)
                self._changed.notify_all()
        finally:
            line.drop()

    def _turn(self) -> int:
        """Waits for its turn; the id of the request, or 0 when there shall be no more."""
        with self._changed:
            mine = max(self._next_s, time.monotonic())
            self._next_s = mine + 1 / self.rate
            self._changed.wait_for(lambda: self._stopped, mine - time.monotonic())
            if self._stopped or mine >= self._until_s:
                return 0
            self._sent += 1
            return self._sent

    def _one(self, number: int, line: "_Line") -> None:
        made = self.make_request(number)
        request = Request(made.path, made.body, [*pairs(made.headers), (ID, str(number))], made.method)
        began_s = time.monotonic()
        status = 0
        kind: Kind = "failed"
        try:
            answer = line.connection().send(request)
        except OSError as error:
            reason = f"connect: {error!r}"
        else:
            status = answer.status
            kind, reason = classify(answer, self.check)
        if not self.keep_alive:
            line.drop()
        outcome = Outcome(number, kind, reason, status, began_s, time.monotonic() - began_s)
        with self._changed:
            self._outcomes[number] = outcome
            self._changed.notify_all()


class _Line:
    """The connection of one thread, made anew where it cannot carry another request."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        if self._connection and not self._connection.fresh():
            self.drop()
        if not self._connection:
            self._connection = Connection(self._address, self._timeout)
        return self._connection

    def drop(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None
