"""What the source of each role asks of the API server is what the table of its rights says, from which the chart is.

Read from the calls themselves: which modules a role is made of, and which methods they name. What each module is about
is said here; that it is true is seen where the roles run, by the log of the API server (tests/rights).
"""

import ast
from functools import cache

import grimp
import pytest

from modelfleet.sources.kinds import MADE, OURS, ROUTED, WATCHED
from tests.architecture.tree import ROOT
from tools.chart.rights import ROLES

VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
SENDS = {"request", "list"}
KINDS = {"operator": WATCHED, "xds": ROUTED}
CLIENT = "modelfleet.kube.client"
RIM = tuple(f"modelfleet.{part}." for part in ("app", "controllers", "kube", "sources", "xds"))
ABOUT = {
    "modelfleet.controllers.children": {one.plural for one in MADE},
    "modelfleet.controllers.statuses": {f"{one.plural}/status" for one in OURS},
    "modelfleet.controllers.posting": {"events"},
    "modelfleet.controllers.holders": {"secrets", "configmaps"},
    "modelfleet.controllers.reports": {"endpointslices", "pods"},
    "modelfleet.kube.lease": {"leases"},
}
"""What each module that sends requests is about, but for those that look at all kinds."""
LOOK = {"modelfleet.controllers.lists", "modelfleet.controllers.handlers"}
OF_COLLECTIONS = {"modelfleet.controllers.reports"}
"""Whose GET is a list."""
HIDDEN = {("xds", "configmaps")}
"""What gateways do not need, so that xds never asks for it."""
NOT_OURS = {"modeldeployments/finalizers"}
"""Only a server with an admission plugin asks for it, on behalf of a write of another object."""


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("modelfleet", cache_dir=None)


def modules(role: str) -> set[str]:
    """All that the process of a role is made of."""
    return {f"modelfleet.app.{role}", *graph().find_upstream_modules(f"modelfleet.app.{role}")}


@cache
def tree(module: str) -> ast.Module:
    path = ROOT / "operator" / module.replace(".", "/")
    return ast.parse(
        (path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py").read_text()
    )


def calls(module: str) -> set[str]:
    """The names of what is called in a module."""
    found = (node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call))
    return {ast.unparse(call) for call in found if isinstance(call, ast.Attribute)}


def speaks(module: str) -> bool:
    """Whether a module asks the API server for anything: by our client, or by a watch of kopf's."""
    return any(call == "kopf.on.event" or call.rpartition(".")[2] in SENDS for call in calls(module))


def verbs(module: str) -> set[str]:
    """What a module does to what it is about."""
    constants = {node.value for node in ast.walk(tree(module)) if isinstance(node, ast.Constant)}
    found = {verb for method, verb in VERBS.items() if method in constants}
    if module in OF_COLLECTIONS:
        found = {"list" if verb == "get" else verb for verb in found}
    return found


def asked(role: str) -> set[tuple[str, str]]:
    """Resources and verbs, from the modules of a role."""
    found = {(one.plural, verb) for one in KINDS[role] for verb in ("list", "watch")}
    for module in ABOUT.keys() & modules(role):
        applies = "patch" in verbs(module) and any(
            isinstance(node, ast.Name) and node.id == "APPLY" for node in ast.walk(tree(module))
        )
        for resource in ABOUT[module]:
            # To apply what is not there is to create it; a status is there once its object is.
            made = {"create"} if applies and "/" not in resource else set()
            found |= {(resource, verb) for verb in verbs(module) | made}
    return {one for one in found if (role, one[0]) not in HIDDEN}


@pytest.mark.parametrize("role", ROLES)
def test_the_table_of_rights_is_what_the_calls_of_a_role_ask_for(role: str) -> None:
    table = {(right.resource, verb) for right in ROLES[role] for verb in right.verbs if right.resource not in NOT_OURS}
    assert table == asked(role)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_else_of_a_role_speaks_to_the_api_server(role: str) -> None:
    assert {module for module in modules(role) if module.startswith(RIM) and speaks(module)} - {CLIENT} == (
        ABOUT.keys() & modules(role)
    ) | LOOK


def test_no_command_but_the_two_roles_has_a_client() -> None:
    connecting = graph().find_modules_that_directly_import("modelfleet.kube.config")
    assert connecting == {f"modelfleet.app.{role}" for role in ROLES}
