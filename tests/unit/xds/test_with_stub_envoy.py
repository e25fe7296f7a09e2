"""Random fleets, refusals and lost connections against a client that complains, until both sides agree."""

from collections.abc import Iterable
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER
from modelfleet.findings import Key
from modelfleet.xds.state import GatewayResources, gateway_resources
from modelfleet.xds.stream import AdsStream
from modelfleet.xds.types import PHASE_OF
from tests.sizes import scale
from tests.unit.xds.drawn import fleets
from tests.unit.xds.making import request
from tests.unit.xds.stub_envoy import TYPES, StubEnvoy


class Conversation(RuleBasedStateMachine):
    """One client and its streams, one after the other, with messages that take their time."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[str] = set()
        self.random: Any = None
        self.envoy = StubEnvoy(lambda it: it.version in self.bad, self._some)
        self.state: GatewayResources | None = None
        self._connect()

    def _some(self, resources: list[Any]) -> list[Any]:
        return self.random.sample(resources, self.random.randint(0, len(resources))) if self.random else []

    def _connect(self) -> None:
        self.stream = AdsStream()
        self.on_the_way: dict[str, str] = {}
        self.envoy.connect()
        if self.state:
            self._sent(self.stream.on_resources(self.state))

    def _sent(self, responses: Iterable[Any]) -> None:
        for response in responses:
            assert response.type_url not in self.on_the_way, "two responses of a type at once"
            self.on_the_way[response.type_url] = response.nonce
            self.envoy.inbox.append(response)

    @initialize(random=st.randoms(use_true_random=False))
    def shuffle(self, random: Any) -> None:
        self.random = random

    @rule(fleet=fleets())
    def publish(self, fleet: tuple[list[XdsResource], set[str]]) -> None:
        resources, bad = fleet
        self.bad |= bad
        self.state = gateway_resources(resources)
        self._sent(self.stream.on_resources(self.state))

    @precondition(lambda self: self.envoy.inbox)
    @rule(count=st.integers(1, 5))
    def client_reads(self, count: int) -> None:
        for _ in range(min(count, len(self.envoy.inbox))):
            self.envoy.receive()

    @precondition(lambda self: self.envoy.outbox)
    @rule(count=st.integers(1, 5))
    def server_reads(self, count: int) -> None:
        for _ in range(min(count, len(self.envoy.outbox))):
            message = self.envoy.outbox.popleft()
            if self.on_the_way.get(message.type_url) == message.response_nonce:
                del self.on_the_way[message.type_url]
            self._sent(self.stream.on_request(message))

    @precondition(lambda self: self.state)
    @rule(type_url=st.sampled_from(TYPES), number=st.integers(0, 20))
    def client_loses(self, type_url: str, number: int) -> None:
        wanted = sorted(self.envoy.wanted.get(type_url, ()))
        if wanted and type_url in self.envoy.asked:
            self.envoy.lose(type_url, wanted[number % len(wanted)])

    @rule(type_url=st.sampled_from(TYPES), nonce=st.sampled_from(["", "0", "1", "x"]), refused=st.booleans())
    def a_stale_answer_arrives(self, type_url: str, nonce: str, refused: bool) -> None:
        if type_url in self.envoy.asked and nonce != self.on_the_way.get(type_url) and not self.envoy.outbox:
            self._sent(self.stream.on_request(request(type_url, nonce=nonce, refusal="stale" if refused else "")))

    @rule()
    def reconnect(self) -> None:
        self._connect()

    @precondition(lambda self: self.state)
    @rule()
    def agree(self) -> None:
        """When nothing is on the way any more, the client has all but what is bad and what is built on that."""
        self._drain()
        assert self.state
        blocked = [it for of in self.state.by_type.values() for it in of.values() if it.version in self.bad]
        for type_url, of_type in self.state.by_type.items():
            earlier = [it.owners for it in blocked if PHASE_OF[it.type_url] < PHASE_OF[type_url]]
            withheld = frozenset[Key]().union(*earlier)
            for name, resource in of_type.items():
                has = self._version(type_url, name)
                if resource.version in self.bad:
                    assert has != resource.version
                elif withheld.isdisjoint(resource.owners) and self._is_wanted(type_url, name):
                    assert has == resource.version, f"{type_url} {name} is missing"
        if not blocked:
            self._same()

    def teardown(self) -> None:
        if self.state:
            self.agree()
            self.bad = set()
            self.reconnect()
            self.agree()

    def _version(self, type_url: str, name: str) -> str | None:
        resource = self.envoy.have[type_url].get(name)
        return resource.version if resource else None

    def _is_wanted(self, type_url: str, name: str) -> bool:
        return type_url not in self.envoy.wanted or name in self.envoy.wanted[type_url]

    def _same(self) -> None:
        assert self.state
        for type_url in TYPES:
            wanted = {name: it.version for name, it in self.state.of_type(type_url).items()}
            assert {name: it.version for name, it in self.envoy.have[type_url].items()} == wanted
        settled = self.stream.status.settled
        assert settled
        assert (settled.version, settled.complete, settled.affected) == (self.state.version, True, frozenset())

    def _drain(self) -> None:
        for _ in range(2000):
            if self.envoy.outbox:
                self.server_reads(1)
            elif self.envoy.inbox:
                self.client_reads(1)
            elif self.envoy.held_back is not None:
                self._check_waited_in_vain(self.envoy.give_up_warming())
            else:
                return
        raise AssertionError("they never come to an end")

    def _check_waited_in_vain(self, names: set[str]) -> None:
        """Only endpoints that are refused may keep a cluster waiting."""
        assert self.state
        refused = {it.names[0] for it in self.stream.status.refusals if it.type_url != CLUSTER}
        assert names <= refused, f"endpoints were not sent: {names - refused}"


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=scale(25, 2_000), stateful_step_count=scale(40, 100))
