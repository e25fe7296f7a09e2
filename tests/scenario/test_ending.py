import contextlib
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.dataplane.support.client import chat, open_stream
from tests.scenario.manifests import custom, policy, save, sim, small_engine
from tests.scenario.support import Up, ok, runtime_folders, until

POLITE = {
    "SIGINT": (signal.SIGINT, False),
    "SIGINT to the group": (signal.SIGINT, True),
    "SIGTERM": (signal.SIGTERM, False),
    "SIGHUP": (signal.SIGHUP, False),
    "SIGHUP to the group": (signal.SIGHUP, True),
}
KILLED = "SIGKILL"
STUBBORN_S = 5.0
"""How long an engine has to obey."""


class Ended(NamedTuple):
    """What became of a run."""

    code: int
    seconds: float
    survivors: str
    said: str
    folders: list[str]


def fleet(folder: Path, *words: str) -> Path:
    folder.mkdir()
    save(folder / "fleet.yaml", small_engine("plain"), small_engine("odd", *words), policy("auto", "plain", "odd"))
    return folder


def end(up: Up, state: Path, number: signal.Signals, *, group: bool, times: int = 1) -> Ended:
    began = time.monotonic()
    for _ in range(times):
        up.signal(number, group=group)
        if times > 1:
            up.said("ending")
    code = up.ended()
    seconds = time.monotonic() - began
    if number is not signal.SIGKILL:
        survivors = up.family.look()
    else:
        with contextlib.suppress(AssertionError):
            up.gone()
        survivors = up.family.look()
    return Ended(code, seconds, "\n".join(map(str, survivors)), str(up.err), runtime_folders(state))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Every signal to a run of its own, all at the same time: an engine that obeys nobody takes its seconds."""
    root = tmp_path_factory.mktemp("runs")
    ways = {**POLITE, KILLED: (signal.SIGKILL, False), "twice": (signal.SIGINT, True)}

    def one(name: str) -> Ended:
        number, group = ways[name]
        folder = fleet(root / name.replace(" ", "-"), "stubborn", "grandchild", "stray")
        with Up(folder, state=folder / ".state") as up:
            up.ready()
            assert ok(up.ask("auto"))
            assert len(up.family.find("sleep 1000")) == 2
            assert len(up.family.find("--config-path")) == 1
            return end(up, folder, number, group=group, times=2 if name == "twice" else 1)

    with ThreadPoolExecutor(len(ways)) as pool:
        return dict(zip(ways, pool.map(one, ways), strict=True))


@pytest.mark.parametrize("name", POLITE)
def test_a_polite_signal_ends_everything_whoever_is_stubborn_or_hides(ended: dict[str, Ended], name: str) -> None:
    told = ended[name]
    assert (told.code, told.survivors, told.folders) == (0, "", []), told
    assert "Traceback" not in told.said
    assert told.seconds > STUBBORN_S - 1, "the engine was not asked first, or is not stubborn"


def test_a_second_interrupt_waits_for_nobody(ended: dict[str, Ended]) -> None:
    told = ended["twice"]
    assert (told.code, told.survivors, told.folders) == (0, "", []), told
    assert told.seconds < min(ended[name].seconds for name in POLITE)


def test_a_fleet_of_which_engines_never_start_is_ready_and_ends(tmp_path: Path) -> None:
    # Each exits at another moment, so that one of them does so just while it is asked whether it is ready.
    names = [f"crash-{number}" for number in range(8)]
    crashing = [custom(name, "sh", "-c", f"sleep 0.{index:02}; exit 3") for index, name in enumerate(names)]
    save(tmp_path / "fleet.yaml", sim("a"), *crashing, *(policy(name, "a", name) for name in names))
    with Up(tmp_path, state=tmp_path / ".state") as up:
        assert ok(up.ready().ask(names[0]))
        for name in names:
            told = f"{name}: t-{name} -> {name}: 0 of 1, backing off: exited with status 3"
            until(partial(_twice, up, told), lambda: str(up.err))
        up.signal(signal.SIGTERM)
        assert up.ended() == 0
        assert not up.family.look()


def _twice(up: Up, told: str) -> bool:
    return len(up.err.matching(told)) >= 2


def test_a_killed_run_leaves_nobody_behind(ended: dict[str, Ended]) -> None:
    assert (ended[KILLED].code, ended[KILLED].survivors) == (-signal.SIGKILL, "")


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.4, 0.6, 0.8])
def test_a_signal_while_it_starts_leaves_nobody_behind(tmp_path: Path, delay: float) -> None:
    folder = fleet(tmp_path / "fleet", "grandchild", "stray")

    def one(number: signal.Signals) -> Ended:
        with Up(folder, state=tmp_path / number.name) as up:
            time.sleep(delay)
            told = end(up, tmp_path / number.name, number, group=number is signal.SIGINT)
            # A run that dies of the signal has had no children yet, or its leashes end them now.
            up.gone()
            return told

    polite = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    with ThreadPoolExecutor(4) as pool:
        ended = dict(zip((*polite, signal.SIGKILL), pool.map(one, (*polite, signal.SIGKILL)), strict=True))
    for number in polite:
        # Before it listens to signals, Python does with them what it always does; Ctrl-C is then status 1.
        assert ended[number].code in {0, -number, *({1, 130} if number is signal.SIGINT else ())}, ended[number]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Up]:
    model = sim("slow", "--tokens-per-second=20", "--answer-tokens=30")
    save(tmp_path / "fleet.yaml", model, policy("auto", "slow"))
    with Up(tmp_path, state=tmp_path / ".state") as up:
        yield up.ready()


def test_a_request_in_flight_finishes_and_no_other_begins(slow: Up) -> None:
    with open_stream(
        slow.address, headers={"content-type": "application/json"}, body=chat("auto", stream=True)
    ) as told:
        next(iter(told.events()))
        slow.signal(signal.SIGTERM)
        slow.said("ending: the requests that have begun may finish")
        until(lambda: slow.ask("auto").status == 0)
        answer = told.answer()
    assert answer.complete
    assert answer.sse()[-1].data == "[DONE]"
    assert answer.total_s > 1.0
    assert slow.ended() == 0
    assert not slow.family.look()
