"""Whether a policy is in force: what the Envoys of its gateways have acknowledged, and what they have refused."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Condition, Key, Reason, dotted
from modelfleet.fleet.envoys import GatewayState, Reported
from modelfleet.fleet.references import model_references
from modelfleet.fleet.reports import Held, Refused
from modelfleet.statuses.conditions import FALSE, TRUE, UNKNOWN, Row, counted, sentences
from modelfleet.statuses.judged import Judged

TYPE = Condition.PROGRAMMED
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class _OnGateway:
    """The policy on one gateway."""

    name: str
    state: GatewayState
    acknowledged: tuple[str, ...]
    """The Envoys that have exactly this version."""
    refused: dict[str, Refused]
    has: dict[str, Held | None]
    """What the others have instead, as far as that is known."""
    revisions: frozenset[str] = frozenset()
    """What it is called where it is to be in force."""

    @property
    def waiting(self) -> list[str]:
        """The Envoys that are there, and have not answered for it yet."""
        known = {*self.acknowledged, *self.refused}
        return [name for group in self.state.groups for name in group.ids if name not in known]


@dataclass(frozen=True, slots=True)
class Programmed:
    """The condition, and what stands beside it in the status."""

    row: Row
    more: dict[str, Any] = field(default_factory=dict)


def programmed(judged: Judged, reported: Reported, *, wrong: bool) -> Programmed:
    """Whether the version of the policy that was judged is in force on every Envoy of its gateways.

    What is `wrong` is not sent, and the version before it stays.
    """
    if reported.silence:
        return Programmed(Row(TYPE, UNKNOWN, Reason.NO_GATEWAY, reported.silence))
    policy = judged.resource
    names = policy.spec.serves.gateways if isinstance(policy, RoutingPolicy) else _having(judged.key, reported)
    states = reported.gateways
    found = [_on_gateway(judged, name, states[name]) for name in names if name in states]
    if wrong or not isinstance(policy, RoutingPolicy):
        return Programmed(_kept(found), _told(found))
    return Programmed(_row(policy, found, reported), _told(found))


def _having(policy: Key, reported: Reported) -> Sequence[str]:
    """The gateways that have some version of the policy."""
    return [
        name for name, state in reported.gateways.items() if any(policy in group.policies for group in state.groups)
    ]


def _kept(found: Sequence[_OnGateway]) -> Row:
    """The row of a policy with a mistake: what it was before may be in force, and so may this very version.

    The mistake may have come to be by an edit of something else.
    """
    total = sum(one.state.total for one in found)
    acknowledged = sum(len(one.acknowledged) for one in found)
    if total and acknowledged == total:
        return Row(TYPE, TRUE, Reason.PROGRAMMED, _count(found))
    kept = Counter(held.generation for one in found for held in one.has.values() if held and held.generation)
    if not kept:
        return Row(TYPE, FALSE, Reason.NOT_ACCEPTED, "nothing of it is in force before what is wrong is put right")
    said = (
        f"generation {one} stays in force on {count} of {counted(total, 'Envoy')}"
        for one, count in sorted(kept.items())
    )
    return Row(TYPE, FALSE, Reason.NOT_ACCEPTED, sentences(said))


def _on_gateway(judged: Judged, name: str, state: GatewayState) -> _OnGateway:
    behind, refusals = state.behind.get(judged.key, {}), state.refused.get(judged.key, {})
    lacking = behind.keys() | state.new
    acknowledged: list[str] = []
    refused: dict[str, Refused] = {}
    has: dict[str, Held | None] = dict(behind)
    revisions = set()
    for group in state.groups:
        held = group.policies.get(judged.key)
        # A replica that lags is at another generation: who is fed by it can neither have this one nor refuse it.
        if held and (held.uid, held.generation) == (judged.uid, judged.generation):
            revisions.add(held.revision)
            refused |= {one: refusals[one] for one in group.ids if one in refusals}
            acknowledged += [one for one in group.ids if one not in lacking and one not in refused]
        else:
            has |= {one: held for one in group.ids if one not in lacking}
    return _OnGateway(name, state, tuple(acknowledged), refused, has, frozenset(revisions))


def _row(policy: RoutingPolicy, found: Sequence[_OnGateway], reported: Reported) -> Row:
    if said := [_refusal(policy, one, name) for one in found for name in one.refused]:
        return Row(TYPE, FALSE, Reason.REJECTED, _first_of(found, said))
    if absent := [name for name in policy.spec.serves.gateways if name not in reported.gateways]:
        return Row(TYPE, FALSE, Reason.GATEWAY_NOT_FOUND, sentences(_absence(name, reported) for name in absent))
    if idle := [one.name for one in found if not one.state.total]:
        names = ", ".join(idle)
        return Row(TYPE, FALSE, Reason.NO_GATEWAY, f"no Envoy of gateway {names} is connected, or was within a minute")
    if waiting := [name for one in found for name in one.waiting]:
        ailing = [_ailment(one, name) for one in found for name in one.waiting if name in one.state.ailing]
        return Row(TYPE, FALSE, Reason.PENDING, _first_of(found, [f"waiting for {_names(waiting)}", *ailing]))
    if lost := [name for one in found for name in one.state.cut_off]:
        return Row(TYPE, FALSE, Reason.CUT_OFF, _first_of(found, [f"{_names(lost)} cannot be told anything now"]))
    return Row(TYPE, TRUE, Reason.PROGRAMMED, _count(found))


def _first_of(found: Sequence[_OnGateway], said: Sequence[str]) -> str:
    return sentences((_count(found), *said))


def _count(found: Sequence[_OnGateway]) -> str:
    acknowledged, total = sum(len(one.acknowledged) for one in found), sum(one.state.total for one in found)
    revisions = sorted({revision for one in found for revision in one.revisions})
    at = f" at revision {revisions[0]}" if len(revisions) == 1 else ""
    return f"acknowledged by {acknowledged} of {counted(total, 'Envoy')}{at}"


def _refusal(policy: RoutingPolicy, on: _OnGateway, name: str) -> str:
    refused = on.refused[name]
    what = f"refused {_what(refused)} and {_keeps(on, name)}"
    return f"{_field(policy, refused)}: {name} of gateway {on.name} {what}: {refused.message}"


def _keeps(on: _OnGateway, name: str) -> str:
    if name in on.state.new:
        return "keeps what it had"
    if name not in on.has:  # only endpoints or secrets are refused, and the rest is as it is to be
        return "has the rest of it"
    had = on.has[name]
    if had is None:
        return "has nothing of it"
    return f"keeps generation {had.generation} (revision {had.revision})" if had.generation else "keeps what it had"


def _ailment(on: _OnGateway, name: str) -> str:
    refused = on.state.ailing[name]
    return f"{name} of gateway {on.name} refused {_what(refused)}, which is no policy's: {refused.message}"


def _what(refused: Refused) -> str:
    return f"{refused.type} {', '.join(refused.names[:MOST_NAMED])}"


def _field(policy: RoutingPolicy, refused: Refused) -> str:
    """The field that what was refused was made from, as closely as that can be told."""
    models = {key.name for key in refused.owners if key.kind == "ModelDeployment"}
    for path, name in model_references(policy):
        if name in models:
            return dotted(path)
    if refused.type == "ScopedRouteConfiguration":
        served = {name.partition("|")[2] for name in refused.names}
        for index, model in enumerate(policy.spec.serves.models):
            if model in served:
                return dotted(("spec", "serves", "models", index))
    return "spec"


def _absence(name: str, reported: Reported) -> str:
    if name in reported.strangers:
        return f'gateway "{name}" is not set up, though Envoys ask for it: have it added to the xds role'
    known = ", ".join(reported.gateways) or "none"
    return f'there is no gateway "{name}" (there are: {known}): correct spec.serves.gateways, or have it set up'


def _names(names: Sequence[str]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _told(found: Sequence[_OnGateway]) -> dict[str, Any]:
    if not found:
        return {}
    acknowledged, total = sum(len(one.acknowledged) for one in found), sum(one.state.total for one in found)
    revisions = sorted({revision for one in found for revision in one.revisions})
    return {
        "programmed": f"{acknowledged}/{total}",
        **({"revision": revisions[0]} if len(revisions) == 1 else {}),
        "gateways": list(_gateways(found)),
    }


def _gateways(found: Sequence[_OnGateway]) -> Iterator[dict[str, Any]]:
    for one in found:
        refused = next(iter(one.refused.values()), None)
        revision = {"revision": next(iter(one.revisions))} if len(one.revisions) == 1 and one.acknowledged else {}
        yield {
            "name": one.name,
            "acknowledged": len(one.acknowledged),
            "total": one.state.total,
            **revision,
            **({"refused": refused.message} if refused else {}),
        }
