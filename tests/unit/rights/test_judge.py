"""The judge of rights: from what an API server writes down to what is missing and what is extra."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.rights import judge
from tests.rights.__main__ import main
from tests.rights.accounts import ACCOUNTS, Scope, account_for, scope_of
from tests.rights.audit import FOLDER, WHOLE, Seen, Who, audit_log, logs, read
from tests.rights.granted import Mode, Right
from tests.rights.judge import compared

WIDE = "fleet-system:modelfleet:operator"
WHO = Who("operator", Mode.EVERYWHERE)
PATCHES, CREATES = (Right(WIDE, "apps", "deployments", verb) for verb in ("patch", "create"))
Event = dict[str, Any]


def event(
    verb: str = "patch", code: int = 200, part: str = WIDE, user: str = "operator-everywhere", **more: Any
) -> Event:
    """A request about a Deployment, as it was served."""
    reason = f'RBAC: allowed by ClusterRoleBinding "{user}:{part}" of ClusterRole "{user}:{part}" to User "{user}"'
    decision = {"decision": "allow", "reason": reason}
    return {
        "stage": "ResponseComplete",
        "requestURI": "/apis/apps/v1/namespaces/n/deployments/d?force=true",
        "verb": verb,
        "user": {"username": user},
        "userAgent": "modelfleet-operator/1",
        "objectRef": {"resource": "deployments", "apiGroup": "apps", "namespace": "n", "name": "d"},
        "responseStatus": {"code": code},
        "annotations": {f"authorization.k8s.io/{key}": value for key, value in decision.items()},
    } | more


def refused(verb: str = "delete") -> Event:
    """The same, that was not served for want of a right."""
    return event(verb, 403, annotations={"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "1.log"


def seen(log: Path, *events: Mapping[str, Any], who: Who = WHO) -> Seen:
    log.write_text("".join(f"{json.dumps(one, separators=(',', ':'))}\n" for one in events))
    return read([log]).get(who, Seen())


def test_all_is_well_where_each_right_was_used_and_nothing_else_was_asked_for(log: Path) -> None:
    assert list(compared(WHO, seen(log, event(), event("create", 201)), {PATCHES, CREATES})) == []


def test_a_right_that_nobody_used_is_extra(log: Path) -> None:
    (line,) = compared(WHO, seen(log, event()), {PATCHES, CREATES})
    assert line == f"extra: operator (everywhere) create deployments.apps (granted by {WIDE}, never used)"


def test_what_is_refused_and_not_granted_is_missing_with_its_path(log: Path) -> None:
    (line,) = compared(WHO, seen(log, event(), refused(), refused()), {PATCHES})
    assert line == (
        "missing: operator (everywhere) delete deployments.apps"
        " (asked for 2 times, refused to operator-everywhere in n, e.g. /apis/apps/v1/namespaces/n/deployments/d)"
    )


def test_what_is_allowed_by_another_role_than_the_charts_is_missing(log: Path) -> None:
    (line,) = compared(WHO, seen(log, event(), event("delete", part="of-a-test")), {PATCHES})
    assert line.startswith("missing: operator (everywhere) delete deployments.apps (asked for 1 times, by of-a-test")
    given = event("get", annotations={"authorization.k8s.io/reason": 'RBAC: allowed by RoleBinding "a/b" of Role "b"'})
    (line,) = compared(WHO, seen(log, event(), given), {PATCHES})
    assert "by not of the chart: RBAC: allowed by RoleBinding" in line


def test_a_refusal_is_made_good_by_what_the_same_account_is_served_there_later(log: Path) -> None:
    assert list(compared(WHO, seen(log, refused("patch"), event()), {PATCHES})) == []
    (line,) = compared(WHO, seen(log, event(), refused("patch")), {PATCHES})
    assert "patch deployments.apps (asked for 1 times, refused to operator-everywhere in n" in line
    listed = refused("patch") | {"user": {"username": "operator-listed"}}
    (line,) = compared(WHO, seen(log, listed, event()), {PATCHES})
    assert "refused to operator-listed in n" in line


def test_a_role_of_one_namespace_makes_nothing_good_in_another(log: Path) -> None:
    elsewhere = {"resource": "deployments", "apiGroup": "apps", "namespace": "other", "name": "d"}
    late, user = refused("patch") | {"objectRef": elsewhere}, "operator-everywhere"
    assert list(compared(WHO, seen(log, late, event()), {PATCHES})) == []  # by a role of the whole cluster
    reason = f'RBAC: allowed by RoleBinding "{user}:{WIDE}/n" of Role "{user}:{WIDE}" to User "{user}"'
    here = event(annotations={"authorization.k8s.io/reason": reason})
    (line,) = compared(WHO, seen(log, late, here), {PATCHES})
    assert "refused to operator-everywhere in other" in line


def test_one_api_server_makes_nothing_good_for_another(log: Path, tmp_path: Path) -> None:
    (tmp_path / "2.log").write_text(json.dumps(event()))
    log.write_text(json.dumps(refused("patch")))
    (line,) = compared(WHO, read([log, tmp_path / "2.log"])[WHO], {PATCHES})
    assert line.startswith("missing: operator (everywhere) patch deployments.apps")


def test_a_release_whose_roles_were_taken_away_is_not_judged_until_they_are_back(log: Path) -> None:
    def binding(verb: str) -> Event:
        about = {"resource": "rolebindings", "name": "modelfleet-operator-home", "namespace": "installed"}
        return event(verb, user="admin", objectRef=about)

    late = refused() | {"user": {"username": "system:serviceaccount:installed:modelfleet-operator"}}
    assert seen(log, binding("patch"), binding("delete"), late).refused == {}
    assert len(seen(log, binding("delete"), binding("patch"), late).refused) == 1
    assert len(seen(log, binding("delete"), refused()).refused) == 1, "of an account that is no release's"


def test_what_admission_refuses_is_a_use_of_the_right_and_makes_nothing_good(log: Path) -> None:
    ended = event(code=403, responseStatus={"code": 403, "message": "because it is being terminated"})
    found = seen(log, refused("patch"), ended)
    assert found.allowed == {PATCHES: 1}
    assert len(found.refused) == 1


@pytest.mark.parametrize(
    ("account", "role", "mode"),
    [
        ("modelfleet-operator", "installed:modelfleet:operator", Mode.EVERYWHERE),
        ("operator-listed", "installed:modelfleet:operator", Mode.EVERYWHERE),
        ("operator-single", "installed:modelfleet:operator", Mode.SINGLE),
    ],
)
def test_an_account_of_a_release_is_judged_as_its_role_and_mode(log: Path, account: str, role: str, mode: Mode) -> None:
    asked = event(user=f"system:serviceaccount:installed:{account}")
    words = (
        f'RBAC: allowed by ClusterRoleBinding "{role}" of ClusterRole "{role}" to ServiceAccount "{account}/installed"'
    )
    asked["annotations"]["authorization.k8s.io/reason"] = words
    assert list(compared(WHO, seen(log, asked, who=Who("operator", mode)), {PATCHES})) == []
    asked["annotations"]["authorization.k8s.io/reason"] = words.replace(role, "admin")
    (line,) = compared(WHO, seen(log, asked, who=Who("operator", mode)), set())
    assert "missing: operator (everywhere) patch deployments.apps (asked for 1 times, by admin" in line


def test_what_a_test_asks_with_the_token_of_a_role_is_not_judged(log: Path) -> None:
    nameless, named = refused(), refused() | {"userAgent": "modelfleet/test"}
    del nameless["userAgent"]
    assert seen(log, nameless, named) == Seen()


def test_an_apply_that_makes_an_object_uses_the_right_to_create_it_and_is_told_of_where_it_lacks_it(log: Path) -> None:
    assert list(compared(WHO, seen(log, event(code=201)), {PATCHES, CREATES})) == []
    words = 'deployments.apps "d" is forbidden: User "u" cannot create resource "deployments" in API group "apps"'
    late = event(code=403, responseStatus={"code": 403, "message": words})
    (line,) = compared(WHO, seen(log, event(), late), {PATCHES})
    assert line.startswith("missing: operator (everywhere) create deployments.apps (asked for 1 times, refused")


def test_a_namespace_that_goes_away_takes_nobodys_right(log: Path) -> None:
    words = "unable to create new content in namespace n because it is being terminated"
    ended = event("create", 403, responseStatus={"code": 403, "message": words})
    assert list(compared(WHO, seen(log, event(), ended), {PATCHES, CREATES})) == []


def test_a_watch_counts_once_whether_or_not_its_end_was_heard_of(log: Path) -> None:
    watches = Right(WIDE, "apps", "deployments", "watch")
    begun, over = event("watch", stage="ResponseStarted"), event("watch")
    assert seen(log, begun, over, begun).allowed == {watches: 2}


def test_what_everybody_may_and_what_others_ask_is_not_judged(log: Path) -> None:
    reason = {
        "authorization.k8s.io/reason": 'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "system:discovery"'
    }
    others = event(user="admin"), event(annotations=reason), {"user": {"username": "operator-single"}}
    assert seen(log, *others) == Seen()


def test_subresources_modes_and_half_lines_are_told_apart(log: Path) -> None:
    about = {"resource": "routingpolicies", "apiGroup": "modelfleet.dev", "subresource": "status"}
    single = Who("operator", Mode.SINGLE)
    found = seen(log, event(user="operator-single", part="modelfleet-operator", objectRef=about), who=single)
    assert found.allowed == {Right("modelfleet-operator", "modelfleet.dev", "routingpolicies/status", "patch"): 1}
    with log.open("a") as more:
        more.write(f"{json.dumps(event())[:40]}{json.dumps(event())}\n{json.dumps(event())[:40]}")
    assert read([log]).keys() == {single}


@pytest.mark.parametrize(
    ("options", "user"),
    [
        (["--resync=5"], "xds-everywhere"),
        (["--secrets-namespace=a", "--listen", "x"], "xds-listed"),
        (["--namespace=a", "-n", "b", "--secrets-namespace=a"], "xds-single"),
    ],
)
def test_a_process_runs_as_the_account_that_its_options_ask_for(options: list[str], user: str) -> None:
    assert account_for("xds", scope_of(options)).user == user
    assert user in ACCOUNTS


def test_the_options_of_a_process_say_what_it_serves() -> None:
    said = scope_of(["-n", "b", "--namespace", "a", "--namespace=b", "--secrets-namespace=c", "--xds=http://x"])
    assert said == Scope(("b", "a"), ("c",))


def test_a_log_is_written_only_where_a_folder_is_named_and_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    assert audit_log("chart") is None
    monkeypatch.setenv(FOLDER, str(tmp_path / "audit"))
    found = audit_log("chart")
    assert found is not None
    found.write_text("")
    assert logs(tmp_path / "audit") == [found]
    assert audit_log("chart") == found
    assert logs(tmp_path / "audit") == []


def test_logs_of_a_part_tell_of_what_is_missing_and_not_of_what_nobody_used(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judge, "rights", lambda *_: {PATCHES, CREATES})  # who has no Helm cannot know the chart's
    monkeypatch.setattr(sys, "argv", ["rights", str(log.parent)])
    seen(log, event())
    assert main() == 0
    seen(log, event(), refused())
    assert main() == 1
    said = capsys.readouterr().out
    assert "missing: operator (everywhere) delete deployments.apps" in said
    assert "extra" not in said
    assert "1.log: 1 requests" in said
    (log.parent / f"{WHOLE}-1.log").write_text("")
    assert main() == 1
    assert "extra: xds (single) create deployments.apps" in capsys.readouterr().out
