"""The API server's audit log: what our roles asked for, what they were let do by which role of the chart, and what not.

A log is written where MODELFLEET_AUDIT names a folder: a run of all tests does, and who runs one file pays nothing.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.chart.rendering import RELEASE
from tests.rights.accounts import ACCOUNTS, account_of, part_of
from tests.rights.granted import Mode, Right

FOLDER = "MODELFLEET_AUDIT"
WHOLE = "cluster"
CREATED, FORBIDDEN = 201, 403
_ROLE = re.compile(r'^RBAC: allowed by (?:Cluster)?RoleBinding "[^"]*" of (?:Cluster)?Role "([^"]*)"')
_REFUSED = re.compile(r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"')
EVERYWHERE = "RBAC: allowed by ClusterRoleBinding "
BINDINGS = ("rolebindings", "clusterrolebindings")
OURS = ("modelfleet-operator/", "modelfleet-xds/", "kopf/")
"""What our roles call themselves. A test that asks with the token of one of them says something else, or nothing."""
_EVERYBODYS = ("system:discovery", "system:public-info-viewer", "system:basic-user")
"""What Kubernetes gives to every account there is."""


class Who(NamedTuple):
    """A role in one of its modes."""

    role: str
    mode: Mode

    def __str__(self) -> str:
        return f"{self.role} ({self.mode})"


Call = tuple[str, str, str]
"""Group, resource and verb."""


class Spot(NamedTuple):
    """A call of an account in a namespace; of the whole cluster where none is named."""

    user: str
    namespace: str
    call: Call


@dataclass
class Seen:
    """What somebody asked for, how often, and the first path of each."""

    allowed: Counter[Right] = field(default_factory=Counter)
    refused: Counter[Spot] = field(default_factory=Counter)
    """What was refused to the end."""

    late: int = 0
    """Refusals of what was served later: an API server that has just come, too, does not know all bindings yet."""

    paths: dict[Right | Spot, str] = field(default_factory=dict)


def audit_log(run: str) -> Path | None:
    """Where the API server of a run of tests is to write, if anywhere: what it wrote the last time is gone."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    log = Path(folder).resolve() / f"{run}.log"
    log.unlink(missing_ok=True)
    return log


def logs(folder: Path) -> list[Path]:
    """The logs of a run, of which each control plane wrote one."""
    return sorted(folder.glob("*.log"))


def is_whole(files: Iterable[Path]) -> bool:
    """Whether they are of tests that use all there is: those on simulated nodes."""
    return any(file.name.startswith(f"{WHOLE}-") for file in files)


def read(files: Iterable[Path]) -> dict[Who, Seen]:
    """What all of these logs say."""
    found: dict[Who, Seen] = {}
    for file in files:
        log = _Log(found)
        for event in _events(file):
            log.take(event)
        log.end()
    return found


def _events(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            # A server that was killed wrote half a line, and the next one went on in it.
            with suppress(json.JSONDecodeError):
                yield json.loads(line)


class _Log:
    """What one API server wrote, in order: a refusal is made good by what is served after it, and by nothing else."""

    def __init__(self, found: dict[Who, Seen]) -> None:
        self._found = found
        self._refused: dict[Who, Counter[Spot]] = {}
        self._is_released = True

    def take(self, event: Mapping[str, Any]) -> None:
        about, user = event.get("objectRef", {}), str(event["user"]["username"])
        account = account_of(user)
        if about.get("resource") in BINDINGS and RELEASE in about.get("name", ""):
            # Helm takes away the roles of a release before the last of its pods has gone.
            self._is_released = event["verb"] != "delete"
        elif about and account and str(event.get("userAgent", "")).startswith(OURS):
            who = Who(account.role, account.mode)
            self._found.setdefault(who, Seen())
            self._refused.setdefault(who, Counter())
            refused = list(_refused(event, event.get("responseStatus", {})))
            if not refused:
                self._serve(event, user, who)
            elif self._is_released or user in ACCOUNTS:
                self._refuse(event, refused, user, who)

    def end(self) -> None:
        """Nothing comes any more that could make anything good."""
        for who, refused in self._refused.items():
            self._found[who].refused += refused

    def _serve(self, event: Mapping[str, Any], user: str, who: Who) -> None:
        # A watch is told of when it begins and when it ends, and who was killed never heard of its end.
        if event["verb"] == "watch" and event["stage"] == "ResponseComplete":
            return
        code, seen = event.get("responseStatus", {}).get("code"), self._found[who]
        for right in _rights(event, user, code):
            seen.allowed[right] += 1
            seen.paths.setdefault(right, _path(event))
            if code != FORBIDDEN:  # admission refuses, too
                self._make_good(event, user, right[1:], who)

    def _make_good(self, event: Mapping[str, Any], user: str, call: Call, who: Who) -> None:
        everywhere = str(event["annotations"]["authorization.k8s.io/reason"]).startswith(EVERYWHERE)
        place, refused = event["objectRef"].get("namespace", ""), self._refused[who]
        for spot in [one for one in refused if (one.user, one.call) == (user, call)]:
            if everywhere or spot.namespace == place:
                self._found[who].late += refused.pop(spot)

    def _refuse(self, event: Mapping[str, Any], calls: Iterable[Call], user: str, who: Who) -> None:
        for call in calls:
            spot = Spot(user, event["objectRef"].get("namespace", ""), call)
            self._refused[who][spot] += 1
            self._found[who].paths.setdefault(spot, _path(event))


def _path(event: Mapping[str, Any]) -> str:
    return str(event["requestURI"]).partition("?")[0]


def _refused(event: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Call]:
    """What the asker had no right to: the request, or what it came to, as an apply of what is not there does."""
    if status.get("code") != FORBIDDEN:
        return
    if event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid":
        yield _about(event)
    elif found := _REFUSED.search(str(status.get("message", ""))):
        yield found["group"], found["resource"], found["verb"]


def _rights(event: Mapping[str, Any], user: str, code: int | None) -> Iterator[Right]:
    reason = str(event.get("annotations", {}).get("authorization.k8s.io/reason", ""))
    found = _ROLE.match(reason)
    name = found[1] if found else ""
    if name in _EVERYBODYS:
        return
    part = part_of(user, name) or f"not of the chart: {reason}"
    group, resource, verb = _about(event)
    yield Right(part, group, resource, verb)
    if verb == "patch" and code == CREATED:
        yield Right(part, group, resource, "create")


def _about(event: Mapping[str, Any]) -> Call:
    about = event["objectRef"]
    resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
    return about.get("apiGroup", ""), resource, event["verb"]
