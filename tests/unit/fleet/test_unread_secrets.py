"""Secrets and ConfigMaps of a cluster, which are asked for one by one: not there, forbidden, not read for now."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.compiler import compile_fleet
from modelfleet.findings import Condition, Finding, Key, Reason
from modelfleet.fleet.parse import Foreign, parse_object
from modelfleet.fleet.references import holders_of, referred_holders
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.summary import summarise
from tests.support.documents import Document, fleet, model, policy
from tests.support.statuses import M, P, Said, said

KEYS = Key("Secret", "default", "keys")
TUNING = Key("ConfigMap", "default", "tuning")
HOSTED = model(
    engine=None,
    external={
        "url": "https://api.example.com/v1",
        "credentials": {"secretRef": {"name": "keys", "key": "token"}},
    },
)
VARIABLE = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "tuning", "key": "a"}}}
TUNED = model(engine={"name": "sim", "env": [VARIABLE]})
GUARDED = policy(access={"apiKeys": {"secretRefs": [{"name": "keys"}]}})
REFS = Condition.RESOLVED_REFS
REASON, FIELD = Reason.SECRET_NOT_READABLE, "spec.external.credentials.secretRef.name"


def known(*documents: Document, **parts: Any) -> FleetSnapshot:
    return replace(fleet(*documents), **parts)


def found(snapshot: FleetSnapshot, *subjects: Key) -> list[Finding]:
    return [it for it in compile_fleet(snapshot).findings if it.subject in subjects and it.condition is REFS]


def resolved(snapshot: FleetSnapshot, key: Key, *documents: Document) -> Said:
    parsed = [one for raw in documents if not isinstance(one := parse_object(raw), Foreign)]
    statuses = summarise(snapshot, map(judged_of, parsed), compile_fleet(snapshot).findings)
    return said(statuses[key], "ResolvedRefs")


def test_what_is_referred_to_is_known_of_each_object_and_of_all() -> None:
    snapshot = fleet(HOSTED, GUARDED, policy(name="bare"))
    assert referred_holders(snapshot) == {KEYS}
    assert holders_of(snapshot.models[M]) == holders_of(snapshot.policies[P]) == {KEYS}
    assert holders_of(fleet(TUNED).models[M]) == {TUNING}
    assert holders_of(snapshot.policies[Key("RoutingPolicy", "default", "bare")]) == frozenset()


@pytest.mark.parametrize("raw", [HOSTED, TUNED, GUARDED], ids=["a key", "a variable", "keys of callers"])
def test_what_was_looked_for_and_is_not_there_is_missing_where_the_namespace_has_no_other(raw: Document) -> None:
    subject = P if raw is GUARDED else M
    documents = (model(), raw) if raw is GUARDED else (raw,)
    (finding,) = found(known(*documents, absent=frozenset({KEYS, TUNING})), subject)
    assert finding.reason is Reason.SECRET_NOT_FOUND
    assert "is declared: correct the name, or add it" in finding.message


def test_what_may_not_be_read_is_not_called_missing_and_says_why_and_who_can_help() -> None:
    snapshot = known(HOSTED, forbidden={KEYS: "403 Forbidden: get secrets"})
    (finding,) = found(snapshot, M)
    assert (finding.reason, ".".join(map(str, finding.path))) == (REASON, FIELD)
    assert finding.message == (
        'Secret "keys" may not be read (403 Forbidden: get secrets): have the operator given the right to get it, or'
        " its namespace added to --secrets-namespace"
    )
    assert resolved(snapshot, M, HOSTED)[:2] == ("False", "SecretNotReadable")


@pytest.mark.parametrize("raw", [HOSTED, TUNED, GUARDED], ids=["a key", "a variable", "keys of callers"])
def test_what_was_not_read_for_now_is_neither_there_nor_missing(raw: Document) -> None:
    subject = P if raw is GUARDED else M
    documents = (model(), raw) if raw is GUARDED else (raw,)
    other = {KEYS._replace(name="other"): frozenset({"a"}), TUNING._replace(name="other"): frozenset({"a"})}
    snapshot = known(*documents, unread={KEYS: "timed out", TUNING: "timed out"}, entries=other)
    assert found(snapshot, subject) == []
    key = TUNING if raw is TUNED else KEYS
    assert resolved(snapshot, subject, *documents) == Said(
        "Unknown", "NotReadable", f"{key} could not be read: timed out"
    )


def test_a_reference_that_is_wrong_counts_before_one_that_is_unknown() -> None:
    raw = policy(
        access={"apiKeys": {"secretRefs": [{"name": "keys"}]}}, tiers=[{"name": "a", "models": [{"name": "x"}]}]
    )
    assert resolved(known(raw, unread={KEYS: "timed out"}), P, raw)[:2] == ("False", "ModelNotFound")


def test_a_model_whose_key_nobody_has_is_not_in_force_whatever_the_reason() -> None:
    for part in ({"forbidden": {KEYS: "403"}}, {"unread": {KEYS: "timed out"}}, {"absent": frozenset({KEYS})}):
        assert compile_fleet(known(HOSTED, **part)).in_force.models == {}
