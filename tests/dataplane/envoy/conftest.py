"""What these tests need beside a Python: an Envoy. Where there is none they are left out, but never in CI."""

import os

import pytest

from modelfleet.findings import Unusable
from modelfleet.local.binary import find_envoy


@pytest.fixture(scope="session", autouse=True)
def _envoy() -> None:
    try:
        find_envoy(None)
    except Unusable as reason:
        # A run that nobody watches must not pass by leaving this out.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))
