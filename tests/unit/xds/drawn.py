"""Any state of a gateway that holds together."""

import hypothesis.strategies as st

from modelfleet.envoy.resource import XdsResource
from modelfleet.findings import Key
from tests.unit.xds.making import cluster, endpoints, listener, policy, routes, scope

BAD = 3
GOOD = st.sampled_from([0, 1, 2])
VARIANTS = st.sampled_from([0, 0, 1, 1, 2, 2, BAD])
SHARED = ("m1", "m2", "m3")
POLICIES = ("p1", "p2", "p3")
NAMES = ("*|auto", "*|other", "b.example|auto")


def model(name: str) -> Key:
    return Key("ModelDeployment", "shop", name)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[XdsResource], set[str]]:
    """A consistent state, and the versions in it that a client refuses."""
    made: list[tuple[XdsResource, int]] = []

    def add(resource: XdsResource, variant: int) -> None:
        made.append((resource, variant))

    def add_cluster(name: str, owner: Key) -> None:
        one, two = draw(VARIANTS), draw(VARIANTS)
        eds = draw(st.sampled_from([name, f"eds-{name}"]))
        add(cluster(name, one, eds, [owner]), one)
        add(endpoints(eds, two, [owner]), two)

    models = draw(st.sets(st.sampled_from(SHARED)))
    for name in sorted(models):
        add_cluster(name, model(name))
    tables = []
    # One policy is always there: a fleet without any says nothing of the kinds that a client may still have.
    for name in ("p0", *sorted(draw(st.sets(st.sampled_from(POLICIES))))):
        add_cluster(name, policy(name))
        targets = draw(st.sets(st.sampled_from(sorted(models)))) if models else set()
        owners = [policy(name), *map(model, targets)]
        # Nothing of a policy's own scope is a user's, so there is nothing in it that a client could refuse.
        one, two = draw(VARIANTS), draw(GOOD)
        route = draw(st.sampled_from([name, f"{name}-other"]))
        add(routes(route, sorted({name} | targets), one, owners), one)
        add(scope(f"/{route}", route, two, owners), two)
        tables.append((route, owners))
    # Names move between the policies, from one fleet to the next.
    for name in sorted(draw(st.sets(st.sampled_from(NAMES)))):
        (route, owners), variant = draw(st.sampled_from(tables)), draw(VARIANTS)
        add(scope(name, route, variant, owners), variant)
    add(listener("l"), 0)
    return [it for it, _ in made], {it.version for it, variant in made if variant == BAD}
