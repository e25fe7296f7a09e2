"""As whom our roles run in tests: accounts that may do what the chart grants in that mode, and nothing else.

Nobody else uses them, so that the API server's audit log tells by the name who asked, as which role and in which mode.
Where Helm installs the chart they are the accounts that it makes; elsewhere users to whom its roles are bound.
"""

import argparse
import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from tests.chart.rendering import NAMESPACE, RELEASE
from tests.rights.granted import Mode, Part, Place, parts
from tests.testbed.api import Api
from tests.testbed.bed import ROLES, expect

RBAC = "rbac.authorization.k8s.io"


class Account(NamedTuple):
    """One of them. `listed` is one of the whole cluster that reads the Secrets of some namespaces only."""

    role: str
    mode: Mode
    listed: bool = False

    @property
    def user(self) -> str:
        """What the API server calls it."""
        return f"{self.role}-{'listed' if self.listed else self.mode}"


ACCOUNTS = {
    one.user: one
    for role in ("operator", "xds")
    for one in (Account(role, Mode.EVERYWHERE), Account(role, Mode.EVERYWHERE, listed=True), Account(role, Mode.SINGLE))
}
assert ACCOUNTS.keys() == set(ROLES)
RELEASED = {f"{RELEASE}-{role}": Account(role, Mode.EVERYWHERE) for role in ("operator", "xds")}
"""The accounts of the chart by itself. One of another mode is given the name of the user above."""
_SERVICE_ACCOUNT = re.compile(r"system:serviceaccount:(?P<home>[^:]+):(?P<name>.+)")


def account_of(user: str) -> Account | None:
    """Which of them the API server calls this."""
    released = _SERVICE_ACCOUNT.fullmatch(user)
    return (RELEASED | ACCOUNTS).get(released["name"]) if released else ACCOUNTS.get(user)


def part_of(user: str, role: str) -> str:
    """The role of the chart that a Role or ClusterRole was made of; nothing where it was made of none."""
    if released := _SERVICE_ACCOUNT.fullmatch(user):
        wide = f"{released['home']}:"
        return f"{NAMESPACE}:{role.removeprefix(wide)}" if role.startswith(wide) else role
    return role.removeprefix(f"{user}:") if role.startswith(f"{user}:") else ""


class Scope(NamedTuple):
    """What a process was told to serve, and which Secrets to read; all where none is named."""

    namespaces: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


def scope_of(options: Sequence[str]) -> Scope:
    """What the options of a process say."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--namespace", "-n", action="append", default=[])
    parser.add_argument("--secrets-namespace", action="append", default=[])
    said, _ = parser.parse_known_args(options)
    return Scope(tuple(dict.fromkeys(said.namespace)), tuple(dict.fromkeys(said.secrets_namespace)))


def account_for(role: str, scope: Scope) -> Account:
    """As whom a process runs that was told this."""
    if scope.namespaces:
        return Account(role, Mode.SINGLE)
    return Account(role, Mode.EVERYWHERE, listed=bool(scope.secrets))


def grant(api: Api, account: Account, scope: Scope, home: str) -> None:
    """Gives an account what the chart gives it for this scope."""
    for part in parts(account.role, account.mode):
        for namespace in _places(part, account, scope, home):
            bind(api, f"{account.user}:{part.name}", part.rules, {"kind": "User", "name": account.user}, namespace)


def bind(api: Api, name: str, rules: Iterable[dict[str, Any]], subject: dict[str, str], namespace: str) -> None:
    """A role and its binding, in a namespace or of the whole cluster. Nothing changes where both are there."""
    kind = "Role" if namespace else "ClusterRole"
    root = f"/apis/{RBAC}/v1/{namespace and f'namespaces/{namespace}/'}{kind.lower()}"
    reference = {"apiGroup": RBAC, "kind": kind, "name": name}
    whom = {"apiGroup": RBAC, **subject} if subject["kind"] == "User" else subject
    made: dict[str, dict[str, Any]] = {
        "s": {"kind": kind, "rules": list(rules)},
        "bindings": {"kind": f"{kind}Binding", "roleRef": reference, "subjects": [whom]},
    }
    for plural, fields in made.items():
        thing = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": name}, **fields}
        expect(api.apply(f"{root}{plural}/{name}", thing), HTTPStatus.OK, HTTPStatus.CREATED)


def _places(part: Part, account: Account, scope: Scope, home: str) -> tuple[str, ...]:
    if part.place is Place.CLUSTER:
        return ("",)
    if part.place is Place.HOME:
        return (home,)
    if part.place is Place.SERVED:
        return scope.namespaces
    if account.mode is Mode.SINGLE:
        return tuple(one for one in scope.namespaces if not scope.secrets or one in scope.secrets)
    # A release that lists each namespace there is, those that come later, too.
    return scope.secrets if account.listed else ("",)
