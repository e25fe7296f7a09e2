"""The chart grants the rights that the pages list, per role and per mode: none is missing, none is extra.

That what the chart grants is what the roles do is shown where they run: tests/rights holds both ways, from what the API
servers of all tests saw.
"""

import re
from typing import Any

import pytest

from tests.chart.granted import ROLES, Right, granted
from tests.chart.rendering import NAMESPACE, ROOT, template

SERVED = ("team-a", "team-b")
SECRETS = ("team-a",)
SINGLE: dict[str, Any] = {"watchNamespaces": list(SERVED), "secretsNamespaces": list(SECRETS)}
WHOLE, IN_SERVED, OWN = "the whole cluster", "the namespaces that are served", "its own namespace"


def listed(role: str, *, single: bool) -> set[Right]:
    """What the page says that the role needs."""
    found: set[Right] = set()
    for group, resource, verbs, where in ROLES[role]:
        if where.startswith(WHOLE):
            places: tuple[str, ...] = () if single and "not with `--namespace`" in where else ("",)
        elif where.startswith(IN_SERVED):
            everywhere = (NAMESPACE,) if resource == "secrets" else ("",)
            places = (SECRETS if resource == "secrets" else SERVED) if single else everywhere
        else:
            assert where.startswith(OWN), where
            places = (NAMESPACE,)
        found |= {(place, group, resource, verb) for place in places for verb in verbs}
    # What may be done everywhere may be done at home.
    return {right for right in found if right[0] == "" or ("", *right[1:]) not in found or right[2] == "secrets"}


@pytest.mark.parametrize("single", [False, True], ids=["all namespaces", "single namespaces"])
@pytest.mark.parametrize("role", ROLES)
def test_what_is_granted_is_what_the_pages_list(role: str, single: bool) -> None:
    out = template(SINGLE if single else {})
    assert granted(out, f"modelfleet-{role}") == listed(role, single=single)


def test_gateways_may_do_nothing() -> None:
    assert granted(template({}), "modelfleet-gateway") == set()


def test_the_xds_role_has_no_verb_that_writes() -> None:
    assert {right[3] for right in granted(template({}), "modelfleet-xds")} <= {"get", "list", "watch"}


def test_what_is_optional_can_be_left_out() -> None:
    all_, less = template({}), template({"rbac": {"keda": False, "deviceClasses": False}})
    missing = granted(all_, "modelfleet-operator") - granted(less, "modelfleet-operator")
    assert {resource for _, _, resource, _ in missing} == {"scaledobjects", "resourceclaimtemplates"}


def test_users_roles_hold_our_kinds_and_leave_hardware_to_the_platform() -> None:
    out = template({})
    view = out.one("ClusterRole", f"{NAMESPACE}:modelfleet:view")
    edit = out.one("ClusterRole", f"{NAMESPACE}:modelfleet:edit")
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert {name for rule in edit["rules"] for name in rule["resources"]} == {
        "modeldeployments",
        "modeldeployments/scale",
        "routingpolicies",
    }
    for role, joins in ((view, {"view", "edit", "admin"}), (edit, {"edit", "admin"})):
        labels = {key.rpartition("-")[2] for key in role["metadata"]["labels"] if "aggregate-to" in key}
        assert labels == joins
        assert {group for rule in role["rules"] for group in rule["apiGroups"]} == {"modelfleet.dev"}


def test_the_page_on_rights_explains_each_of_them() -> None:
    page = (ROOT / "docs" / "rights.md").read_text()
    for role, rows in ROLES.items():
        section = page.partition(f"\n## {role}\n")[2].partition("\n## ")[0]
        told = {
            name
            for line in section.splitlines()
            if line.startswith("|")
            for name in re.findall(r"`([^`]+)`", line.split("|")[1])
        }
        assert {resource for _, resource, _, _ in rows} <= told, role
