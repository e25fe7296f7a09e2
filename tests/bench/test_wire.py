"""The load generator tells of every answer that nobody should have got, and counts what was never answered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.bodies import write_bodies
from tests.bench.cores import unsuited
from tests.bench.envoys import plain
from tests.bench.served import free_port
from tests.bench.traffic import Load, Missing, Target, Wrong, measure, over_capacity, program, stub

SIZE = "0.5 KB"


@pytest.fixture(scope="module")
def wire() -> Path:
    if why := unsuited():
        pytest.skip(why)
    try:
        return program()
    except Missing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def engine(wire: Path) -> Iterator[str]:
    with stub(wire) as address:
        yield address


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    return Load(SIZE, write_bodies(tmp_path_factory.mktemp("json") / "0", 512, streams=False, seed=7), seconds=0.1)


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Load:
    bodies = write_bodies(tmp_path_factory.mktemp("streams") / "0", 512, streams=True, seed=7)
    return Load(SIZE, bodies, streams=True, connections=2, seconds=0.1)


def test_answers_as_they_should_be_are_counted(wire: Path, engine: str, load: Load, streams: Load) -> None:
    for one in (load, streams):
        found = measure(wire, Target("engine", engine), one)
        assert found.completed == len(found.latency) > 0
        assert found.failed == 0
    # The first piece does not wait for the last, 200 ms later.
    assert len(found.first_byte) == found.completed
    assert max(found.first_byte) < min(found.latency)


def test_an_answer_from_another_model_ends_the_bench(wire: Path, engine: str, load: Load, streams: Load) -> None:
    other = Target("engine", engine, models={SIZE: "another"})
    for one in (load, streams):
        with pytest.raises(Wrong, match="not from another"):
            measure(wire, other, one)


def test_an_answer_that_is_not_200_ends_the_bench(wire: Path, load: Load, tmp_path: Path) -> None:
    with plain(tmp_path, f"127.0.0.1:{free_port()}") as target, pytest.raises(Wrong, match="status 503"):
        measure(wire, target, load)


def test_json_in_place_of_a_stream_ends_the_bench(wire: Path, engine: str, load: Load) -> None:
    expected = Load(SIZE, load.bodies, streams=True, connections=2, seconds=0.1)
    with pytest.raises(Wrong, match="a stream without its end"):
        measure(wire, Target("engine", engine), expected)


def test_a_run_without_an_answer_ends_the_bench(wire: Path, load: Load) -> None:
    with pytest.raises(Wrong, match="no request was answered"):
        measure(wire, Target("nobody", f"127.0.0.1:{free_port()}"), load)


def test_times_at_a_fixed_rate_count_from_the_instant_at_which_a_request_was_due(
    wire: Path, engine: str, streams: Load
) -> None:
    # One connection carries five streams a second, so each request waits for all that were due before it.
    queue = Load(SIZE, streams.bodies, streams=True, connections=1, seconds=1, rate=10)
    found = measure(wire, Target("engine", engine), queue)
    assert found.completed == 10
    assert max(found.latency) > 3 * min(found.latency)
    assert over_capacity(queue, found)
