"""Names that move from one policy to another, and policies that are called like resources of our own."""

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.dataplane.support.client import Request, chat
from tests.dataplane.support.expect import error_of, said
from tests.dataplane.support.fleets import Raw, fleet, model, policy, simple
from tests.dataplane.support.gateway import RealGateway, Settings
from tests.dataplane.support.ledger import Load
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import scale

RATE = 150
MOVES = 20
State = Callable[[int], list[Raw]]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        yield upstream


def serving(name: str, served: str = "auto", target: str = "small", more: str = "") -> Raw:
    """A policy that goes by one name and answers to another."""
    tiers = f"tiers: [{{name: t, models: [{{name: {target}}}]}}]"
    return policy(name, f"{{serves: {{models: [{served}]{more}}}, {tiers}}}")


def renamed(number: int) -> list[Raw]:
    return [serving(f"policy-{number}")]


def taken_over_by_a_new_one(number: int) -> list[Raw]:
    """Policies pile up, each with a name of its own, and the newest has the name that all ask for."""
    old = [serving(f"policy-{at}", f"own-{at}") for at in range(max(0, number - 3), number)]
    return [*old, serving(f"policy-{number}")]


def to_and_fro(number: int) -> list[Raw]:
    one, other = ("auto", "spare") if number % 2 else ("spare", "auto")
    return [serving("one", one), serving("other", other, "big")]


def between_a_host_and_all(number: int) -> list[Raw]:
    return [serving(f"policy-{number}", more=", hosts: [b.example]" if number % 2 else "")]


@pytest.mark.alone
@pytest.mark.parametrize(
    ("state", "moves"),
    [
        (renamed, scale(MOVES, 500)),
        (taken_over_by_a_new_one, scale(MOVES, 500)),
        (to_and_fro, scale(MOVES, 500)),
        # Each of these takes a moment, for which the name is found in its old place, too.
        (between_a_host_and_all, scale(6, 80)),
    ],
)
def test_a_name_that_moves_to_another_policy_under_load_loses_no_request(
    upstream: ScriptedUpstream, state: State, moves: int, evidence: Callable[..., None]
) -> None:
    def made(number: int) -> str:
        return fleet(model("small"), model("big"), *state(number))

    def asked(_number: int) -> Request:
        return Request(body=chat("auto"), headers={"host": "b.example"})

    endpoints = dict.fromkeys(("small", "big"), upstream.address)
    with RealGateway(made(0), endpoints, settings=Settings(workers=2)) as gateway:
        with Load(gateway.address, asked, rate=RATE) as load:
            load.wait_for(20)
            for number in range(1, moves + 1):
                gateway.apply(made(number))
            load.wait_for(20)
        report = load.report()
        evidence(moves=moves, requests=len(report.outcomes), failed=len(report.failed))
        report.assert_none_lost(40)


@pytest.mark.parametrize("number", [1, 2])
def test_a_request_that_has_begun_when_its_name_moves_to_other_hosts_is_served(
    upstream: ScriptedUpstream, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelfleet.xds.stream.MOVES_S", 20.0)  # whatever else the machine does meanwhile
    body, endpoints = chat("auto"), {"small": upstream.address}
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: b.example\r\ncontent-length: %d\r\n\r\n" % len(body)

    def made(number: int) -> str:
        return fleet(model("small"), *between_a_host_and_all(number))

    with (
        RealGateway(made(number - 1), endpoints) as gateway,
        socket.create_connection(gateway.address, timeout=10) as slow,
    ):
        slow.sendall(head)
        wait_for(lambda: ": 1" in gateway.envoy.ask("/stats?filter=gateway.downstream_rq_active")[1], "it has begun")
        gateway.publish(made(number), endpoints, {})
        host = {"host": "b.example"}
        wait_for(lambda: said(gateway.ask("auto", host))["policy"] == f"default/policy-{number}", "the move")
        slow.sendall(body)
        assert slow.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_who_serves_a_name_after_a_move_is_who_has_it_now(upstream: ScriptedUpstream) -> None:
    with RealGateway(fleet(model("small"), *renamed(0)), {"small": upstream.address}) as gateway:
        for number in range(1, MOVES):
            gateway.apply(fleet(model("small"), *taken_over_by_a_new_one(number)))
            assert said(gateway.ask("auto"))["policy"] == f"default/policy-{number}"
        gateway.apply(fleet(model("small"), serving("last", "other")))
        error_of(gateway.ask("auto"), 404, "model_not_found")


# Our own resources have names, too.


def spaced(raw: Raw, namespace: str) -> Raw:
    return {**raw, "metadata": {**raw["metadata"], "namespace": namespace}}


NAMES = [
    *(("catalogue", name) for name in ("catalogue", "v1", "models")),
    *(("v1", name) for name in ("models", "v1", "b.example")),
    *(("b.example".replace(".", "-"), name) for name in ("b.example", "modelfleet")),
    *(("modelfleet", name) for name in ("modelfleet", "default", "policies", "answer", "stream")),
    *(("default", name) for name in ("default", "modelfleet", "catalogue", "policies", "usage", "b.example")),
]


def named_like_ours(namespace: str, name: str) -> list[Raw]:
    """A policy of this name and a model of it, which serves a name that tells them from the others."""
    served = f"{namespace}/{name}"
    made = policy(name, f"{{serves: {{models: [{served}]}}, tiers: [{{name: t, models: [{{name: {name}}}]}}]}}")
    return [spaced(raw, namespace) for raw in (model(name), made)]


def test_a_policy_may_be_called_like_anything_of_ours(upstream: ScriptedUpstream) -> None:
    objects = [raw for namespace, name in NAMES for raw in named_like_ours(namespace, name)]
    host = serving("hosted", more=", hosts: [b.example]")
    # Without replicas none of them can answer; whose request it is shows all the same.
    with RealGateway(fleet(model("small"), host, *objects), {"small": upstream.address}) as gateway:
        for namespace, name in NAMES:
            served = f"{namespace}/{name}"
            answer = gateway.ask(served)
            error_of(answer, 503, "no_capacity")
            assert said(answer)["policy"] == served
            assert gateway.send(Request(f"/v1/models/{served}", method="GET")).json()["owned_by"] == namespace
        assert said(gateway.ask("auto", {"host": "b.example"}))["policy"] == "default/hosted"
        listed = gateway.send(Request("/v1/models", method="GET")).json()["data"]
        assert [entry["id"] for entry in listed] == sorted(f"{namespace}/{name}" for namespace, name in NAMES)


@pytest.mark.parametrize("name", ["default", "modelfleet", "v1", "models", "catalogue", "b.example"])
def test_a_policy_that_is_called_like_ours_serves(upstream: ScriptedUpstream, name: str) -> None:
    with RealGateway(fleet(model(name), simple(name)), {name: upstream.address}) as gateway:
        answer = gateway.ask(name)
        assert (answer.status, said(answer)["policy"]) == (200, f"default/{name}")
