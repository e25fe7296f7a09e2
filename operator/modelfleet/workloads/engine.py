"""What modelfleet knows of an engine: how it is started, probed and read, and which user its image works with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from modelfleet.api.enums import Work
from modelfleet.api.hardwareclass.spec import Family
from modelfleet.workloads.weights import Weights

CACHE: Final = "/cache"
"""The volume that an engine may write to: its home, and what it fetches and compiles."""
ANYWHERE: Final = "0.0.0.0"  # noqa: S104 - the gateways come from other nodes
HTTP: Final = "http"

Variables = tuple[tuple[str, str], ...]

PYTHON: Final[Variables] = (
    # torch asks for the user's name, and raises where neither this nor /etc/passwd knows it.
    ("USER", "modelfleet"),
    ("HF_HOME", f"{CACHE}/huggingface"),
)
"""What engines that are written in Python have in common."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one replica is to do, and with what."""

    name: str
    """What the engine is to call the model."""
    work: Work
    weights: Weights
    family: Family
    context: int | None = None
    """The longest context, in tokens."""
    concurrency: int | None = None
    """How many requests it is to serve at once."""
    devices: int = 0
    """How many accelerators it has."""


@dataclass(frozen=True, slots=True)
class Flag:
    """An argument that is left out where the user gives it: some engines take none twice."""

    name: str
    value: str | None = None
    also: tuple[str, ...] = ()
    """Other names of the same."""

    def words(self, given: frozenset[str]) -> tuple[str, ...]:
        """The words of a command line, none where one of the names was given."""
        if not given.isdisjoint((self.name, *self.also)):
            return ()
        return (self.name,) if self.value is None else (self.name, self.value)


@dataclass(frozen=True, slots=True)
class Start:
    """How a replica is started."""

    command: tuple[str, ...]
    flags: tuple[Flag, ...] = ()
    env: Variables = ()
    first: tuple[str, ...] = ()
    """What is run before it, to fetch the weights; nothing where the engine fetches them itself."""

    def arguments(self, args: Sequence[str]) -> tuple[str, ...]:
        """Ours, then the user's."""
        given = frozenset(arg.partition("=")[0].replace("_", "-") for arg in args)
        return (*(word for flag in self.flags for word in flag.words(given)), *args)


@dataclass(frozen=True, slots=True)
class Engine:
    """What is known of one engine. Without `start` the image knows for itself what it is to run."""

    port: int
    takes: frozenset[str]
    """The schemes of sources that it can take; the empty one where it can do without."""
    start: Callable[[Task], Start] | None = None
    images: Mapping[Family, str] = field(default_factory=dict)
    """Its public image, by the sort of compute; none is named for one that no image is made for."""
    health: str = ""
    """The path that answers 200 when it is ready; empty where a connection is all that can be asked for."""
    metric: str = ""
    """What it calls the number of requests that run; empty where it counts none."""
    user: int = 1000
    """Any but root will do where nothing is owned by anybody; 1000 is what most images name."""
    group: int = 1000


def size(flag: str, number: int | None, *also: str) -> tuple[Flag, ...]:
    """A flag for a number, if there is one."""
    return () if number is None else (Flag(flag, str(number), also),)


ALL_SCHEMES: Final = frozenset({"", "hf", "s3", "gs", "az", "oci", "pvc", "file", "https"})
BUCKETS: Final = frozenset({"s3", "gs", "az"})
FOLDERS: Final = frozenset({"oci", "pvc", "file"})
"""Those that are folders or files of the container by the time that the engine starts."""
