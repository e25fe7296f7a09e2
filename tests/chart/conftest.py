"""Helm for the tests of the chart, and a control plane of their own, which knows the kinds of others."""

import os
from collections.abc import Iterator

import pytest

from tests.chart.helm import Unavailable, helm, kinds_of_others
from tests.rights.audit import audit_log
from tests.testbed.bed import Bed
from tests.testbed.binaries import Unavailable as NoControlPlane
from tests.testbed.binaries import binaries
from tests.testbed.leftovers import bed_folder


def _left_out(reason: Exception) -> None:
    # A run that nobody watches must not pass by leaving this out.
    (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))


@pytest.fixture(scope="session", autouse=True)
def has_helm() -> None:
    """Without Helm nothing here can be said."""
    try:
        helm()
    except Unavailable as reason:
        _left_out(reason)


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """A control plane without our kinds: to bring them is the chart's work."""
    try:
        assets = binaries()
    except NoControlPlane as reason:
        _left_out(reason)
    with bed_folder() as folder:
        control_plane = Bed(folder / "bed", assets, audit=audit_log("chart"))
        control_plane.start(list(kinds_of_others()))
        yield control_plane
        control_plane.stop()
