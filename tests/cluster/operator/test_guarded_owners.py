"""A server that guards owners (OpenShift): who names one must have the right that only `rbac.finalizers` grants."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.chart.rendering import template
from tests.cluster.operator.objects import gone, status, wait_for_condition
from tests.cluster.operator.pods import deployment, placed_model
from tests.cluster.operator.process import Operator
from tests.rights.accounts import bind
from tests.rights.granted import VALUES, Mode, parts_of, rights
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import ADMIN_TOKEN, Bed, free_ports
from tests.testbed.faults import FaultProxy
from tests.testbed.process import Process

PLUGIN = "OwnerReferencesPermissionEnforcement"


@pytest.fixture
def guarded(bed: Bed) -> Iterator[int]:
    """The port of another API server on the same store, which has the plugin."""
    (port,) = free_ports(1)
    own = f"--secure-port={bed.port}"
    arguments = [f"--secure-port={port}" if one == own else one for one in bed._apiserver()]
    command = [str(bed.assets / "kube-apiserver"), *arguments, f"--enable-admission-plugins={PLUGIN}"]
    process = Process(command, bed.folder / "guarded.log")
    process.start()
    api = Api(port, bed.folder / "certs" / "apiserver.crt", ADMIN_TOKEN)
    try:
        wait_for("the server that guards owners", api.is_ready, patience=60)
        yield port
    finally:
        api.close()
        process.stop()


def placed(bed: Bed, namespace: str) -> dict[str, Any]:
    """What the model says of its place; nothing while it says nothing."""
    found = status(bed.api, "ModelDeployment", namespace, "m").get("conditions", [])
    return next((one for one in found if one["type"] == "Placed"), {})


def test_an_operator_on_a_server_that_guards_owners_needs_the_right_of_the_value_and_makes_all_with_it(
    bed: Bed, namespace: str, proxy: FaultProxy, guarded: int
) -> None:
    values = {**VALUES[Mode.SINGLE], "rbac": {"finalizers": True}}
    more = list(parts_of(template(values), "modelfleet-operator"))
    added = {right for part in more for right in part.rights()} - rights("operator", Mode.SINGLE)
    assert [str(right) for right in added] == ["update modeldeployments/finalizers.modelfleet.dev"]
    operator = Operator(proxy, "guarded", f"--namespace={namespace}")
    bed.write_kubeconfig(operator.kubeconfig, operator.user, guarded)
    name = placed_model(bed.api, namespace)
    operator.start()
    try:
        wait_for("the right to be missed", lambda: "finalizers" in placed(bed, namespace).get("message", ""))
        assert bed.api.get(deployment(namespace)).status == HTTPStatus.NOT_FOUND
        (part,) = (part for part in more if part.name == next(iter(added)).part)
        bind(bed.api, f"{operator.user}:{part.name}", part.rules, {"kind": "User", "name": operator.user}, namespace)
        wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=60)
        assert operator.metric("rbac_denied_total", resource="modeldeployments/finalizers") == 0
    finally:
        operator.stop()
        gone(bed.api, "HardwareClass", "", name)
