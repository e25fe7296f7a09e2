"""How the tests run, whoever runs them: nothing here looks at CI, the clock or the machine."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.golden.session import GoldenSession
from tests.sizes import SOAK

HERE = Path(__file__).resolve().parent
ON_DEMAND = tuple(
    HERE / name for name in ("bench", "chart", "cluster", "dataplane/envoy", "e2e", "property", "rights", "scenario")
)
"""Run only when they are asked for by path: measurements, what needs a control plane or Helm, what runs Envoy, and
what looks at so many cases that it is a phase of its own.
"""

# Every setting that Hypothesis would choose differently on a CI machine is named, so that both see the same tests.
# Quick runs are the same each time; a soak looks for something new each time, and replays what it found.
settings.register_profile(
    "quick",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=100,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# 5,000 because breadth grows by the run, each of which has a seed of its own; 20,000 would take three times as long.
settings.register_profile(
    "soak",
    deadline=None,
    derandomize=False,
    max_examples=5_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("soak" if SOAK else "quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files and delete orphans")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: measures, or puts a load on Envoy; a soak runs nothing beside it")
    config.pluginmanager.register(GoldenSession(config), "golden-session")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A busy machine must not fail a check, and a check builds nothing."""
    if collection_path not in ON_DEMAND:
        return None
    here = config.invocation_params.dir
    paths = [(here / argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(collection_path) for path in paths) else True


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays to the end: to look through it for garbage again and again takes half of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """What to hand to `check_golden`."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def evidence(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Call it with the figures that a test found: `make soak` prints them beside the test's name."""

    def note(**figures: object) -> None:
        for name, value in figures.items():
            record_property(name, value)

    return note
