"""Secrets that are referred to: only these are read, what is with them is told, and what is in them never."""

import base64
import time
from collections.abc import Callable
from http import HTTPStatus

from tests.cluster.operator.objects import condition, make, url
from tests.cluster.operator.process import Operator
from tests.cluster.operator.secrets import CANARY, KIND, keep, refs, secrets, with_key, with_variables
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Delay, Rule, Status, Truncate

OPTIONS = ("--log-level=debug",)
ROTATION_S = 10.0


def test_only_what_is_referred_to_is_read_and_one_by_one(bed: Bed, namespace: str, shared: Operator) -> None:
    keep(bed.api, namespace, "keys", token="sesame")
    keep(bed.api, namespace, "other", token="sesame")
    others = shared.proxy.add(Rule(Delay(0), verb="read", resource="secrets", name="other"))
    make(bed.api, with_key("a", namespace, "keys"), with_variables("b", namespace, "keys", "tuning"))
    refs(bed, namespace, "a", "True")
    message = refs(bed, namespace, "b", "SecretNotFound")
    where = "spec.engine.env[1].valueFrom.configMapKeyRef.name"
    assert message == f'{where}: no ConfigMap "tuning" is declared: correct the name, or add it'
    verbs = {(verb, what) for _, verb, what in shared.proxy.reads if what in ("secrets", "configmaps")}
    assert verbs == {("get", "secrets"), ("get", "configmaps")}
    assert others.matched == 0


def test_a_new_model_with_a_key_is_ready_at_once_and_has_never_been_anything_else(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    for name in ("a", "b", "c"):
        keep(bed.api, namespace, f"keys-{name}", token="sesame")
        make(bed.api, with_key(name, namespace, f"keys-{name}"))
        refs(bed, namespace, name, "True")
    wait_for("nothing more to be looked at", lambda: shared.metric("statuses_waiting") == 0)
    assert [written(shared, namespace, name) for name in ("a", "b", "c")] == [[200], [200], [200]]


def test_what_happens_to_a_key_is_noticed_within_ten_seconds(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    names = ("deleted", "emptied", "broken", "renamed", "binary", "made")
    for name in names[:-1]:
        keep(bed.api, namespace, name, token="sesame")
    make(bed.api, *(with_key(name, namespace, name) for name in names))
    for name in names:
        refs(bed, namespace, name, "False" if name == "made" else "True")
    began = time.monotonic()
    expect(bed.api.delete(secrets(namespace, "deleted")), HTTPStatus.OK)
    keep(bed.api, namespace, "emptied", token="")
    keep(bed.api, namespace, "broken", token="two\nlines")
    keep(bed.api, namespace, "renamed", tokens="sesame")
    binary = {"data": {"token": base64.b64encode(b"\xff\xfe").decode()}}
    expect(bed.api.merge(secrets(namespace, "binary"), binary), HTTPStatus.OK)
    keep(bed.api, namespace, "made", token="sesame")
    told = {name: refs(bed, namespace, name, "True" if name == "made" else "False") for name in names}
    evidence(noticed_s=round(time.monotonic() - began, 1))
    assert time.monotonic() - began < ROTATION_S
    assert told["deleted"].endswith('no Secret "deleted" is declared: correct the name, or add it')
    assert told["emptied"].endswith("is empty: put the key into it")
    assert told["broken"].endswith("has letters that no header may have: put the key into it and nothing else")
    assert told["renamed"].endswith(
        'Secret "renamed" has no entry "token" (did you mean "tokens"?): correct the key, or add it'
    )
    assert told["binary"].endswith("is not there, or is no text: add the Secret with this entry")
    assert shared.metric("findings", reason="SecretNotFound") >= len(names) - 1


def test_what_cannot_be_read_is_forbidden_or_unknown_and_takes_nothing_from_what_is_known(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    for name in ("old", "denied"):
        keep(bed.api, namespace, name, token="sesame")
    make(bed.api, with_key("old", namespace, "old"), with_key("gone", namespace, "gone"))
    refs(bed, namespace, "old", "True")
    refs(bed, namespace, "gone", "False")
    asked = {"verb": "get", "resource": "secrets", "namespace": namespace}
    denied = shared.proxy.add(Rule(Status(403), name="denied", **asked))  # type: ignore[arg-type]  # all are texts
    failing = shared.proxy.add(Rule(Status(500), **asked))  # type: ignore[arg-type]
    make(bed.api, with_key("denied", namespace, "denied"), with_key("new", namespace, "new"))
    assert 'Secret "denied" may not be read (403 Forbidden: ' in refs(bed, namespace, "denied", "SecretNotReadable")
    message = refs(bed, namespace, "new", "NotReadable")
    assert message.startswith(f"Secret {namespace}/new could not be read: 500 ")
    assert condition(bed.api, KIND, namespace, "new")["status"] == "Unknown"
    assert shared.metric("rbac_denied_total", verb="get", resource="secrets") >= 1
    wait_for("all of them to be asked for in vain", lambda: failing.hits >= 4, ROTATION_S)
    assert condition(bed.api, KIND, namespace, "old")["status"] == "True"
    assert condition(bed.api, KIND, namespace, "gone")["reason"] == "SecretNotFound"
    shared.proxy.remove(denied, failing)
    assert refs(bed, namespace, "denied", "True") == "every reference closes"
    refs(bed, namespace, "new", "SecretNotFound")
    assert shared.metric("compile_failures_total") == 0
    assert [written(shared, namespace, name) for name in ("old", "gone")] == [[200], [200]]


def written(operator: Operator, namespace: str, name: str) -> list[int | None]:
    """The answers to each write of a model's status."""
    found = [write for write in operator.proxy.writes if (write.namespace, write.name) == (namespace, name)]
    return [write.status for write in found if write.subresource == "status"]


def test_no_value_of_a_secret_is_in_anything_that_leaves_the_operator(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    for name, text in (("good", CANARY), ("broken", f"{CANARY}\n{CANARY}"), ("elsewhere", CANARY)):
        keep(bed.api, namespace, name, **{"tokens" if name == "elsewhere" else "token": text})
        make(bed.api, with_key(name, namespace, name))
    make(bed.api, with_variables("engine", namespace, "good", "tuning"))
    refs(bed, namespace, "good", "True")
    for name in ("broken", "elsewhere", "engine"):
        refs(bed, namespace, name, "False")
    keep(bed.api, namespace, "cut", token=CANARY)
    with shared.proxy.rule(Rule(Truncate(-20), verb="get", resource="secrets", name="cut")):
        make(bed.api, with_key("cut", namespace, "cut"))
        refs(bed, namespace, "cut", "NotReadable")
    answers = [bed.api.get(url(KIND, namespace)).body, bed.api.get("/api/v1/events").body]
    left = [shared.log_text(), shared.ask("/metrics")[1], *map(repr, answers), *map(repr, shared.proxy.writes)]
    assert "DEBUG" in left[0]
    assert len(left) > 10
    for spelt in (CANARY, base64.b64encode(CANARY.encode()).decode().rstrip("=")):
        assert [text for text in left if spelt in text] == []
