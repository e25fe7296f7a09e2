"""What who has one of Kubernetes' own roles may do with our kinds: the table of the page, asked of an API server."""

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests.chart.installing import IDLE, installed
from tests.chart.rendering import ROOT
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
ROLES = ("view", "edit", "admin")
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
SUBRESOURCE_VERBS = ("get", "update", "patch")
KINDS = {
    "modeldeployments": VERBS,
    "routingpolicies": VERBS,
    "modeldeployments/scale": SUBRESOURCE_VERBS,
    "modeldeployments/status": SUBRESOURCE_VERBS,
    "routingpolicies/status": SUBRESOURCE_VERBS,
}
TENANT = "users-of-a-tenant"


@pytest.fixture(scope="module")
def users(bed: Bed) -> Iterator[dict[str, str]]:
    """For each role somebody who has it in the namespace of a tenant."""
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": TENANT}}), HTTPStatus.CREATED)
    with installed(bed, IDLE):
        for role in ROLES:
            bind(bed, f"{RBAC}/namespaces/{TENANT}/rolebindings", role, f"{role}-of-it")
            bind(bed, f"{RBAC}/clusterrolebindings", role, f"{role}-of-all")
        # Aggregation is a controller's work.
        wait_for("the roles to be put together", lambda: may(bed, "edit-of-it", "delete", "modeldeployments"))
        yield {role: f"{role}-of-it" for role in ROLES}
        for role in ROLES:
            bed.api.delete(f"{RBAC}/clusterrolebindings/{role}-of-all")


def bind(bed: Bed, path: str, role: str, user: str) -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    binding = {"metadata": {"name": user}, "roleRef": reference, "subjects": [subject]}
    expect(bed.api.create(path, binding), HTTPStatus.CREATED)


def may(bed: Bed, user: str, verb: str, resource: str, namespace: str = TENANT, group: str = "modelfleet.dev") -> bool:
    """What `kubectl auth can-i VERB RESOURCE --as USER` says."""
    name, _, subresource = resource.partition("/")
    asked = {"verb": verb, "group": group, "resource": name, "subresource": subresource, "namespace": namespace}
    review = {"spec": {"user": user, "resourceAttributes": asked}}
    return bool(expect(bed.api.create(REVIEWS, review), HTTPStatus.CREATED)["status"]["allowed"])


def allowed(bed: Bed, user: str, resource: str, verbs: tuple[str, ...], namespace: str = TENANT) -> str:
    return ", ".join(f"`{verb}`" for verb in verbs if may(bed, user, verb, resource, namespace)) or "nothing"


def row(name: str, cells: list[str]) -> str:
    view, edit, admin = cells
    return f"| {name} | {view} | {edit} | {'as `edit`' if admin == edit else admin} |"


def test_the_table_of_the_page_is_what_the_api_server_says(bed: Bed, users: dict[str, str]) -> None:
    rows = [
        row(f"`{resource}`", [allowed(bed, users[role], resource, verbs) for role in ROLES])
        for resource, verbs in KINDS.items()
    ]
    for resource, verbs in (("hardwareclasses", VERBS), ("hardwareclasses/status", SUBRESOURCE_VERBS)):
        cells = [allowed(bed, f"{role}-of-all", resource, verbs, "") for role in ROLES]
        rows.append(row(f"`{resource}`, with the role in the whole cluster", cells))
    page = (ROOT / "docs" / "rights.md").read_text().partition("\n## Users\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(?:modeld|routing|hardware).*$", page, re.MULTILINE) == rows, "\n".join(rows)


def test_a_role_in_a_namespace_says_nothing_of_another_one_or_of_the_cluster(bed: Bed, users: dict[str, str]) -> None:
    for user in users.values():
        for resource, verbs in KINDS.items():
            assert allowed(bed, user, resource, verbs, "default") == "nothing"
        for resource in ("hardwareclasses", "modeldeployments"):
            assert allowed(bed, user, resource, VERBS, "") == "nothing"


def test_our_roles_let_nobody_see_a_secret_who_could_not_before(bed: Bed, users: dict[str, str]) -> None:
    assert not may(bed, users["view"], "get", "secrets", group="")
    assert may(bed, users["edit"], "get", "secrets", group="")
