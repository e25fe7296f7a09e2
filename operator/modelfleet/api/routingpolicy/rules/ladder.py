"""The ladder: where a request climbs and falls to."""

from modelfleet.api.routingpolicy.ladder import ConfidenceFrom, Rung, Timeouts
from modelfleet.api.routingpolicy.rules.tiers import no_tier
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.rule import Rule, unless
from modelfleet.findings import Path, Reason


def _one_rung(rung: Rung) -> bool:
    return (rung.tier is None) != (rung.answer is None)


def _falls_to_no_tier(spec: RoutingPolicySpec) -> list[Path]:
    rungs = enumerate(spec.degrade or ())
    return [("degrade", index, "tier") for index, rung in rungs if rung.tier and no_tier(spec, [rung.tier])]


def _tier_twice(rungs: tuple[Rung, ...]) -> list[Path]:
    names = [rung.tier for rung in rungs]
    return [(index, "tier") for index, name in enumerate(names) if name and name in names[:index]]


def _answer_before_the_end(rungs: tuple[Rung, ...]) -> list[Path]:
    return [(index,) for index, rung in enumerate(rungs[:-1]) if rung.answer]


def _one_place(source: ConfidenceFrom) -> bool:
    return (source.json_ is None) != (source.header is None)


def _gap_fits(timeouts: Timeouts) -> bool:
    gap, stream = timeouts.between_tokens, timeouts.stream
    return gap is None or stream is None or gap.milliseconds <= stream.milliseconds


LADDER = (
    Rule(
        name="rung-is-one-thing",
        at=("spec.degrade[*]",),
        reads=("tier", "answer"),
        cel="has(self.tier) != has(self.answer)",
        broken=unless(_one_rung),
        message="a step of the ladder is a tier or an answer: give exactly one of them",
        example="degrade: [{}]",
    ),
    Rule(
        name="degrade-names-tiers",
        at=("spec",),
        reads=("tiers[*].name", "degrade[*].tier"),
        cel="!has(self.degrade) || self.degrade.all(d, !has(d.tier) || self.tiers.exists(t, t.name == d.tier))",
        field=".degrade",
        broken=_falls_to_no_tier,
        message="the ladder names a tier that is not in spec.tiers: correct the name, or add the tier",
        example="degrade: [{tier: huge}]",
        reason=Reason.TIER_NOT_FOUND,
    ),
    Rule(
        name="no-tier-twice",
        at=("spec.degrade",),
        reads=("[*].tier",),
        cel="self.all(a, !has(a.tier) || self.exists_one(b, has(b.tier) && a.tier == b.tier))",
        broken=_tier_twice,
        message="the ladder goes to each tier once: remove the repetition",
        example="degrade: [{tier: light}, {tier: light}]",
    ),
    Rule(
        name="answer-comes-last",
        at=("spec.degrade",),
        reads=("[*].answer",),
        cel="[self.filter(d, has(d.answer))].all(answers, answers.size() == 0"
        " || (answers.size() == 1 && has(self[self.size() - 1].answer)))",
        broken=_answer_before_the_end,
        message="an answer ends the ladder: move it to the end, and keep one",
        example="degrade: [{answer: {body: busy}}, {tier: light}]",
    ),
    Rule(
        name="confidence-from-one-place",
        at=("spec.escalate.when.from",),
        cel="has(self.json) != has(self.header)",
        broken=unless(_one_place),
        message="confidence is read from one place: give exactly one of json and header",
        example="escalate: {when: {confidenceBelow: 0.6, from: {}}}",
    ),
    Rule(
        name="gap-up-to-stream",
        at=("spec.timeouts",),
        reads=("betweenTokens", "stream"),
        cel="!has(self.betweenTokens) || !has(self.stream) || duration(self.betweenTokens) <= duration(self.stream)",
        broken=lambda timeouts: () if _gap_fits(timeouts) else [("betweenTokens",)],
        message="betweenTokens must not be longer than stream: lower it, or raise stream",
        example="timeouts: {betweenTokens: 10m, stream: 1m}",
    ),
)
