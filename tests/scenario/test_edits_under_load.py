"""Edits by the hundred while callers ask by the hundred a second, and each answer is held to what was in force."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.report import percentile
from tests.dataplane.support.client import Request, chat
from tests.dataplane.support.received import Received
from tests.dataplane.support.rush import Rush, Sent
from tests.dataplane.support.steps import Program, chat_answer, sse_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.scenario.editor import NAMES, SHARED, Edit, Editor
from tests.scenario.history import Said, fault, fits, said
from tests.scenario.manifests import save, sim
from tests.scenario.support import PATIENCE_S, Up
from tests.sizes import SOAK, scale

EDITS = scale(30, 500)
RATE = scale(300, 600)
LEAST_RATE = 500
"""What the proof asks for. A quick run shares the machine with other tests, and is held to no rate."""
LOOK_S = 0.002
AT_ONCE = 2
STREAMED = 5
JSON = {"content-type": "application/json"}
PIECES = ("one", " two", " three")
APART_S = 0.005
"""From one piece of a stream to the next: it lasts so long that many an edit comes in the middle of one."""


def engine(request: Received) -> Program:
    """Answers with the name that it was asked by, so that an answer tells where the request really went."""
    asked = request.json()
    return sse_answer(PIECES, APART_S, model=asked["model"]) if asked.get("stream") else chat_answer(asked["model"])


def asked(number: int) -> Request:
    """By turns for every name, whether it is served or not; every fifth round streamed."""
    name = NAMES[number % len(NAMES)]
    stream = (number // len(NAMES)) % STREAMED == 0
    return Request(body=chat(name, f"hello {number}", stream=stream), headers=JSON)


def noted(sent: Sent) -> Said:
    return said(NAMES[sent.number % len(NAMES)], sent.began_s, sent.ended_s, sent.answer)


class Watcher:
    """Sees when an edit has its effect, by asking for what was edited again and again, as a user would."""

    def __init__(self, up: Up) -> None:
        self._up = up
        self.said: list[Said] = []
        self.effects_s: dict[str, list[float]] = {}

    def see(self, edits: list[tuple[Edit, int]]) -> None:
        """Waits for the effects of these; with each the number of lines that `up` had said before."""
        until_s = time.monotonic() + PATIENCE_S
        while edits:
            assert time.monotonic() < until_s, f"without effect: {[edit for edit, _ in edits]}\n{self._up.err}"
            edits = [(edit, mark) for edit, mark in edits if not self._seen(edit, mark)]
            time.sleep(LOOK_S)

    def _seen(self, edit: Edit, mark: int) -> bool:
        if edit.version is None:
            return bool(self._up.err.matching(edit.complaint, mark)) and self._has_effect(edit, time.monotonic())
        answer = self._ask(edit.subject.name)
        if not fits(edit.version, answer):
            return False
        edit.version.seen_s = answer.ended_s
        return self._has_effect(edit, answer.ended_s)

    def _has_effect(self, edit: Edit, at_s: float) -> bool:
        self.effects_s.setdefault(edit.kind, []).append(at_s - edit.written_s)
        return True

    def _ask(self, name: str) -> Said:
        began_s = time.monotonic()
        answer = self._up.ask(name)
        self.said.append(said(name, began_s, time.monotonic(), answer))
        return self.said[-1]


@pytest.fixture
def seed() -> int:
    chosen = os.environ.get("MODELFLEET_SEED")
    return int(chosen) if chosen else random.SystemRandom().randrange(2**32) if SOAK else 7


@pytest.fixture
def editor(tmp_path: Path, seed: int) -> Iterator[Editor]:
    folder = tmp_path / "fleet"
    folder.mkdir()
    save(folder / "models.yaml", *(sim(name) for name in SHARED))
    with ScriptedUpstream(engine) as upstream:
        yield Editor(folder, f"http://127.0.0.1:{upstream.port}/v1", seed)


def many_edits(editor: Editor, up: Up, watcher: Watcher) -> None:
    """Up to so many at once, none of them in anything whose last edit has had no effect yet."""
    subjects = list(editor.subjects.values())
    left = EDITS
    while left:
        edits: list[tuple[Edit, int]] = []
        for _ in range(min(left, AT_ONCE)):
            free = [subject for subject in subjects if subject not in [edit.subject for edit, _ in edits]]
            mark = up.mark
            edits.append((editor.edit(free), mark))
        left -= len(edits)
        watcher.see(edits)


@pytest.mark.alone
def test_no_request_fails_and_none_goes_where_no_policy_in_force_sends_it(
    editor: Editor, tmp_path: Path, seed: int, evidence: Callable[..., None]
) -> None:
    folder = next(iter(editor.subjects.values())).path.parent
    with Up(folder, state=tmp_path / "state") as up:
        up.ready()
        watcher = Watcher(up)
        with Rush(up.address, asked, noted, RATE) as rush:
            rush.wait_for(RATE // 5)
            many_edits(editor, up, watcher)
            rush.wait_for(RATE // 5)
        assert up.process.poll() is None, str(up.err)
        assert not up.err.matching("fault of modelfleet|Envoy refused|Traceback"), str(up.err)
    answers = [*rush.noted, *watcher.said]
    faults = [(fault(editor.subjects[one.name].history, one), one) for one in answers]
    counts = Counter(kind for kind, _ in faults if kind)
    shown = "\n".join(f"{kind}: {one}" for kind, one in faults if kind)
    assert not counts, f"seed {seed}: {dict(counts)} of {len(answers)}\n{shown[:8000]}"
    tell(evidence, answers, watcher.effects_s)
    evidence(seed=seed, requests_per_s=round(rush.achieved), in_the_slowest_second=slowest(rush.noted))
    assert not SOAK or rush.achieved >= LEAST_RATE, "nothing failed, but too few requests were sent to prove it"


def slowest(answers: list[Said]) -> int:
    """The fewest answers in any whole second of the load."""
    began_s = min(one.began_s for one in answers)
    seconds = Counter(int(one.ended_s - began_s) for one in answers)
    return min((seconds[number] for number in range(max(seconds))), default=len(answers))


def tell(evidence: Callable[..., None], answers: list[Said], effects_s: dict[str, list[float]]) -> None:
    every = [effect for effects in effects_s.values() for effect in effects]
    evidence(
        edits=len(every),
        requests=len(answers),
        streams=sum(one.stream for one in answers),
        refused_as_nobody_serves_it=sum(one.status == 404 for one in answers),
        repeated=sum(one.attempts > 1 for one in answers),
        failed=0,
        disallowed=0,
    )
    kinds = {"edit": every, **effects_s}
    for kind, effects in kinds.items():
        milliseconds = [round(1000 * percentile(effects, part), 1) for part in (0.5, 0.99)]
        evidence(**{f"{kind}_to_effect_ms": f"n {len(effects)}, p50 {milliseconds[0]}, p99 {milliseconds[1]}"})
    assert set(effects_s) == {"add", "remove", "reweight", "retime", "retarget", "break", "mend"}, set(effects_s)
