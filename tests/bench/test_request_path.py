"""What a routed request costs beside plain Envoy and beside what users would take instead: reported, never asserted."""

import os
from collections.abc import Iterator

import pytest

from tests.bench.bodies import COUNT
from tests.bench.cores import unsuited
from tests.bench.costs import Progress, costs
from tests.bench.lateness import delays
from tests.bench.report import report
from tests.bench.stage import EVERY, SEED, Stage, stage
from tests.bench.traffic import Missing

ROUNDS = int(os.environ.get("MODELFLEET_BENCH_ROUNDS", "3"))
FEWER = max(1, ROUNDS * 2 // 3)
"""For what takes longest, so that the whole bench stays below a quarter of an hour."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if why := unsuited():
        pytest.skip(why)
    try:
        with stage(tmp_path_factory.mktemp("stage")) as found:
            print("", *found.missing, sep="\n", flush=True)
            yield found
    except Missing as error:
        pytest.skip(str(error))


def test_cpu_of_an_answer(up: Stage) -> None:
    rows = costs(up, ROUNDS, progress("CPU of answers", ROUNDS), streams=False)
    what = (
        "CPU per request as a multiple of plain Envoy's, and in microseconds; MB is what its processes hold in the end."
    )
    report("request-path-cpu", rows, [what, method(ROUNDS, "plain Envoy"), *up.missing], up.versions)


def test_cpu_of_a_stream(up: Stage) -> None:
    rows = costs(up, FEWER, progress("CPU of streams", FEWER), streams=True)
    what = "CPU per stream of 100 pieces 2 ms apart and usage, as a multiple of plain Envoy's, and in microseconds."
    report("request-path-streams", rows, [what, method(FEWER, "plain Envoy"), *up.missing], up.versions)


def test_added_latency(up: Stage) -> None:
    rows = delays(up, FEWER, progress("latency", FEWER))
    what = (
        "Microseconds on top of asking the engine directly, each from the instant at which it was due; of a stream to"
    )
    report("request-path-latency", rows, [f"{what} its first byte.", method(FEWER, "direct"), *up.missing], up.versions)


def progress(what: str, rounds: int) -> Progress:
    """One line for each round."""
    return lambda number, took: print(f"{what}: round {number + 1} of {rounds} took {took:.0f} s", flush=True)


def method(rounds: int, reference: str) -> str:
    return (
        "alias: the engines answer to the name that was asked for; rewrite: they have names of their own.\n"
        f"{rounds} rounds in random order (seed {SEED}), {reference} before every {EVERY} targets, each run compared"
        f" with its runs around it; {COUNT} different bodies a size; medians [lowest-highest]."
    )
