"""Two real engines behind one gateway, where llama.cpp's server has been built."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.engines.llamacpp.build import NOT_BUILT, Unavailable, is_built, program
from tests.engines.llamacpp.model import write_model
from tests.engines.llamacpp.server import LlamaServer
from tests.sizes import SOAK

POLICIES = {
    "plain": "{tiers: [{name: light, models: [{name: small}]}]}",
    "auto": """
        tiers: [{name: light, models: [{name: small}]}, {name: frontier, models: [{name: large}]}]
        degrade: [{tier: frontier}]
        """,
    "hurried": """
        tiers: [{name: light, models: [{name: small}]}, {name: frontier, models: [{name: large}]}]
        degrade: [{tier: frontier}]
        timeouts: {firstToken: 2s, betweenTokens: 2s}
        """,
    "short": "{tiers: [{name: light, models: [{name: small}]}], timeouts: {answer: 1s}, retries: {attempts: 0}}",
}


@dataclass(frozen=True)
class Real:
    """The gateway, and the engines of its two tiers."""

    gateway: RealGateway
    small: LlamaServer
    large: LlamaServer


@pytest.fixture(scope="session")
def server() -> Path:
    """The program, which a soak builds and any other run only finds."""
    if not SOAK and not is_built():
        pytest.skip(NOT_BUILT)
    try:
        return program()
    except Unavailable as reason:
        # A run that nobody watches must not pass by leaving this out.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))


@pytest.fixture(scope="module")
def running(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("engines")
    weights = folder / "nonsense.gguf"
    write_model(weights)
    with ExitStack() as stack:
        small, large = (LlamaServer(server, weights, folder, f"engine-{name}") for name in ("small", "large"))
        for engine in (small, large):
            stack.callback(engine.close)
            engine.start()
        for engine in (small, large):
            engine.wait_until_ready()
        objects = [model("small"), model("large"), *(patient(name, spec) for name, spec in POLICIES.items())]
        endpoints = {"small": small.address, "large": large.address}
        yield Real(stack.enter_context(RealGateway(fleet(*objects), endpoints)), small, large)


@pytest.fixture
def real(running: Real) -> Iterator[Real]:
    """Both engines, rested; what a test does to them is undone."""
    yield running
    for engine in (running.small, running.large):
        engine.rest()


def patient(name: str, spec: str) -> dict[str, object]:
    """A policy that serves its own name, and does not leave an engine alone that fails on purpose."""
    raw = policy(name, spec)
    raw["spec"] |= {"serves": {"models": [name]}, "breaker": {"consecutive": 1000}}
    return raw
