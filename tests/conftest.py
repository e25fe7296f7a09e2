"""How the tests run, whoever runs them: nothing here looks at CI, the clock or the machine."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.golden.session import GoldenSession
from tests.sizes import SOAK

BENCH = Path(__file__).resolve().parent / "bench"

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
settings.register_profile(
    "soak",
    deadline=None,
    derandomize=False,
    max_examples=20_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("soak" if SOAK else "quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files and delete orphans")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(GoldenSession(config), "golden-session")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Measurements run only when they are asked for by path: a busy machine must not fail a check."""
    here = config.invocation_params.dir
    asked = any((here / argument.split("::")[0]).resolve().is_relative_to(BENCH) for argument in config.args)
    return True if collection_path == BENCH and not asked else None


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """What to hand to `check_golden`."""
    return bool(request.config.getoption("--update-golden"))
