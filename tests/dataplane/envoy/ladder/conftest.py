"""One gateway for each file here, with the policies that the file declares, and a fresh performance for each test."""

from collections.abc import Iterator

import pytest

from tests.dataplane.envoy.ladder.scene import Scene, on_stage, performance


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with on_stage(*request.module.POLICIES) as scene:
        yield scene


@pytest.fixture
def scene(stage: Scene) -> Iterator[Scene]:
    with performance(stage) as scene:
        yield scene
