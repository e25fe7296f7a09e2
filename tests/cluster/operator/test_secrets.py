"""Secrets that are referred to: only these are read, what is with them is told, and what is in them never."""

import base64
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from tests.cluster.operator.objects import condition, hosted, make, manifest, url, wait_for_condition
from tests.cluster.operator.process import Operator, running
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Delay, FaultProxy, Rule, Status

KIND = "ModelDeployment"
CANARY = "kanarienvogel-7f3a91"
ROTATION_S = 10.0


def secrets(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def keep(api: Api, namespace: str, name: str, **entries: str) -> None:
    """Makes a Secret, or replaces what is in it."""
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    made["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in entries.items()}
    expect(api.apply(secrets(namespace, name), made), HTTPStatus.OK, HTTPStatus.CREATED)


def with_key(name: str, namespace: str, secret: str) -> dict[str, Any]:
    """A hosted model that needs the entry `token` of a Secret."""
    credentials = {"secretRef": {"name": secret, "key": "token"}}
    return hosted(name, namespace, external={"url": "https://api.example.com/v1", "credentials": credentials})


def with_variables(name: str, namespace: str, secret: str, config: str) -> dict[str, Any]:
    """A model whose engine has variables from a Secret and from a ConfigMap."""
    variables = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": secret, "key": "token"}}},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": config, "key": "a"}}},
    ]
    spec = {"model": {"name": "m"}, "engine": {"name": "sim", "env": variables}}
    return manifest(KIND, name, namespace, spec)


def refs(bed: Bed, namespace: str, name: str, wanted: str) -> str:
    """What is said of a model's references, once it is as wanted."""
    return str(wait_for_condition(bed.api, KIND, namespace, name, "ResolvedRefs", wanted)["message"])


def test_only_what_is_referred_to_is_read_and_one_by_one(
    bed: Bed, namespace: str, proxy: FaultProxy, operator: Operator
) -> None:
    keep(bed.api, namespace, "keys", token="sesame")
    keep(bed.api, namespace, "other", token="sesame")
    others = proxy.add(Rule(Delay(0), verb="read", resource="secrets", name="other"))
    make(bed.api, with_key("a", namespace, "keys"), with_variables("b", namespace, "keys", "tuning"))
    refs(bed, namespace, "a", "True")
    message = refs(bed, namespace, "b", "SecretNotFound")
    where = "spec.engine.env[1].valueFrom.configMapKeyRef.name"
    assert message == f'{where}: no ConfigMap "tuning" is declared: correct the name, or add it'
    verbs = {(verb, what) for _, verb, what in proxy.reads if what in ("secrets", "configmaps")}
    assert verbs == {("get", "secrets"), ("get", "configmaps")}
    assert others.matched == 0
    assert operator.metric("rbac_denied_total") == 0


def test_a_new_model_with_a_key_is_ready_at_once_and_has_never_been_anything_else(
    bed: Bed, namespace: str, proxy: FaultProxy, operator: Operator
) -> None:
    for name in ("a", "b", "c"):
        keep(bed.api, namespace, f"keys-{name}", token="sesame")
        make(bed.api, with_key(name, namespace, f"keys-{name}"))
        refs(bed, namespace, name, "True")
    wait_for("nothing more to be looked at", lambda: operator.metric("statuses_waiting") == 0)
    written = [write.name for write in proxy.writes if (write.subresource, write.namespace) == ("status", namespace)]
    assert written == ["a", "b", "c"]


def test_what_happens_to_a_key_is_noticed_within_ten_seconds(
    bed: Bed, namespace: str, operator: Operator, evidence: Callable[..., None]
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
    assert operator.metric("findings", reason="SecretNotFound") >= len(names) - 1


def test_a_namespace_that_is_not_named_keeps_its_secrets_and_is_told_so(
    bed: Bed, namespace: str, proxy: FaultProxy
) -> None:
    keep(bed.api, namespace, "keys", token="sesame")
    asked = proxy.add(Rule(Delay(0), verb="read", resource="secrets"))
    with running(proxy, "operator", "--secrets-namespace=elsewhere") as operator:
        make(bed.api, with_key("a", namespace, "keys"), with_variables("b", namespace, "keys", "tuning"))
        assert refs(bed, namespace, "a", "SecretNotReadable") == (
            'spec.external.credentials.secretRef.name: Secret "keys" may not be read (the operator reads no Secrets in'
            f' namespace "{namespace}"): have the operator given the right to get it, or its namespace added to'
            " --secrets-namespace"
        )
        # What is wrong beside it is told as well: a ConfigMap is no Secret, and may be read anywhere.
        assert 'no ConfigMap "tuning" is declared' in refs(bed, namespace, "b", "SecretNotReadable")
        assert operator.metric("findings", reason="SecretNotReadable") >= 2
    assert asked.matched == 0


def test_a_right_that_is_missing_is_told_and_counted_and_its_coming_heals(
    bed: Bed, namespace: str, proxy: FaultProxy, operator: Operator
) -> None:
    keep(bed.api, namespace, "keys", token="sesame")
    with proxy.rule(Rule(Status(403), verb="get", resource="secrets", namespace=namespace)):
        make(bed.api, with_key("a", namespace, "keys"))
        message = refs(bed, namespace, "a", "SecretNotReadable")
        assert 'Secret "keys" may not be read (403 Forbidden: ' in message
        assert operator.metric("rbac_denied_total", verb="get", resource="secrets") >= 1
    assert refs(bed, namespace, "a", "True") == "every reference closes"


def test_an_api_server_in_trouble_makes_a_new_key_unknown_and_takes_nothing_from_an_old_one(
    bed: Bed, namespace: str, proxy: FaultProxy, operator: Operator
) -> None:
    keep(bed.api, namespace, "keys", token="sesame")
    make(bed.api, with_key("old", namespace, "keys"), with_key("gone", namespace, "nowhere"))
    refs(bed, namespace, "old", "True")
    refs(bed, namespace, "gone", "False")
    with proxy.rule(Rule(Status(500), verb="get", resource="secrets")) as failing:
        make(bed.api, with_key("new", namespace, "more-keys"))
        message = refs(bed, namespace, "new", "NotReadable")
        assert message.startswith(f"Secret {namespace}/more-keys could not be read: 500 ")
        assert condition(bed.api, KIND, namespace, "new")["status"] == "Unknown"
        wait_for("all of them to be asked for in vain", lambda: failing.hits >= 4, ROTATION_S)
        assert condition(bed.api, KIND, namespace, "old")["status"] == "True"
        assert condition(bed.api, KIND, namespace, "gone")["reason"] == "SecretNotFound"
    refs(bed, namespace, "new", "SecretNotFound")
    assert operator.metric("compile_failures_total") == 0
    assert len(_statuses(proxy, namespace, "old")) == len(_statuses(proxy, namespace, "gone")) == 1


def _statuses(proxy: FaultProxy, namespace: str, name: str) -> list[int | None]:
    found = [write for write in proxy.writes if (write.namespace, write.name) == (namespace, name)]
    return [write.status for write in found if write.subresource == "status"]


def test_no_value_of_a_secret_is_in_anything_that_leaves_the_operator(
    bed: Bed, namespace: str, proxy: FaultProxy
) -> None:
    with running(proxy, "operator", "--log-level=debug") as operator:
        for name, text in (("good", CANARY), ("broken", f"{CANARY}\n{CANARY}"), ("elsewhere", CANARY)):
            keep(bed.api, namespace, name, **{"tokens" if name == "elsewhere" else "token": text})
            make(bed.api, with_key(name, namespace, name))
        make(bed.api, with_variables("engine", namespace, "good", "tuning"))
        refs(bed, namespace, "good", "True")
        for name in ("broken", "elsewhere", "engine"):
            refs(bed, namespace, name, "False")
        with proxy.rule(Rule(Status(500), verb="get", resource="secrets")) as failing:
            wait_for("a failure to be logged", lambda: failing.hits >= 3)
        answers = [bed.api.get(url(KIND, namespace)).body, bed.api.get("/api/v1/events").body]
        left = [operator.log_text(), operator.ask("/metrics")[1], *map(repr, answers), *map(repr, proxy.writes)]
        assert len(left) > 10
        for spelt in (CANARY, base64.b64encode(CANARY.encode()).decode().rstrip("=")):
            assert [text for text in left if spelt in text] == []
