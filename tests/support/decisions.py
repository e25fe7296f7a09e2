"""What the design says of a decision, written a second time in Python, to be held against the script.

It reads a policy as its user wrote it, and nothing of what we make of it on the way to a gateway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelfleet.api.routingpolicy.decision import When
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.tiers import WeightedModel

WORD = 0xFFFFFFFF


@dataclass(frozen=True)
class Asked:
    """A request as the reader leaves it. Headers are in lower case, kinds are those of places in the body."""

    path: str = "/v1/chat/completions"
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    prompt_bytes: int = 0
    max_tokens: int | None = None
    tools: bool = False
    stream: bool = False
    chance: float = 0.5


@dataclass(frozen=True)
class Decided:
    """What a decision comes to."""

    rule: str
    tier: str | None = None
    model: str | None = None
    answer: str | None = None


def decided(policy: RoutingPolicy, asked: Asked) -> Decided:
    spec, known = policy.spec, _known(policy, asked)
    rule = next((rule for rule in spec.rules or () if _holds(rule.when, asked, known)), None)
    name = rule.name if rule else "default"
    if rule and rule.answer:
        return Decided(name, answer=rule.answer.body)
    spot = _spot(policy, asked)
    if rule and rule.models:
        return Decided(name, model=_drawn(rule.models, spot))
    wanted = rule.tier if rule else spec.tiers[0].name
    tier = next(tier for tier in spec.tiers if tier.name == wanted)
    return Decided(name, tier=tier.name, model=_drawn(tier.models, spot))


def laddered(policy: RoutingPolicy, asked: Asked) -> list[tuple[str | None, str]]:
    """The rungs above the answer, each a tier and a model, of a request that wants no answer."""
    first = decided(policy, asked)
    assert first.model
    rungs, spot = [(first.tier, first.model)], _spot(policy, asked)
    for step in policy.spec.degrade or ():
        if step.answer:
            break
        if step.tier != first.tier:
            tier = next(tier for tier in policy.spec.tiers if tier.name == step.tier)
            rungs.append((tier.name, _drawn(tier.models, spot_of(f"{spot:.17g}\n{tier.name}".encode()))))
    return rungs


def spot_of(words: bytes) -> float:
    """FNV-1a of 32 bits, mixed once more, as a share of one."""
    digest = 0x811C9DC5
    for byte in words:
        digest = (digest ^ byte) * 0x01000193 & WORD
    digest ^= digest >> 16
    digest = digest * 0x45D9F3B & WORD
    digest ^= digest >> 15
    return (digest >> 1) / 2**31


def _spot(policy: RoutingPolicy, asked: Asked) -> float:
    names = policy.spec.identifiers
    session = _first(asked, names.session) if names and names.session else None
    if session:
        return spot_of(f"{policy.key.namespace}/{policy.key.name}\n{session}".encode())
    return asked.chance


def _drawn(models: Sequence[WeightedModel], spot: float) -> str:
    shares = [(model.name, 1 if model.weight is None else model.weight) for model in models]
    mark, upto = spot * sum(share for _, share in shares), 0
    for name, share in shares:
        upto += share
        if mark < upto:
            return name
    raise AssertionError(f"no model has a share at {spot}")


def _known(policy: RoutingPolicy, asked: Asked) -> dict[str, Any]:
    """What the policy's own words make of a request."""
    names, known = policy.spec.identifiers, dict[str, Any](tenant="anonymous")
    if names and names.step:
        known["step"] = _first(asked, names.step)
    if names and names.feature and (feature := _first(asked, names.feature)) is not None:
        known["feature"] = feature if feature in (names.features or ()) else "other"
    return known


def _first(asked: Asked, header: str) -> str | None:
    return next(iter(asked.headers.get(header.lower(), ())), None)


def _holds(when: When | None, asked: Asked, known: Mapping[str, Any]) -> bool:
    if when is None:
        return True
    said = {
        "path": when.path is None or _on_path(when.path, asked.path),
        "headers": all(value in asked.headers.get(name.lower(), ()) for name, value in (when.headers or {}).items()),
        "step": when.step in (None, known.get("step")),
        "feature": when.feature in (None, known.get("feature")),
        "tenant": when.tenant in (None, known["tenant"]),
        "tools": when.tools in (None, asked.tools),
        "stream": when.stream in (None, asked.stream),
        "promptBytes": when.prompt_bytes is None or _compares(when.prompt_bytes, asked.prompt_bytes),
        "maxTokens": when.max_tokens is None
        or (asked.max_tokens is not None and _compares(when.max_tokens, asked.max_tokens)),
        "missing": when.missing is None or any(_kind(item, asked) in (None, "null") for item in when.missing),
        "empty": when.empty is None or any(_kind(item, asked) == "empty" for item in when.empty),
    }
    return all(said.values())


def _on_path(wanted: str, path: str) -> bool:
    return path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted


def _compares(bound: Any, number: int) -> bool:
    text = str(bound)
    limit = int(text.lstrip("<>="))
    signs = {"<": number < limit, "<=": number <= limit, ">": number > limit, ">=": number >= limit}
    return signs[text[: len(text) - len(text.lstrip("<>="))]]


def _kind(item: str, asked: Asked) -> str | None:
    if not item.startswith("header:"):
        return asked.kinds.get(item)
    values = asked.headers.get(item.removeprefix("header:").lower(), ())
    if not values:
        return None
    return "empty" if "" in values else "string"
