"""Requests that come while a test does something else, counted by a client in a pod."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.conftest import Release
from tests.e2e.release import MODEL, SERVICE, TENANT
from tests.testbed.api import wait_for

PACE = "20"
"""Requests in a second."""
CALLERS = 4
"""Of the client, each with one request at a time."""


def count(release: Release) -> dict[str, Any]:
    """What the client has counted up to now."""
    lines = release.cluster.logs(TENANT, "load", "tailLines=1").strip().splitlines()
    return json.loads(lines[-1]) if lines else {"asked": 0, "failed": 0, "wrong": []}


@contextmanager
def load(release: Release) -> Iterator[None]:
    """Asks while it is entered."""
    release.cluster.start_client(TENANT, "load", SERVICE, MODEL, PACE)
    wait_for("requests", lambda: count(release)["asked"] > 20, patience=30)
    yield
    release.cluster.delete_pod(TENANT, "load")
    release.cluster.wait_gone(TENANT, "load")
