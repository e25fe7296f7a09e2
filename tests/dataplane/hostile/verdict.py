"""What is wrong with an answer and its record, whatever the fleet was."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.tiers import WeightedModel
from modelfleet.compiler import FleetPlan
from modelfleet.findings import Key
from tests.dataplane.hostile.asking import CHANGED, Asked
from tests.dataplane.hostile.compiling import has_replica
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Address
from tests.dataplane.support.expect import SAID
from tests.dataplane.support.headers import pairs
from tests.dataplane.support.records import Record
from tests.support.decisions import Asked as Heard
from tests.support.decisions import Decided, decided

FORBIDDEN = {"NC", "NR"}
"""Envoy was told of a cluster that it does not have, or has no route for what the script had decided."""
ENDS = {503, 504}
ENOUGH_MS = 2000
"""A bound under which a machine that others use may fail somebody who answers at once."""


def answer_faults(asked: Asked, answer: Answer, plan: FleetPlan, upstream: Address) -> list[str]:
    """What no answer may be, and for a name that is served what this one may not."""
    if asked.listed is not None:
        return _catalogue_faults(asked, answer)
    if not asked.policy:
        return _attack_faults(answer)
    if not answer.status or not answer.complete:
        return [f"no whole answer: {answer.status} {answer.error}"]
    missing = [name for name in SAID if len(answer.header_values(f"x-modelfleet-{name}")) != 1]
    if missing:
        return [f"the answer lacks {missing}, or has them twice: {answer.headers}"]
    return _Expected(asked, asked.policy, plan, upstream).faults(answer)


def _catalogue_faults(asked: Asked, answer: Answer) -> list[str]:
    if answer.status != 200:
        return [f"the catalogue answers {answer.status}: {answer.body[:300]!r}"]
    told = answer.json()
    found = sorted(it["id"] for it in (told["data"] if told["object"] == "list" else [told]))
    expected = sorted(asked.listed or ())
    return [] if found == expected else [f"the catalogue lists {found}, and not {expected}"]


def _attack_faults(answer: Answer) -> list[str]:
    if not answer.status:
        return [f"no answer to an attack: {answer.error}"]
    if b'"gateway_error"' in answer.body:
        return [f"an attack found a fault: {answer.body[:300]!r}"]
    return []


def record_faults(asked: Asked, answer: Answer, records: Sequence[Record]) -> list[str]:
    """What is wrong with the records of one answer, of which there is to be one."""
    if len(records) != 1:
        return [f"{len(records)} records of one request"]
    (record,) = records
    flags, found = set(record["flags"].split(",")), []
    if flags & FORBIDDEN:
        found.append(f"flags {record['flags']}, details {record['details']}")
    if record["v"] != 1 or record["status"] != answer.status:
        found.append(f"the record says {record['v']}, {record['status']} of an answer with {answer.status}")
    if asked.policy:
        key = asked.policy.key
        told = (record["policy"], record["model"], record["stream"])
        if told != (expected := (f"{key.namespace}/{key.name}", asked.name, asked.stream)):
            found.append(f"the record says {told}, and not {expected}")
    return found


class _Expected:
    """What the policy in force allows for one request."""

    def __init__(self, asked: Asked, policy: RoutingPolicy, plan: FleetPlan, upstream: Address) -> None:
        self._policy, self._models, self._upstream = policy, plan.in_force.models, upstream
        self._stream = asked.stream
        self._decided = None if _is_in_doubt(policy) else decided(policy, _heard(asked))

    def faults(self, answer: Answer) -> list[str]:
        said = {name: answer.header_values(f"x-modelfleet-{name}")[0] for name in SAID}
        found = []
        if said["policy"] not in (f"{self._policy.key.namespace}/{self._policy.key.name}", self._policy.key.name):
            found.append(f"answered by the policy {said['policy']}")
        if self._decided and said["rule"] != self._decided.rule:
            found.append(f"the rule {said['rule']}, and not {self._decided.rule}")
        if answer.status not in self._statuses():
            found.append(f"{answer.status}, and {sorted(self._statuses())} are allowed: {answer.body[:300]!r}")
        if said["model"] != "-":
            found += self._served_faults(answer, said)
        return [f"{fault} ({said})" for fault in found]

    def _served_faults(self, answer: Answer, said: Mapping[str, str]) -> list[str]:
        if said["model"] not in self._allowed():
            return [f"served by {said['model']}, which the policy does not allow"]
        model = self._models.get(Key("ModelDeployment", self._policy.key.namespace, said["model"]))
        heard = _name_in(answer)
        if model and heard is not None and heard != model.spec.model.name:
            return [f"the engine of {said['model']} heard {heard!r}, and not {model.spec.model.name!r}"]
        return []

    def _statuses(self) -> set[int]:
        """Those that may come: of a model that answers for certain 200 alone, of an answer that is sure that one's."""
        spec, chosen = self._policy.spec, self._decided
        canned = {rule.answer.status for rule in spec.rules or () if rule.answer}
        if chosen and chosen.answer is not None:
            return {rule.answer.status for rule in spec.rules or () if rule.name == chosen.rule and rule.answer}
        if chosen:
            canned = set()
        if self._is_certain(chosen):
            return {200, *canned}
        return {200, *canned, *({step.answer.status for step in spec.degrade or () if step.answer} or ENDS)}

    def _is_certain(self, chosen: Decided | None) -> bool:
        times = self._policy.spec.timeouts
        bounds = [times.total, times.first_token, times.answer, times.between_tokens, times.stream] if times else []
        if any(bound and bound.milliseconds < ENOUGH_MS for bound in bounds):
            return False
        return all(self._answers(name) for name in self._wanted(chosen))

    def _wanted(self, chosen: Decided | None) -> set[str]:
        spec = self._policy.spec
        if chosen is None:
            lists = [*(tier.models for tier in spec.tiers), *(rule.models or () for rule in spec.rules or ())]
        elif chosen.tier:
            lists = [tier.models for tier in spec.tiers if tier.name == chosen.tier]
        else:
            lists = [rule.models or () for rule in spec.rules or () if rule.name == chosen.rule]
        return {name for models in lists for name in _with_share(models)}

    def _allowed(self) -> set[str]:
        falls = {step.tier for step in self._policy.spec.degrade or () if step.tier}
        below = {name for tier in self._policy.spec.tiers if tier.name in falls for name in _with_share(tier.models)}
        return self._wanted(self._decided) | below

    def _answers(self, name: str) -> bool:
        model = self._models.get(Key("ModelDeployment", self._policy.key.namespace, name))
        if model is None:
            return False
        external = model.spec.external
        return external.url.startswith("http://{}:{}".format(*self._upstream)) if external else has_replica(model)


def _with_share(models: Sequence[WeightedModel]) -> set[str]:
    return {model.name for model in models if model.weight != 0}


def _is_in_doubt(policy: RoutingPolicy) -> bool:
    """Whether a rule asks for what comes with a request without our doing."""
    spec, asks = policy.spec, set[str]()
    for rule in spec.rules or ():
        if rule.when:
            items = [*(rule.when.missing or ()), *(rule.when.empty or ())]
            asks |= {
                *(rule.when.headers or ()),
                *(it.removeprefix("header:") for it in items if it.startswith("header:")),
            }
    named = spec.identifiers
    asks |= {name for name in (named and named.step, named and named.feature) if name}
    return bool({name.lower() for name in asks} & CHANGED)


def _heard(asked: Asked) -> Heard:
    body = asked.body
    headers: dict[str, list[str]] = {}
    for name, value in pairs(asked.request.headers):
        headers.setdefault(name.lower(), []).append(value)
    return Heard(
        path=asked.request.path,
        headers=headers,
        kinds=dict(_kinds(body)),
        prompt_bytes=len(json.dumps(body["messages"])),
        max_tokens=body.get("max_tokens"),
        tools=bool(body.get("tools")),
        stream=bool(body.get("stream")),
    )


def _kinds(value: Any, path: str = "") -> dict[str, str]:
    """The kinds of all places that keys lead to, as far as rules tell them apart."""
    found: dict[str, str] = {}
    for key, child in value.items():
        here = f"{path}.{key}" if path else key
        found[here] = "null" if child is None else "empty" if child in ("", [], {}) else "something"
        if isinstance(child, dict):
            found |= _kinds(child, here)
    return found


def _name_in(answer: Answer) -> str | None:
    """The model that the engine says it was asked for, which it repeats as it came."""
    if answer.header("content-type") != "application/json" or answer.status != 200:
        return None
    said = json.loads(answer.body).get("model")
    return str(said) if said is not None else None
