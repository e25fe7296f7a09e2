"""Which references close, and which are let pass because nobody can know."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.findings import Condition
from modelfleet.fleet.references import check_references, referred_kinds
from tests.support.documents import Document, fleet, hardware_class, model, policy, valid

PLACED = "placement: {classes: [{name: gpu}]}"
BROKEN = "family: broken"


def told(*documents: Document, mistakes: bool = False, unknown: tuple[str, ...] = ()) -> list[str]:
    snapshot = replace(fleet(*documents, mistakes=mistakes), unknown=dict.fromkeys(unknown, "403"))
    found = check_references(snapshot)
    return [f"{finding.subject}: {finding.reason}: {finding.path[-1]}" for finding in found]


def secret(name: str, *keys: str, kind: str = "Secret", namespace: str = "", field: str = "data") -> Document:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, field: dict.fromkeys(keys, "eA==")}


def with_token(kind: str = "secretKeyRef", **fields: Any) -> Document:
    variable = {"name": "A", "valueFrom": {kind: {"name": "hub", "key": "token"}}}
    return model(engine={"name": "sim", "env": [variable]}, **fields)


def test_references_that_close_are_not_told() -> None:
    assert told(hardware_class(name="gpu"), model(PLACED), policy()) == []


def test_a_reference_to_an_invalid_object_closes() -> None:
    assert told(hardware_class(BROKEN, name="gpu"), model(PLACED), mistakes=True) == []
    assert told(model(work="broken"), policy(), mistakes=True) == []


def test_what_an_invalid_object_refers_to_is_not_looked_at() -> None:
    assert told(model(PLACED, work="broken"), mistakes=True) == []


@pytest.mark.parametrize(("allowed", "count"), [(None, 0), (["team-a"], 1), (["team-a", "default"], 0)])
def test_a_class_may_be_named_from_the_namespaces_that_it_allows(allowed: list[str] | None, count: int) -> None:
    assert len(told(hardware_class(name="gpu", allowedNamespaces=allowed), model(PLACED))) == count


def test_a_class_that_is_not_permitted_is_no_class_that_is_not_there() -> None:
    found = told(hardware_class(name="gpu", allowedNamespaces=["team-a"]), model(PLACED))
    assert found == ["ModelDeployment default/m: RefNotPermitted: name"]


def test_a_namespace_on_a_class_is_as_good_as_none() -> None:
    raw = hardware_class(name="gpu")
    raw["metadata"]["namespace"] = "team-a"
    assert told(raw, model(PLACED)) == []


def test_a_model_is_looked_for_in_the_policy_s_namespace() -> None:
    assert told(model(namespace="team-a"), policy(namespace="team-a")) == []
    assert told(model(namespace="team-a"), policy()) == ["RoutingPolicy default/p: ModelNotFound: name"]


def test_every_place_that_names_a_model_is_looked_at() -> None:
    rules = [{"name": "a", "models": [{"name": "m"}, {"name": "x"}]}]
    tiers = [{"name": "light", "models": [{"name": "m"}, {"name": "y"}]}]
    found = check_references(fleet(model(), policy(rules=rules, tiers=tiers, shadow=[{"model": "z", "percent": 1}])))
    assert [finding.path[1:] for finding in found] == [
        ("tiers", 0, "models", 1, "name"),
        ("rules", 0, "models", 1, "name"),
        ("shadow", 0, "model"),
    ]


def test_a_name_that_is_repeated_is_told_each_time() -> None:
    tiers = [{"name": name, "models": [{"name": "gone"}]} for name in ("a", "b")]
    assert len(told(policy(tiers=tiers))) == 2


def test_secrets_that_live_elsewhere_are_let_pass() -> None:
    assert told(with_token()) == []
    assert told(with_token(), secret("other", namespace="team-a")) == []
    assert told(with_token(), secret("other", kind="ConfigMap")) == []


def test_where_a_namespace_has_secrets_one_can_be_found_missing() -> None:
    assert told(with_token(), secret("other", "token")) == ["ModelDeployment default/m: SecretNotFound: name"]


@pytest.mark.parametrize("kind", ["ExternalSecret", "SealedSecret"])
def test_what_another_controller_makes_a_secret_of_closes_a_reference(kind: str) -> None:
    maker = {"apiVersion": "secrets.example.com/v1", "kind": kind, "metadata": {"name": "hub"}}
    assert told(with_token(), secret("other", "token"), maker) == []
    renamed = {**maker, "metadata": {"name": "hubs"}}
    assert told(with_token(), secret("other", "token"), renamed) == ["ModelDeployment default/m: SecretNotFound: name"]


@pytest.mark.parametrize("field", ["data", "stringData"])
def test_the_entries_of_a_secret_are_looked_at(field: str) -> None:
    assert told(with_token(), secret("hub", "token", field=field)) == []
    assert told(with_token(), secret("hub", "tokens", field=field)) == [
        "ModelDeployment default/m: SecretNotFound: key"
    ]


@pytest.mark.parametrize("field", ["data", "binaryData"])
def test_the_entries_of_a_config_map_are_looked_at(field: str) -> None:
    raw = with_token("configMapKeyRef")
    assert told(raw, secret("hub", "token", kind="ConfigMap", field=field)) == []
    assert told(raw, secret("hub", kind="ConfigMap", field=field)) == ["ModelDeployment default/m: SecretNotFound: key"]


def test_a_secret_is_no_config_map() -> None:
    raw = with_token("configMapKeyRef")
    assert told(raw, secret("hub", "token"), secret("x", kind="ConfigMap")) == [
        "ModelDeployment default/m: SecretNotFound: name"
    ]


def test_the_secrets_of_callers_need_no_particular_entry() -> None:
    raw = policy(access={"apiKeys": {"secretRefs": [{"name": "keys"}]}})
    assert told(model(), raw, secret("keys")) == []
    assert told(model(), raw, secret("kets")) == ["RoutingPolicy default/p: SecretNotFound: name"]


def test_what_is_never_written_is_the_value_of_an_entry() -> None:
    snapshot = fleet(secret("hub", "token"))
    assert "eA==" not in repr(snapshot)


def test_references_speak_to_a_condition_of_their_own() -> None:
    found = check_references(fleet(model(PLACED), policy(tiers=[{"name": "a", "models": [{"name": "x"}]}])))
    assert {finding.condition for finding in found} == {Condition.RESOLVED_REFS}


def test_what_could_not_be_read_is_not_missing() -> None:
    config = with_token("configMapKeyRef", name="n")
    keys = policy(access={"apiKeys": {"secretRefs": [{"name": "keys"}]}})
    documents = (
        with_token(placement={"classes": [{"name": "gpu"}]}),
        config,
        keys,
        secret("x", "y"),
        secret("x", "y", kind="ConfigMap"),
    )
    missing = {
        "HardwareClass": "ModelDeployment default/m: HardwareClassNotFound: name",
        "Secret": "ModelDeployment default/m: SecretNotFound: name",
        "ConfigMap": "ModelDeployment default/n: SecretNotFound: name",
    }
    for kind, one in missing.items():
        assert one in told(*documents)
        assert one not in told(*documents, unknown=(kind,))
    assert told(*documents, unknown=tuple(missing)) == []
    assert told(policy()) == ["RoutingPolicy default/p: ModelNotFound: name"]
    assert told(policy(), unknown=("ModelDeployment",)) == []


def test_an_entry_is_not_missing_where_secrets_could_not_be_read() -> None:
    assert told(with_token(), secret("hub", "tokens"), unknown=("Secret",)) == []


def test_an_object_knows_the_kinds_that_it_refers_to() -> None:
    assert referred_kinds(valid(hardware_class())) == frozenset()
    assert referred_kinds(valid(model())) == frozenset()
    assert referred_kinds(valid(with_token(placement={"classes": [{"name": "gpu"}]}))) == {"HardwareClass", "Secret"}
    assert referred_kinds(valid(with_token("configMapKeyRef"))) == {"ConfigMap"}
    assert referred_kinds(valid(policy())) == {"ModelDeployment"}
    keys = policy(access={"apiKeys": {"secretRefs": [{"name": "keys"}]}})
    assert referred_kinds(valid(keys)) == {"ModelDeployment", "Secret"}
