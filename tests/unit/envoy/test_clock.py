"""The module that Envoy runs beside each attempt, in a host of our own whose time stands still until it is told."""

import math
import random
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from struct import pack, pack_into
from types import SimpleNamespace
from typing import Any, cast

import pytest
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from wasmtime import Engine, Func, FuncType, Linker, Memory, Module, Store, wat2wasm

from modelfleet.envoy.clock import GAP, MODULE, NAMESPACE_OF_CLOCK, UNTIL, render_clock
from modelfleet.envoy.typed import parse
from tests.sizes import scale

SLOTS, PROBES, ROOT = 16_384, 8, 1
EPOCH, MS = 1_800_000_000_000, 1_000_000
STREAM, MOST = b"text/event-stream", 0x10000
CONTINUE, STOP, STOP_AND_KEEP_NOTHING = 0, 1, 3
OK, NOT_FOUND, BAD_ARGUMENT, INVALID_MEMORY = 0, 1, 2, 6
LATE, PAUSED = (504, "total_timeout"), "closed"

Number = float | bytes | None  # as it stands in metadata; bytes are no number


class Host:
    """What Envoy is to the module: contexts that come and go, their metadata and headers, two clocks and a tick."""

    def __init__(self, engine: Engine, module: Module) -> None:
        self.clocks = [EPOCH * MS, 5 * MS]
        self.metadata: dict[int, dict[str, Number]] = {}
        self.types: dict[int, bytes | None] = {}
        self.current = self.entered = ROOT
        self.periods = [0]
        self.ended: list[tuple[int, object]] = []
        self.meanwhile: Callable[[int], object] = lambda _: None
        self.store, linker = Store(engine), Linker(engine)
        for asked in module.imports:
            name, kind = cast(str, asked.name), cast(FuncType, asked.type)
            linker.define_func(asked.module, name, kind, getattr(self, name))
        found = linker.instantiate(self.store, module).exports(self.store)
        self.functions = {name: item for name, item in found.items() if isinstance(item, Func)}
        self.memory = memoryview(cast(Memory, found["memory"]).get_buffer_ptr(self.store)).cast("B")

    def text(self, at: int, length: int) -> str:
        return bytes(self.memory[at : at + length]).decode()

    def hand_over(self, value: bytes | None, where: int, length: int) -> int:
        # As Envoy does it: what is missing leaves both places as they were, and what is empty has no address.
        if value is None:
            return NOT_FOUND
        at = self.functions["malloc"](self.store, len(value)) if value else 0
        if value and not at:
            return INVALID_MEMORY
        self.memory[at : at + len(value)] = value
        pack_into("<I", self.memory, where, at)
        pack_into("<I", self.memory, length, len(value))
        return OK

    def clock_time_get(self, clock: int, _: int, at: int) -> int:
        pack_into("<Q", self.memory, at, self.clocks[clock])
        return OK

    def proxy_get_property(self, path: int, length: int, *places: int) -> int:
        *parts, field = self.text(path, length).split("\0")
        assert parts == ["metadata", "filter_metadata", NAMESPACE_OF_CLOCK]
        value = self.metadata[self.current][field]
        return self.hand_over(pack("<d", value) if isinstance(value, int | float) else value, *places)

    def proxy_get_header_map_value(self, kind: int, name: int, length: int, *places: int) -> int:
        assert (kind, self.text(name, length)) == (2, "content-type")
        return self.hand_over(self.types[self.current], *places)

    def proxy_set_tick_period_milliseconds(self, period: int) -> int:
        self.periods.append(period)
        return OK

    def proxy_set_effective_context(self, context: int) -> int:
        self.entered = context if context in self.metadata else self.entered
        return OK if context in self.metadata else BAD_ARGUMENT

    def proxy_close_stream(self, kind: int) -> int:
        assert kind == 1
        return self.end(PAUSED)

    def proxy_send_local_response(self, status: int, at: int, length: int, *rest: int) -> int:
        assert rest == (0, 0, 0, 0, -1)
        return self.end((status, self.text(at, length)))

    def end(self, how: object) -> int:
        self.ended.append((self.entered, how))
        self.meanwhile(self.entered)
        return OK

    def call(self, context: int, name: str, *given: int) -> Any:
        self.current = context
        return self.functions["proxy_on_" + name](self.store, context, *given)

    def request(self, context: int, until: Number = None, gap: Number = None) -> None:
        """One attempt begins. It must have begun to be answered so many milliseconds from now."""
        moment = until + self.clocks[0] / MS if isinstance(until, int | float) else until
        self.metadata[context] = {UNTIL: moment, GAP: gap}
        assert self.call(context, "request_headers", 9, 1) == CONTINUE

    def headers(self, context: int, kind: bytes | None = STREAM, *, end: bool = False) -> Any:
        self.types[context] = kind
        return self.call(context, "response_headers", 9, int(end))

    def piece(self, context: int, size: int = 1, *, end: bool = False) -> Any:
        return self.call(context, "response_body", size, int(end))

    def stream(self, context: int, until: Number, gap: Number = None) -> None:
        """One whose first piece is here."""
        self.request(context, until, gap)
        assert (self.headers(context), self.piece(context)) == (STOP, CONTINUE)

    def done(self, context: int) -> None:
        assert self.call(context, "done") == 1
        self.metadata.pop(context, None)

    def after(self, milliseconds: float) -> list[tuple[int, object]]:
        """Time goes on, and there is a tick where one was asked for: whom it ends, and how."""
        self.clocks = [clock + round(milliseconds * MS) for clock in self.clocks]
        before, self.entered = len(self.ended), ROOT
        if self.periods[-1]:
            self.call(ROOT, "tick")
        return self.ended[before:]


@pytest.fixture(scope="module")
def compiled() -> tuple[Engine, Module]:
    engine = Engine()
    return engine, Module(engine, MODULE.read_bytes())


@pytest.fixture
def host(compiled: tuple[Engine, Module]) -> Host:
    return Host(*compiled)


def test_the_module_is_what_its_source_says() -> None:
    source = Path(str(MODULE)).with_suffix(".wat").read_text(encoding="utf-8")
    assert bytes(wat2wasm(source)) == MODULE.read_bytes(), "run tools/clock.py"


def test_the_filter_carries_the_module() -> None:
    assert parse(render_clock(), HttpFilter()).name == "clock"
    machine = render_clock()["typed_config"]["value"]["config"]["vm_config"]
    assert b64decode(machine["code"]["local"]["inline_bytes"], validate=True) == MODULE.read_bytes()


def test_envoy_calls_no_more_than_it_must(compiled: tuple[Engine, Module]) -> None:
    needed = {"memory", "malloc", "proxy_abi_version_0_2_1"}
    events = {"request_headers", "response_headers", "response_body", "done", "tick"}
    assert {export.name for export in compiled[1].exports} == needed | {"proxy_on_" + event for event in events}


def test_a_stream_whose_first_byte_is_late_is_answered_with_504_whether_its_headers_came_or_not(host: Host) -> None:
    host.request(7, 1_000, 10)
    host.request(8, 1_000, 10)
    assert host.headers(8) == STOP
    assert [host.after(999.999), host.after(0.001)] == [[], [(7, LATE), (8, LATE)]]


def test_a_stream_that_has_begun_may_pause_for_its_gap_each_time_and_no_longer(host: Host) -> None:
    host.stream(7, 1_000, 300)
    for _ in range(9):
        assert (host.after(299.999), host.piece(7)) == ([], CONTINUE)
    assert [host.after(299.999), host.after(0.001)] == [[], [(7, PAUSED)]]


@pytest.mark.parametrize("gap", [None, 0, -5, math.nan, b"", b"300", b"never ever"])
def test_a_stream_without_a_gap_may_pause_for_ever(host: Host, gap: Number) -> None:
    host.stream(7, 1_000, gap)
    assert host.after(10**9) == []
    assert host.periods == [0, 20, 0]


@pytest.mark.parametrize("kind", [b"application/json", b"text/plain", b"", None])
def test_an_answer_that_is_no_stream_is_bounded_as_a_whole_whatever_came_of_it(host: Host, kind: bytes | None) -> None:
    host.request(7, 1_000, 100)
    assert host.headers(7, kind) == CONTINUE
    for _ in range(4):
        assert (host.after(225), host.piece(7)) == ([], CONTINUE)
    assert [host.after(99), host.after(1)] == [[], [(7, LATE)]]


def test_nothing_is_ended_twice(host: Host) -> None:
    host.request(7, 1_000, 100)
    host.stream(8, 1_000, 100)
    assert host.after(1_000) == [(7, LATE), (8, PAUSED)]
    host.request(9, 90_000)  # so that ticks go on
    for context in (7, 8):
        host.headers(context)
        host.piece(context)
    assert host.after(10_000) == []


@pytest.mark.parametrize("until", [None, b"", b"soon", b"in a while", -math.inf, math.nan, -EPOCH - 1])
def test_an_attempt_without_a_moment_is_not_watched_but_a_stream_is_held(host: Host, until: Number) -> None:
    host.stream(7, until, 10)
    assert host.periods == [0]


@pytest.mark.parametrize("far", [10**10, 1e300, math.inf])
def test_a_moment_far_away_never_comes_and_one_that_has_passed_comes_at_once(host: Host, far: float) -> None:
    host.request(6, -50)
    host.request(7, far)
    host.stream(8, 1_000, far)
    host.request(9, 1 - EPOCH)
    assert host.after(0) == [(6, LATE), (9, LATE)]
    assert host.after(9 * 10**9) == []


STREAMS = [STREAM, STREAM.upper(), b"Text/Event-Stream", STREAM + b";charset=utf-8", STREAM.ljust(MOST, b";")]
OTHERS = [None, b"", b"t", STREAM[:-1], b" " + STREAM, b"text/html; a=text/event-stream", STREAM.ljust(MOST + 1, b";")]
ALMOST = [STREAM[:place] + b"~" + STREAM[place + 1 :] for place in range(len(STREAM))]
KINDS = [(kind, STOP if kind in STREAMS else CONTINUE) for kind in [*STREAMS, *OTHERS, *ALMOST]]


@pytest.mark.parametrize(("kind", "told"), KINDS)
def test_the_headers_of_a_stream_are_held_and_no_others(host: Host, kind: bytes | None, told: int) -> None:
    host.request(SLOTS, 1_000)  # its slot is the first, behind what the host hands over
    assert host.headers(SLOTS, kind, end=True) == CONTINUE
    assert host.headers(SLOTS, kind) == told
    host.piece(SLOTS)
    assert host.after(1_000) == ([] if told == STOP else [(SLOTS, LATE)])


def test_what_is_missing_is_not_taken_from_the_one_before(host: Host) -> None:
    host.stream(7, 1_000, 50)
    host.request(8)
    host.request(9, 1_000)
    assert [host.headers(8, kind) for kind in (STREAM, None, STREAM, b"text")] == [STOP, CONTINUE, STOP, CONTINUE]
    assert (host.headers(9), host.piece(9)) == (STOP, CONTINUE)
    assert host.after(1_000) == [(7, PAUSED)]


def test_a_piece_with_nothing_in_it_is_no_first_byte_and_no_next_one(host: Host) -> None:
    host.request(7, 1_000, 300)
    host.headers(7)
    host.stream(8, 1_000, 300)
    host.after(200)
    assert [host.piece(7, 0), host.piece(8, 0)] == [STOP_AND_KEEP_NOTHING] * 2
    assert host.after(100) == [(8, PAUSED)]
    assert host.after(700) == [(7, LATE)]
    assert host.piece(7, 0, end=True) == CONTINUE


def test_what_is_done_is_forgotten_however_often_it_is(host: Host) -> None:
    host.request(7, 1_000)
    host.stream(8, 1_000, 100)
    host.request(9, 2_000)
    for context in (7, 7, 8, 8, 7, 5, ROOT):
        host.done(context)
    assert [host.after(1_999), host.after(1)] == [[], [(9, LATE)]]


def test_there_are_ticks_while_somebody_is_watched_and_only_a_tick_ends_them(host: Host) -> None:
    host.request(6)
    assert host.periods == [0]
    host.request(7, 1_000)
    host.request(8, 1_000)
    host.done(7)
    assert (host.after(20), host.periods) == ([], [0, 20])
    host.done(8)
    host.request(9, 1_000)
    host.done(9)
    assert host.periods == [0, 20]
    assert (host.after(20), host.periods) == ([], [0, 20, 0])


@pytest.mark.parametrize("jump", [3_600_000, -3_600_000])
def test_a_clock_that_is_put_right_ends_nobody_and_spares_nobody(host: Host, jump: int) -> None:
    host.request(7, 1_000)
    host.stream(8, 1_000, 500)
    host.clocks[0] += jump * MS
    assert [host.after(passed) for passed in (499, 1, 499, 1)] == [[], [(8, PAUSED)], [], [(7, LATE)]]


def test_one_that_is_gone_takes_nobody_with_it(host: Host) -> None:
    for context in (7, 8, 9):
        host.request(context, 1_000)
    host.stream(10, 1_000, 1_000)
    del host.metadata[8], host.metadata[10]
    assert (host.after(1_000), host.periods) == ([(7, LATE), (9, LATE)], [0, 20, 0])


def test_what_envoy_calls_while_one_is_ended_does_no_harm(host: Host) -> None:
    for context in (7, 8, 9):
        host.request(context, 1_000)
    host.stream(10, 1_000, 1_000)
    host.meanwhile = lambda context: host.done(context + 1)
    assert (host.after(1_000), host.periods) == ([(7, LATE), (9, LATE)], [0, 20, 0])
    host.request(20, 1_000)
    host.meanwhile = lambda context: host.request(context + 1, 1_000)
    assert [host.after(1_000), host.after(1_000)] == [[(20, LATE)], [(21, LATE)]]
    assert host.periods == [0, 20, 0, 20]


def test_twenty_thousand_one_after_another_are_all_watched(host: Host) -> None:
    host.request(2, 10**9)
    for context in range(1_000, 21_000, scale(10, 1)):
        host.request(context, 1_000)
        if context % 1_000 == 0:
            assert host.after(1_000) == [(context, LATE)]
        host.done(context)
    assert host.after(10**9) == [(2, LATE)]


def test_of_more_at_once_than_there_are_slots_as_many_are_watched_as_there_are(host: Host) -> None:
    for context in range(100, 100 + SLOTS + scale(200, 10_000)):
        host.request(context, 1_000)
    assert sorted(host.after(1_000)) == [(context, LATE) for context in range(100, 100 + SLOTS)]
    assert host.periods == [0, 20, 0]


def test_the_last_slot_and_the_first_are_neighbours(host: Host) -> None:
    last = SLOTS - 1
    for context in (last, last + SLOTS, last + 2 * SLOTS, 3 * SLOTS):
        host.request(context, 1_000)
    host.done(last)
    host.done(3 * SLOTS)
    assert sorted(host.after(1_000)) == [(last + SLOTS, LATE), (last + 2 * SLOTS, LATE)]


def test_a_newcomer_who_finds_all_places_taken_is_not_watched(host: Host) -> None:
    home, *others = range(5, 5 + (PROBES + 2) * SLOTS, SLOTS)
    for context in (home, *others[:PROBES]):
        host.request(context, 1_000)
    host.request(6, 1_000)  # may live one place further
    host.done(home)
    host.request(others[PROBES], 1_000)
    assert sorted(host.after(1_000)) == [(one, LATE) for one in [6, *others[: PROBES - 1], others[PROBES]]]


class Run:
    """What comes at random, told to the module and to a few dictionaries that keep the same rules."""

    def __init__(self, host: Host, seed: int) -> None:
        self.host, self.draw = host, random.Random(seed)
        self.now, self.last, self.aside = 0, ROOT, 0
        self.answered: dict[int, bool] = {}
        self.watched: dict[int, SimpleNamespace] = {}

    def one(self, *, answered: bool) -> int:
        return self.draw.choice([one for one, there in self.answered.items() if there == answered] or [ROOT])

    def begin(self) -> None:
        self.last += self.draw.choice([1, 2, *[SLOTS] * 8, SLOTS - 1])
        until, gap = self.draw.choice([None, *[5, 50, 500, 5_000] * 2]), self.draw.choice([0, 10, 100])
        self.host.request(self.last, until, gap)
        self.answered[self.last] = False
        taken = {other.slot for other in self.watched.values()}
        free = [slot for probe in range(PROBES) if (slot := (self.last + probe) % SLOTS) not in taken]
        if until is not None and free:
            self.watched[self.last] = SimpleNamespace(slot=free[0], at=self.now + until, gap=gap, end=LATE, held=False)
        self.aside += free[:1] != [self.last % SLOTS]

    def answer(self) -> None:
        context, kind = self.one(answered=False), self.draw.choice([STREAM, STREAM, None])
        assert self.host.headers(context, kind) == (STOP if kind else CONTINUE)
        self.answered[context] = True
        if kind and context in self.watched:
            self.watched[context].held = True

    def piece(self) -> None:
        context = self.one(answered=True)
        assert self.host.piece(context) == CONTINUE
        found = self.watched.get(context)
        if found and found.held:
            found.at, found.end = self.now + found.gap, PAUSED
            if not found.gap:
                del self.watched[context]

    def done(self) -> None:
        context = self.one(answered=self.draw.random() < 0.5)
        self.host.done(context)
        self.answered.pop(context, None)
        self.watched.pop(context, None)

    def wait(self) -> None:
        passed = self.draw.choice([0, 1, 4, 20])
        self.now += passed
        late = [(context, found.end) for context, found in self.watched.items() if found.at <= self.now]
        assert sorted(self.host.after(passed)) == sorted(late)
        for context, _ in late:
            del self.watched[context]


@pytest.mark.parametrize("seed", range(scale(4, 200)))
def test_whatever_comes_in_whatever_order_it_is_as_in_the_rules(host: Host, seed: int) -> None:
    run = Run(host, seed)
    for step in run.draw.choices((run.begin, run.answer, run.piece, run.done, run.wait), (4, 3, 4, 1, 2), k=2_000):
        step()
    assert min(len(host.ended), run.aside) > 50
