"""What a stream tells those who watch it: values, free of credentials."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelfleet.findings import Key


@dataclass(frozen=True, slots=True)
class Ack:
    """The client took these."""

    type_url: str
    versions: Mapping[str, str]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The client refused exactly these, and keeps what it had."""

    type_url: str
    versions: Mapping[str, str]
    """Empty where removals were refused."""
    message: str
    owners: frozenset[Key]

    @property
    def names(self) -> tuple[str, ...]:
        """The resources that are meant."""
        return tuple(self.versions)


@dataclass(frozen=True, slots=True)
class Settled:
    """The client has taken all of a state that it could be sent."""

    version: str
    complete: bool
    """Nothing was refused."""
    affected: frozenset[Key]
    """The owners of what is not in force: refused, or withheld because of that."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A client has said who it is."""

    came_back: bool = False
    """It has something already, from here or from another server."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Its stream has ended, whoever ended it."""


StreamEvent = Ack | Refusal | Settled
Event = StreamEvent | Connected | Disconnected


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """Where a stream stands."""

    settled: Settled | None = None
    """The last state that the client settled on, which need not be the latest one."""
    refusals: tuple[Refusal, ...] = ()
    """What of the latest state is refused at present."""
