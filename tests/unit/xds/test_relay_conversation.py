"""A central server, a relay's mirror and a client that complains: random fleets, refusals, losses and restarts."""

from collections import deque
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import ENDPOINTS, ROUTES
from modelfleet.xds.events import Ack, Refusal
from modelfleet.xds.mirror import Mirror, Who
from modelfleet.xds.state import GatewayResources, gateway_resources
from modelfleet.xds.stream import AdsStream
from modelfleet.xds.types import PUSH_ORDER
from tests.sizes import scale
from tests.unit.xds.drawn import fleets
from tests.unit.xds.making import cluster, endpoints, routes, scope
from tests.unit.xds.stub_envoy import StubEnvoy

WHO = Who("n", "g")
ALWAYS = (cluster("c"), endpoints("c"), routes("c", ["c"]), scope("/c", "c"))
"""What every gateway has, whatever it serves: without it a refusal of all that is new looks as if nothing were left."""


class RelayedConversation(RuleBasedStateMachine):
    """What is on the way between central server and relay, and between relay and client, takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[str] = set()
        self.random: Any = None
        self.state: GatewayResources | None = None
        self.mirror = Mirror()
        self.down: deque[Any] = deque()
        self.up: deque[Any] = deque()
        self.central: AdsStream | None = None
        self.new_client()

    def _some(self, resources: list[Any]) -> list[Any]:
        return self.random.sample(resources, self.random.randint(0, len(resources))) if self.random else []

    @initialize(random=st.randoms(use_true_random=False))
    def shuffle(self, random: Any) -> None:
        self.random = random

    # The central server.

    @rule(fleet=fleets())
    def publish(self, fleet: tuple[list[XdsResource], set[str]]) -> None:
        resources, bad = fleet
        self.bad |= bad
        self.state = gateway_resources([*resources, *ALWAYS])
        if self.central:
            self.down += self.central.on_resources(self.state)

    @rule()
    def connect(self) -> None:
        self.down.clear()
        self.central = AdsStream()
        if self.state:
            self.central.on_resources(self.state)
        self.up = deque(self.mirror.hello(WHO))

    @rule()
    def central_dies(self) -> None:
        self.central = None
        self.up.clear()
        self.down.clear()

    @precondition(lambda self: self.up)
    @rule(count=st.integers(1, 10))
    def central_reads(self, count: int) -> None:
        for _ in range(min(count, len(self.up))):
            assert self.central
            self.down += self.central.on_request(self.up.popleft())
            self.central.take_events()

    @precondition(lambda self: self.down)
    @rule(count=st.integers(1, 5))
    def relay_hears_central(self, count: int) -> None:
        for _ in range(min(count, len(self.down))):
            self.up += self.mirror.on_response(self.down.popleft())
            self._follow()

    # The client.

    @rule()
    def new_client(self) -> None:
        """The gateway has been started anew, and has nothing."""
        self.envoy = StubEnvoy(lambda it: it.version in self.bad, self._some)
        self.client_reconnects()

    @rule()
    def client_reconnects(self) -> None:
        self.envoy.connect()
        self.local = AdsStream()
        self.published: GatewayResources | None = None
        self.mirror.on_new_client()
        self._follow()

    @rule()
    def relay_restarts(self) -> None:
        """With what it has on disk, if anything was ever written."""
        self.mirror = Mirror(self.mirror.accepted)
        self.client_reconnects()
        if self.central:
            self.connect()

    @precondition(lambda self: self.envoy.inbox)
    @rule(count=st.integers(1, 5))
    def client_reads(self, count: int) -> None:
        for _ in range(min(count, len(self.envoy.inbox))):
            self.envoy.receive()

    @precondition(lambda self: self.envoy.outbox)
    @rule(count=st.integers(1, 5))
    def relay_hears_client(self, count: int) -> None:
        for _ in range(min(count, len(self.envoy.outbox))):
            self.envoy.inbox += self.local.on_request(self.envoy.outbox.popleft())
            self._follow()

    @rule()
    def patience_ends(self) -> None:
        if self.mirror.is_waiting:
            # Only where what is waited for can no longer come does it take so long.
            self.down.clear()
            self.up.clear()
            self.mirror.on_patience_end()
            self._follow()
            self.connect()

    def _follow(self) -> None:
        self._publish()
        for event in self.local.take_events():
            if isinstance(event, Ack):
                self.mirror.on_ack(event)
            elif isinstance(event, Refusal) and not all(event.versions.values()):
                self.mirror.on_stay(event)
        settled = self.local.status.settled
        if self.published and settled and settled.version == self.published.version:
            answers = self.mirror.on_settled(self.local.status.refusals)
            self.up += answers if self.central else []
            self._publish()
        if self.mirror.owes_word and self.central:
            self.connect()

    def _publish(self) -> None:
        state = self.mirror.latest()
        if state and state is not self.published and not self.mirror.is_waiting:
            self.published = state
            self.envoy.inbox += self.local.on_resources(state)

    # What has to be true in the end.

    @precondition(lambda self: self.state and self.central)
    @rule()
    def agree(self) -> None:
        self._drain()
        assert self.state
        assert self.central
        assert self.mirror.accepted
        told = {(it.type_url, it.names[0]): it.versions[it.names[0]] for it in self.central.status.refusals}
        for type_url in self.envoy.have:
            for name, it in self.state.of_type(type_url).items():
                has = self.envoy.have[type_url].get(name)
                kept = self.mirror.accepted.of_type(type_url).get(name)
                if it.version not in self.bad:
                    assert (type_url, name) not in told
                elif type_url not in (ENDPOINTS, ROUTES):
                    assert not has or has.version != it.version
                    assert not kept or kept.version != it.version, "what was refused is on disk"
                if has:
                    assert kept, f"{name} is in force and not on disk"
                    assert kept.version == has.version
        if not any(it.version in self.bad for of in self.state.by_type.values() for it in of.values()):
            self._same()

    def _same(self) -> None:
        assert self.state
        assert self.central
        assert self.mirror.accepted
        for type_url in PUSH_ORDER:
            wanted = {name: it.version for name, it in self.state.of_type(type_url).items()}
            kept = {name: it.version for name, it in self.mirror.accepted.of_type(type_url).items()}
            assert kept == wanted, f"{type_url}: {kept} is kept, not {wanted}"
            if type_url in self.envoy.have:
                assert {name: it.version for name, it in self.envoy.have[type_url].items()} == wanted, type_url
        settled = self.central.status.settled
        assert settled
        assert (settled.version, settled.complete) == (self.state.version, True)

    def teardown(self) -> None:
        if self.state:
            self.connect()
            self.agree()
            self.bad = set()
            self.new_client()
            self.connect()
            self.agree()

    def _drain(self) -> None:
        for _ in range(3000):
            if self.envoy.outbox:
                self.relay_hears_client(1)
            elif self.envoy.inbox:
                self.client_reads(1)
            elif self.down:
                self.relay_hears_central(1)
            elif self.up:
                self.central_reads(1)
            elif self.envoy.held_back is not None:
                self.envoy.give_up_warming()
            elif self.mirror.is_waiting:
                self.mirror.on_patience_end()  # endpoints that were refused do not come
                self._follow()
            else:
                return
        raise AssertionError("they never come to an end")


TestRelayedConversation = RelayedConversation.TestCase
TestRelayedConversation.settings = settings(max_examples=scale(25, 2_000), stateful_step_count=scale(40, 100))
