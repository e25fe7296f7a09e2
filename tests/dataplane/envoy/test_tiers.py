"""How requests spread over the models of a tier."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.dataplane.support.client import Connection, Request, chat
from tests.dataplane.support.expect import said
from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway, Settings
from tests.dataplane.support.headers import HeadersLike
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import scale

FLEET = fleet(
    model("one"),
    model("two"),
    model("never"),
    policy(
        "canary",
        """
        serves: {models: [canary]}
        identifiers: {session: X-Session}
        tiers:
        - {name: only, models: [{name: one, weight: 95}, {name: never, weight: 0}, {name: two, weight: 5}]}
        """,
    ),
    policy(
        "even",
        """
        serves: {models: [even]}
        identifiers: {session: x-session}
        tiers:
        - {name: only, models: [{name: one}, {name: two}]}
        rules:
        - {name: aside, when: {headers: {x-aside: "1"}}, models: [{name: never, weight: 0}, {name: two, weight: 3}]}
        """,
    ),
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    with RealGateway(FLEET, dict.fromkeys(("one", "two", "never"), upstream.address)) as gateway:
        yield gateway


def chosen(connection: Connection, served: str, headers: HeadersLike = ()) -> str:
    return said(connection.send(Request(body=chat(served), headers=headers)))["model"]


def assert_share(hits: int, n: int, share: float) -> None:
    """Five standard deviations: a run in two million is wrong by chance."""
    assert abs(hits - n * share) <= 5 * math.sqrt(n * share * (1 - share)), (hits, n, share)


def test_requests_spread_as_the_weights_say(gateway: RealGateway, evidence: Callable[..., None]) -> None:
    n = scale(2_000, 50_000)
    with Connection(gateway.address) as connection:
        found = Counter(chosen(connection, "canary") for _ in range(n))
    evidence(requests=n, weight=0.05, share=found["two"] / n)
    assert set(found) == {"one", "two"}
    assert_share(found["two"], n, 0.05)


def test_models_without_a_weight_have_equal_shares(gateway: RealGateway, evidence: Callable[..., None]) -> None:
    n = scale(400, 20_000)
    with Connection(gateway.address) as connection:
        found = Counter(chosen(connection, "even") for _ in range(n))
    evidence(requests=n, weight=0.5, share=found["two"] / n)
    assert_share(found["two"], n, 0.5)


def test_a_session_stays_with_its_model(gateway: RealGateway) -> None:
    with Connection(gateway.address) as connection:
        for session in range(20):
            headers = {"X-SESSION": f"s-{session}"}
            assert len({chosen(connection, "even", headers) for _ in range(10)}) == 1


def test_sessions_spread_as_the_weights_say(gateway: RealGateway, evidence: Callable[..., None]) -> None:
    n = scale(600, 20_000)
    with Connection(gateway.address) as connection:
        even = Counter(chosen(connection, "even", {"x-session": f"user-{number}"}) for number in range(n))
        canary = Counter(chosen(connection, "canary", {"x-session": f"user-{number}"}) for number in range(n))
    evidence(sessions=2 * n, share_of_half=even["two"] / n, share_of_a_twentieth=canary["two"] / n)
    assert_share(even["two"], n, 0.5)
    assert_share(canary["two"], n, 0.05)


def test_an_empty_session_is_none(gateway: RealGateway) -> None:
    with Connection(gateway.address) as connection:
        assert {chosen(connection, "even", {"x-session": ""}) for _ in range(64)} == {"one", "two"}


def test_a_model_without_a_share_is_never_chosen_by_a_rule_either(gateway: RealGateway) -> None:
    with Connection(gateway.address) as connection:
        assert {chosen(connection, "even", {"x-aside": "1"}) for _ in range(50)} == {"two"}


def draws(gateway: RealGateway) -> str:
    """What one connection gets, in turn; a worker of its own begins with the first of its chances."""
    with Connection(gateway.address) as connection:
        return "".join(chosen(connection, "even")[0] for _ in range(40))


def workers_in_use(gateway: RealGateway) -> int:
    _, text = gateway.envoy.ask("/stats?filter=worker_.*downstream_cx_total")
    return sum(int(count) > 0 for count in re.findall(r"worker_\d+\.downstream_cx_total: (\d+)", text))


def test_workers_and_restarts_do_not_repeat_each_others_chances(upstream: ScriptedUpstream) -> None:
    endpoints = dict.fromkeys(("one", "two", "never"), upstream.address)
    with RealGateway(FLEET, endpoints, settings=Settings(workers=2)) as gateway:
        found = [draws(gateway), draws(gateway)]
        # The kernel chooses the worker, so it takes as many connections as it takes.
        while workers_in_use(gateway) < 2 and len(found) < 50:
            found.append(draws(gateway))
        assert workers_in_use(gateway) == 2
        gateway.restart_envoy()
        found.append(draws(gateway))
    assert len(set(found)) == len(found), found
