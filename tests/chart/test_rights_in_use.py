"""The operator and xds as the accounts that the chart makes: what they are granted is enough, and all of it is used.

And nobody else is granted anything: neither the account of gateways nor that of a tenant.
"""

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.chart.granted import ROLES, granted
from tests.chart.installing import IDLE, PLACE, installed
from tests.chart.rendering import NAMESPACE, template
from tests.cluster.keda import SCALED_OBJECT
from tests.cluster.operator.everything import have_everything_made, use_everything, used
from tests.cluster.operator.objects import url
from tests.cluster.operator.process import Operator
from tests.rights.accounts import Account
from tests.rights.granted import Mode
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy


class Installed(NamedTuple):
    """A chart that is installed, and the namespace of somebody who has models."""

    values: dict[str, Any]
    tenant: str
    mode: Mode

    @property
    def single(self) -> bool:
        return self.mode is Mode.SINGLE

    def account(self, role: str) -> str:
        """As whom a role runs. The audit log tells the modes apart by it."""
        return str(self.values[role]["serviceAccount"]["name"])


@pytest.fixture(scope="module", params=Mode, ids=str)
def chart(request: pytest.FixtureRequest, bed: Bed) -> Iterator[Installed]:
    """The chart in one of its modes."""
    mode = Mode(request.param)
    # What is gone in the background is in nobody's way in a namespace of one's own.
    tenant = f"tenant-{mode}"
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": tenant}}), HTTPStatus.CREATED)
    bed.install([SCALED_OBJECT])
    values = {**IDLE, "secretsNamespaces": [tenant], "watchNamespaces": [tenant] if mode is Mode.SINGLE else []}
    for role in ROLES:
        user = Account(role, mode, listed=mode is Mode.EVERYWHERE).user
        values[role] = {**IDLE[role], "serviceAccount": {"name": user}}
    with installed(bed, values):
        yield Installed(values, tenant, mode)


def token(bed: Bed, account: str, namespace: str = PLACE) -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    return str(expect(bed.api.create(path, {"spec": {}}), HTTPStatus.CREATED)["status"]["token"])


def become(bed: Bed, kubeconfig: Path, account: str) -> None:
    """Makes a role the account of the chart, in its namespace."""
    settings = json.loads(kubeconfig.read_text())
    settings["users"][0]["user"] = {"token": token(bed, account)}
    settings["contexts"][0]["context"]["namespace"] = PLACE
    kubeconfig.write_text(json.dumps(settings))


def allowed(bed: Bed, account: str, home: str, namespace: str) -> set[tuple[str, str, str]]:
    """All that the API server lets an account do there: group, resource and verb."""
    user = f"system:serviceaccount:{home}:{account}"
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    connection = bed.api._connected()
    headers = {
        "Authorization": f"Bearer {bed.api._token}",
        "Content-Type": "application/json",
        "Impersonate-User": user,
    }
    groups = ("system:serviceaccounts", "system:authenticated")
    connection.putrequest("POST", path)
    body = json.dumps({"spec": {"namespace": namespace}}).encode()
    for name, value in (*headers.items(), *(("Impersonate-Group", group) for group in groups)):
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = json.loads(connection.getresponse().read())["status"]
    assert answer["incomplete"] is False
    return {
        (group, resource, verb)
        for rule in answer["resourceRules"]
        for group in rule.get("apiGroups", [""])
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if group not in {"authorization.k8s.io", "authentication.k8s.io"}
    }


@pytest.mark.parametrize("role", ROLES)
def test_the_api_server_allows_what_is_granted_and_nothing_else(bed: Bed, chart: Installed, role: str) -> None:
    account = chart.account(role)
    rights = granted(template(chart.values), account)
    for namespace in (PLACE, chart.tenant, "kube-system"):
        places = {"", NAMESPACE if namespace == PLACE else namespace}
        wanted = {right[1:] for right in rights if right[0] in places}
        assert allowed(bed, account, PLACE, namespace) == wanted


def test_gateways_and_tenants_are_allowed_nothing(bed: Bed, chart: Installed) -> None:
    for account, home in (("modelfleet-gateway", PLACE), ("default", chart.tenant)):
        for namespace in (PLACE, chart.tenant, "kube-system"):
            assert allowed(bed, account, home, namespace) == set()


def test_an_operator_with_the_charts_account_uses_all_that_it_may_and_lacks_nothing(bed: Bed, chart: Installed) -> None:
    tenant, account = chart.tenant, chart.account("operator")
    options = [f"--namespace={tenant}"] if chart.single else []
    # One that is there already would leave the right to make it unused.
    bed.api.delete(f"/apis/coordination.k8s.io/v1/namespaces/{PLACE}/leases/modelfleet-operator")
    with FaultProxy(bed) as proxy:
        operator = Operator(proxy, "operator", *options, f"--secrets-namespace={tenant}")
        become(bed, operator.kubeconfig, account)
        operator.start()
        try:
            operator.wait_until_ready()
            operator.wait_until_leading()
            use_everything(bed, tenant, shared=not chart.single)
            have_everything_made(bed, tenant)
            assert operator.metric("rbac_denied_total") == 0
        finally:
            operator.stop()
            for family in ("cpu", "gpu"):
                bed.api.delete(url("HardwareClass", "", f"{family}-{tenant}"))
        rights = {(verb, resource) for _, _, resource, verb in granted(template(chart.values), account)}
        assert used(proxy) == rights
    assert "Forbidden" not in operator.log_text()
