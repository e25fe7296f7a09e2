"""Many gateways at once, and what all of them have."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, Self, TypeVar

from modelfleet.xds.state import GatewayResources
from tests.support.gateways.loop import PATIENCE_S, Loop
from tests.support.gateways.pool import Pool
from tests.support.gateways.stub import StubGateway

T = TypeVar("T")


class Living(Protocol):
    """What lives in the herd."""

    async def live(self) -> None: ...


L = TypeVar("L", bound=Living)


class Herd:
    """They live as long as it is entered, in the loop. Those that were well-behaved have nothing to complain of."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.gateways: list[StubGateway] = []
        self._pool = Pool()
        self._lives: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loop.run(self._end())
        assert error or not self.faults(), self.faults()

    def add(self, count: int, address: str, gateway: str = "default", named: str = "stub") -> list[StubGateway]:
        """So many, each a node of its own, which connect at once."""
        added = [self._stub(f"{named}-{number}", gateway, address) for number in range(count)]
        self.gateways += added
        for one in added:
            self.keep(one)
        return added

    def keep(self, one: L) -> L:
        """It lives with the herd."""
        self.loop.call(lambda: self._lives.append(asyncio.ensure_future(one.live())))
        return one

    def look(self, work: Callable[[], T]) -> T:
        """What it finds while nothing moves."""
        return self.loop.call(work)

    def move(self, one: StubGateway, address: str) -> None:
        """It breaks off and connects there."""
        self.loop.call(lambda: one.moves_to(address))

    def pause(self, seconds: float) -> None:
        """Everything goes on meanwhile."""
        self.loop.run(asyncio.sleep(seconds))

    def faults(self) -> list[str]:
        """What any of them complains of."""
        return [fault for one in self.gateways for fault in one.faults]

    def wait_until_all_have(
        self, state: GatewayResources, gateways: Iterable[StubGateway], patience: float = PATIENCE_S
    ) -> None:
        """Until each of these has exactly the state."""
        self.wait_until(lambda one: one.state.has(state), gateways, patience)

    def wait_until(
        self, reached: Callable[[StubGateway], bool], gateways: Iterable[StubGateway], patience: float = PATIENCE_S
    ) -> None:
        """Until it is so for each of these; what any of the herd complains of fails it at once."""
        left = list(gateways)

        def all_reached() -> bool:
            assert not self.faults(), self.faults()
            while left and reached(left[-1]):
                left.pop()
            return not left

        self.loop.wait_until(all_reached, lambda: f"{len(left)} are not there, such as {left[-1].node}", patience)

    def digests(self, gateways: Iterable[StubGateway]) -> set[str]:
        """Of all that each of them has: one, where all have the same bytes."""
        return self.look(lambda: {one.state.digest() for one in gateways})

    def _stub(self, node: str, gateway: str, address: str) -> StubGateway:
        return StubGateway(node, gateway, address, self._pool)

    async def _end(self) -> None:
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
