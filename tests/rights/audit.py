"""The API server's audit log: what our roles asked for, what they were let do by which role of the chart, and what not.

A log is written where MODELFLEET_AUDIT names a folder: a run of all tests does, and who runs one file pays nothing.
What a test asks for itself with a token of one of them is not judged: our roles say their names, and a test does not.
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

from tests.rights.accounts import account_of, part_of
from tests.rights.granted import Mode, Right

FOLDER = "MODELFLEET_AUDIT"
CREATED, FORBIDDEN = 201, 403
_ROLE = re.compile(r'^RBAC: allowed by (?:Cluster)?RoleBinding "[^"]*" of (?:Cluster)?Role "([^"]*)"')
_REFUSED = re.compile(r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"')
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
    """What somebody asked for, how often, where, and the first path of each."""

    allowed: Counter[Right] = field(default_factory=Counter)
    refused: Counter[Spot] = field(default_factory=Counter)
    served: set[Spot] = field(default_factory=set)
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


def read(files: Iterable[Path]) -> dict[Who, Seen]:
    """What all of these logs say."""
    found: dict[Who, Seen] = {}
    for event in _events(files):
        user = str(event["user"]["username"])
        account = account_of(user)
        if account and "objectRef" in event and "userAgent" in event:
            _take(event, user, found.setdefault(Who(account.role, account.mode), Seen()))
    return found


def _events(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                # A server that was killed wrote half a line, and the next one went on in it.
                with suppress(json.JSONDecodeError):
                    yield json.loads(line)


def _take(event: Mapping[str, Any], user: str, seen: Seen) -> None:
    status = event.get("responseStatus", {})
    path = str(event["requestURI"]).partition("?")[0]
    namespace = event["objectRef"].get("namespace", "")
    refused = [Spot(user, namespace, call) for call in _refused(event, status)]
    for spot in refused:
        seen.refused[spot] += 1
        seen.paths.setdefault(spot, path)
    # A watch is told of when it begins and when it ends, and who was killed never heard of its end.
    ends_what_began = event["verb"] == "watch" and event["stage"] == "ResponseComplete"
    if not refused and not ends_what_began:
        for right in _rights(event, user, status.get("code")):
            seen.allowed[right] += 1
            seen.served.add(Spot(user, namespace, right[1:]))
            seen.paths.setdefault(right, path)


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
