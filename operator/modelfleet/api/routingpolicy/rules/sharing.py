"""Classes of traffic, limits, shadows, regions, affinity, access."""

from collections.abc import Iterator, Mapping

from modelfleet.api.checks import repeated, unique_in_cel
from modelfleet.api.routingpolicy.access import Access
from modelfleet.api.routingpolicy.sharing import Affinity, Limit, RegionMode, Regions, TrafficClass
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.rule import Rule, unless
from modelfleet.findings import Path

CLASSES = ("spec.classes",)
ALL = 100


def _rest_twice(classes: Mapping[str, TrafficClass]) -> list[Path]:
    # By name, for the keys of a map have no order: the API server and kubectl sort them.
    rest: list[Path] = [(name,) for name, traffic in sorted(classes.items()) if traffic.when is None]
    return rest[1:]


def _more_than_all(classes: Mapping[str, TrafficClass]) -> bool:
    return sum(traffic.share.percent for traffic in classes.values()) > ALL


def _class_by_class(classes: Mapping[str, TrafficClass]) -> list[Path]:
    return [(name, "when", "class") for name, traffic in classes.items() if traffic.when and traffic.when.class_]


def _rules_of_no_class(spec: RoutingPolicySpec) -> Iterator[Path]:
    for index, rule in enumerate(spec.rules or ()):
        if rule.when and rule.when.class_ and rule.when.class_ not in (spec.classes or {}):
            yield ("rules", index, "when", "class")


def _one_measure(limit: Limit) -> bool:
    return (limit.requests is None) != (limit.tokens is None)


def _active_is_listed(regions: Regions) -> bool:
    return regions.active is None or regions.active in regions.order


def _manual_has_active(regions: Regions) -> bool:
    return regions.mode is not RegionMode.MANUAL or regions.active is not None


def _one_affinity(affinity: Affinity) -> bool:
    return (affinity.prefix_bytes is None) != (affinity.header is None)


def _asks_for_something(access: Access) -> bool:
    return access.api_keys is not None or access.jwt is not None


SHARING = (
    Rule(
        name="one-class-for-the-rest",
        at=CLASSES,
        reads=("[*].when",),
        cel="self.filter(name, !has(self[name].when)).size() <= 1",
        broken=_rest_twice,
        message="only one class may go without when and get the rest: say when for the others",
        example="classes: {a: {share: 20%}, b: {share: 30%}}",
    ),
    Rule(
        name="shares-up-to-all",
        at=CLASSES,
        reads=("[*].share",),
        cel="self.map(name, int(self[name].share.replace('%', ''))).sum() <= 100",
        broken=lambda classes: [()] if _more_than_all(classes) else (),
        message="the shares come to more than 100%: lower them",
        example="classes: {a: {share: 80%}, b: {share: 30%, when: {stream: true}}}",
    ),
    Rule(
        name="class-is-not-its-own-condition",
        at=CLASSES,
        reads=("[*].when.class",),
        cel="self.all(name, !has(self[name].when) || !has(self[name].when.class))",
        broken=_class_by_class,
        message="what makes a request of a class cannot be its class: remove class here, and ask for headers, say",
        example="classes: {a: {share: 20%, when: {class: b}}}",
    ),
    Rule(
        name="rules-name-classes",
        at=("spec",),
        reads=("classes", "rules[*].when.class"),
        cel="!has(self.rules) || self.rules.all(r, !has(r.when) || !has(r.when.class)"
        " || (has(self.classes) && r.when.class in self.classes))",
        field=".rules",
        broken=_rules_of_no_class,
        message="a rule asks for a class that is not in spec.classes: correct the name, or add the class",
        example="rules: [{name: a, when: {class: batch}, tier: light}]",
    ),
    Rule(
        name="limit-counts-one-thing",
        at=("spec.limits[*]",),
        reads=("requests", "tokens"),
        cel="has(self.requests) != has(self.tokens)",
        broken=unless(_one_measure),
        message="a limit counts requests or tokens: give exactly one of them, and a second limit for the other",
        example="limits: [{per: tenant, every: 1m}]",
    ),
    Rule(
        name="shadows-unique",
        at=("spec.shadow",),
        reads=("[*].model",),
        cel=unique_in_cel("model"),
        broken=repeated(lambda shadow: shadow.model, "model"),
        message="each shadow is named once: remove the repetition",
        example="shadow: [{model: m, percent: 1}, {model: m, percent: 2}]",
    ),
    Rule(
        name="regions-unique",
        at=("spec.regions.order",),
        cel=unique_in_cel(),
        broken=repeated(),
        message="each region is named once: remove the repetition",
        example="regions: {order: [eu, eu]}",
    ),
    Rule(
        name="active-region-is-listed",
        at=("spec.regions",),
        reads=("order[*]", "active"),
        cel="!has(self.active) || self.active in self.order",
        field=".active",
        broken=lambda regions: () if _active_is_listed(regions) else [("active",)],
        message="the active region must be one of order: correct the name, or add the region",
        example="regions: {order: [eu], active: us}",
    ),
    Rule(
        name="manual-names-active",
        at=("spec.regions",),
        reads=("mode", "active"),
        cel="!has(self.mode) || self.mode != 'manual' || has(self.active)",
        broken=unless(_manual_has_active),
        message="with mode manual a person says which region serves: add active",
        example="regions: {order: [eu], mode: manual}",
    ),
    Rule(
        name="affinity-is-one-thing",
        at=("spec.affinity",),
        cel="has(self.prefixBytes) != has(self.header)",
        broken=unless(_one_affinity),
        message="requests are kept together by one thing: give exactly one of prefixBytes and header",
        example="affinity: {}",
    ),
    Rule(
        name="access-asks-for-something",
        at=("spec.access",),
        cel="has(self.apiKeys) || has(self.jwt)",
        broken=unless(_asks_for_something),
        message="access asks for keys, for tokens or for both: add apiKeys or jwt, or remove access",
        example="access: {}",
    ),
)
