"""What is in force of a fleet that changes, and what its gateways are then told."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.envoy.types import SCOPE, SECRET
from modelfleet.findings import Key, Reason
from modelfleet.fleet.inforce import InForce, Version
from modelfleet.fleet.world import Endpoint, Gateway, World
from tests.sizes import scale
from tests.support.documents import Document, fleet, model, policy
from tests.unit.compiling import HOSTED, TWO, compiled, served

M, N = Key("ModelDeployment", "default", "m"), Key("ModelDeployment", "default", "n")
P, Q, R = (Key("RoutingPolicy", "default", name) for name in "pqr")
OLD, NEW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def bytes_of(plan: FleetPlan) -> Mapping[tuple[str, str], bytes]:
    return {(it.type_url.rpartition(".")[2], it.name): it.body for it in plan.gateways["default"]}


def names(plan: FleetPlan, kind: str) -> list[str]:
    """Without scopes that nobody can ask for, of which every policy has one."""
    is_hidden = kind == "ScopedRouteConfiguration"
    return [name for found, name in bytes_of(plan) if found == kind and not (is_hidden and name.startswith("/"))]


def errors(plan: FleetPlan) -> list[tuple[Key, Reason]]:
    return [(it.subject, it.reason) for it in plan.findings if it.reason is not Reason.UNREACHABLE]


def aged(created: str, raw: Document) -> Document:
    return {**raw, "metadata": {**raw["metadata"], "creationTimestamp": created}}


def test_a_fleet_without_mistakes_is_in_force_whole() -> None:
    plan = compiled(policy(), model())
    assert (set(plan.in_force.policies), set(plan.in_force.models)) == ({P}, {M})
    assert (plan.findings, plan.defects) == ((), ())


def test_nothing_at_all_is_a_gateway_that_serves_nothing() -> None:
    plan = compiled()
    kinds = [kind for kind, _ in bytes_of(plan)]
    assert kinds == ["Cluster", "TypedExtensionConfig", "Listener", "RouteConfiguration", "ScopedRouteConfiguration"]
    assert names(plan, "Cluster") == ["gate"]
    assert compile_fleet(fleet()).gateways == {}


@pytest.mark.parametrize(
    "change",
    [
        {"tiers": [{"name": "light", "models": [{"name": "absent"}]}]},
        {"limits": [{"per": "policy", "requests": 1, "every": "1s"}]},
        {"mode": "Observe"},
    ],
)
def test_a_policy_with_an_error_keeps_its_version_and_recovers_when_it_is_mended(change: Any) -> None:
    good = compiled(policy(), model())
    bad = compiled(policy(**change), model(), before=good)
    assert [subject for subject, _ in errors(bad)] == [P]
    assert (bytes_of(bad), bad.in_force) == (bytes_of(good), good.in_force)
    mended = compiled(policy("timeouts: {total: 5s}"), model(), before=bad)
    assert errors(mended) == []
    assert mended.in_force.policies[P].spec.timeouts is not None


def test_a_policy_that_was_never_right_is_not_there() -> None:
    plan = compiled(policy(mode="Observe"), served("q", "b"), model())
    assert set(plan.in_force.policies) == {Q}
    assert names(plan, "ScopedRouteConfiguration") == ["*|", "*|b"]


def test_a_model_with_an_error_keeps_its_version() -> None:
    good = compiled(policy(), model())
    bad = compiled(policy(), model("{model: {name: other}, placement: {classes: [{name: absent}]}}"), before=good)
    assert errors(bad) == [(M, Reason.HARDWARE_CLASS_NOT_FOUND)]
    assert bytes_of(bad) == bytes_of(good)


def vouching(before: FleetPlan, *keys: Key) -> FleetPlan:
    """What was before, where somebody says that these objects cannot be parsed now and are there all the same."""
    return replace(before, in_force=replace(before.in_force, malformed=frozenset(keys)))


@pytest.mark.parametrize(
    ("key", "wrong"), [(P, (policy(nonsense=1), model())), (M, (policy(), model(model=1)))], ids=["policy", "model"]
)
def test_an_object_that_cannot_be_parsed_any_more_changes_no_byte(key: Key, wrong: tuple[Document, ...]) -> None:
    others = served("a", "b"), served("z", "c")
    good = compiled(*others, policy(), model())
    kept = compiled(*others, *wrong, before=vouching(good, key), mistakes=True)
    assert (bytes_of(kept), kept.in_force) == (bytes_of(good), good.in_force)
    assert list(kept.in_force.policies) == sorted(kept.in_force.policies)


def test_such_an_object_keeps_its_names() -> None:
    good = compiled(aged(OLD, policy()), model())
    newcomer = aged(NEW, served("q", "auto"))
    plan = compiled(policy(nonsense=1), newcomer, model(), before=vouching(good, P), mistakes=True)
    assert errors(plan) == [(Q, Reason.CONFLICTED)]


def test_files_keep_for_themselves_what_cannot_be_parsed_and_nothing_is_kept_beside_that() -> None:
    good = compiled(policy(), model())
    assert compiled(policy(nonsense=1), model(), before=good, mistakes=True).in_force.policies == {}


@pytest.mark.parametrize("wrong", [{}, {"model": 1}], ids=["in order", "malformed"])
def test_the_version_of_a_model_without_its_key_gets_no_request_and_is_not_forgotten(wrong: Document) -> None:
    good = compiled(policy(), model(HOSTED), token="t")
    before = vouching(good, *({M} if wrong else ()))
    locked = compiled(policy(), model(HOSTED, **wrong), before=before, mistakes=True)
    assert locked.in_force.models == {}
    assert locked.in_force.version_of(M) == Version(0, good.in_force.models[M])


def test_the_number_of_a_version_that_nobody_knows_stays_until_there_is_a_better_one() -> None:
    good = compiled(policy(), model())
    lost = replace(good, in_force=InForce(idle={P: Version(4), Q: Version(1)}))
    wrong = compiled(policy(mode="Observe"), model(), before=lost)
    assert wrong.in_force.idle == {P: Version(4)}
    assert compiled(policy(), model(), before=wrong).in_force.idle == {}


def test_a_deleted_model_leaves_an_empty_target_and_its_policy_keeps_serving() -> None:
    good = compiled(policy(TWO), model(HOSTED), model(name="n"), token="t")
    gone = compiled(policy(TWO), model(name="n"), before=good, token="t")
    assert (errors(gone), gone.defects) == ([(P, Reason.MODEL_NOT_FOUND)], ())
    assert (set(gone.in_force.policies), set(gone.in_force.models)) == ({P}, {N})
    assert names(gone, "ClusterLoadAssignment") == ["default/m", "default/n"]
    assert names(gone, "ScopedRouteConfiguration") == ["*|", "*|auto"]


def test_a_deleted_policy_takes_its_targets_along() -> None:
    good = compiled(policy(), served("q", "b"), model())
    one = compiled(policy(), model(), before=good)
    assert names(one, "ScopedRouteConfiguration") == ["*|", "*|auto"]
    assert names(one, "Cluster") == ["default/m", "default/m/way", "gate"]
    assert names(compiled(model(), before=one), "Cluster") == ["gate"]


def owner(plan: FleetPlan, scope: str) -> Key:
    (found,) = (it for it in plan.gateways["default"] if it.type_url == SCOPE and it.name == scope)
    (key,) = found.owners
    return key


def test_a_newcomer_that_claims_a_name_loses_that_name_alone() -> None:
    plan = compiled(aged(OLD, policy()), aged(NEW, served("q", "auto", "b")), model())
    assert errors(plan) == [(Q, Reason.CONFLICTED)]
    assert [owner(plan, scope) for scope in ("*|auto", "*|b")] == [P, Q]
    assert names(plan, "ScopedRouteConfiguration") == ["*|", "*|auto", "*|b"]


def test_a_name_that_is_freed_goes_to_who_claims_it_next() -> None:
    plan = compiled(aged(OLD, policy()), aged(NEW, served("q", "auto", "b")), model())
    freed = compiled(aged(OLD, served("p", "c")), aged(NEW, served("q", "auto", "b")), model(), before=plan)
    assert names(freed, "ScopedRouteConfiguration") == ["*|", "*|auto", "*|b", "*|c"]


def test_of_two_new_policies_the_older_has_the_name_whatever_their_order() -> None:
    plans = [compiled(*pair, model()) for pair in _both(aged(NEW, policy()), aged(OLD, served("q", "auto")))]
    assert [owner(plan, "*|auto") for plan in plans] == [Q, Q]


def _both(one: Document, other: Document) -> list[tuple[Document, Document]]:
    return [(one, other), (other, one)]


def test_a_policy_that_has_an_error_claims_nothing_new_but_holds_what_it_had() -> None:
    before = compiled(aged(OLD, served("p", "a")), model())
    broken = aged(OLD, served("p", "b", mode="Observe"))
    plan = compiled(broken, aged(NEW, served("q", "a")), aged(NEW, served("r", "b")), model(), before=before)
    assert (Q, Reason.CONFLICTED) in errors(plan)
    assert [owner(plan, scope) for scope in ("*|a", "*|b")] == [P, R]
    assert names(plan, "ScopedRouteConfiguration") == ["*|", "*|a", "*|b"]


@pytest.mark.parametrize("token", [None, "", " \n", "two\nlines", "sch\u00f6n", "a\0b"])
def test_a_model_whose_key_cannot_be_used_gets_no_request_and_the_others_do(token: str | None) -> None:
    objects = policy(TWO), model(HOSTED), model(name="n")
    for before in (None, compiled(*objects, token="right")):
        plan = compiled(*objects, before=before, token=token)
        assert (errors(plan), plan.defects) == ([(M, Reason.SECRET_NOT_FOUND)], ())
        assert names(plan, "Secret") == []
        assert names(plan, "ClusterLoadAssignment") == ["default/m", "default/n"]
        assert names(plan, "RouteConfiguration") == ["/v1/models/*", "default/p"]
        assert errors(compiled(*objects, before=plan, token="back")) == []


def test_a_key_changes_alone_and_shows_itself_to_nobody() -> None:
    one, other = (compiled(policy(), model(HOSTED), token=token) for token in (" first ", "second"))
    changed = {key for key, body in bytes_of(one).items() if bytes_of(other)[key] != body}
    assert changed == {("Secret", "default/keys/token")}
    (secret,) = (it for it in one.gateways["default"] if it.type_url == SECRET)
    assert b"Bearer first" in secret.body
    assert b" first " not in secret.body


def test_two_models_with_one_key_need_it_once() -> None:
    plan = compiled(policy(TWO), model(HOSTED), model(HOSTED, name="n"), token="t")
    assert (names(plan, "Secret"), plan.defects) == (["default/keys/token"], ())


def test_one_secret_missing_is_told_once_though_two_checks_see_it() -> None:
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "others"}, "stringData": {"a": "b"}}
    assert errors(compiled(policy(), model(HOSTED), other)) == [(M, Reason.SECRET_NOT_FOUND)]


def test_endpoints_are_grouped_by_place_and_change_alone() -> None:
    def at(*endpoints: Endpoint) -> FleetPlan:
        world = World({"default": Gateway("default")}, {M: endpoints})
        return compile_fleet(replace(fleet(policy(), model()), world=world))

    one, two = Endpoint("10.0.0.1", 80, "gpu", "eu", "a"), Endpoint("10.0.0.2", 80, "gpu", "eu", "b")
    assert bytes_of(at(one, two)) == bytes_of(at(two, one))
    changed = {key for key, body in bytes_of(at(one)).items() if bytes_of(at(one, two))[key] != body}
    assert changed == {("ClusterLoadAssignment", "default/m")}


def test_what_a_resource_is_made_from_is_told_with_it() -> None:
    plan = compiled(policy(), served("q", "b"), model(HOSTED), token="t")
    owners = {(it.type_url.rpartition(".")[2], it.name): it.owners for it in plan.gateways["default"]}
    assert owners["Cluster", "default/m"] == {P, Q, M}
    assert owners["Secret", "default/keys/token"] == {M}
    assert owners["RouteConfiguration", "default/p"] == owners["ScopedRouteConfiguration", "*|auto"] == {P}
    assert owners["Listener", "default"] == owners["RouteConfiguration", "/v1/models/*"] == frozenset()


SCRIPT = """
import hashlib, sys
from tests.unit.compiling import everything
plan = everything(int(sys.argv[1]))
print([(it.type_url, it.name, it.version, hashlib.sha256(it.body).hexdigest()) for it in plan.gateways["default"]])
print(plan.findings)
"""


def test_the_bytes_are_the_same_whatever_the_order_and_in_every_process() -> None:
    root = str(Path(__file__).resolve().parents[2])
    told = set()
    for turn in range(scale(2, 4)):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(turn)],
            env={**os.environ, "PYTHONHASHSEED": str(turn), "PYTHONPATH": root},
            capture_output=True,
            check=True,
        )
        told.add(done.stdout)
    assert len(told) == 1
