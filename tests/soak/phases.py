"""What a soak consists of: which tests run side by side, which want the machine to themselves, what is built first."""

from dataclasses import dataclass

SIDE_BY_SIDE = ("-n", "auto")
# A folder that no run enters by itself has to be named.
OFFLINE = ("tests", "tests/property")
REAL_ENVOY = ("tests/dataplane/envoy", "tests/scenario")


@dataclass(frozen=True)
class Phase:
    """One run of pytest."""

    name: str
    arguments: tuple[str, ...]
    needs: str = ""
    """A module of ours of which `build` is run before the first phase, so that no figure is taken beside a compiler."""

    @property
    def is_parallel(self) -> bool:
        return "-n" in self.arguments


# Tests marked `alone` measure, or put a load on Envoy: beside others their figures would be of those others.
PHASES = (
    # Some of these take minutes and most no time: a worker that has nothing left takes from one that has.
    Phase("offline", (*SIDE_BY_SIDE, "--dist", "worksteal", *OFFLINE)),
    Phase("envoy", (*SIDE_BY_SIDE, "--dist", "loadfile", "-m", "not alone", *REAL_ENVOY), needs="tests.engines"),
    Phase("alone", ("-m", "alone", *REAL_ENVOY)),
    Phase("cluster", ("tests/cluster",), needs="tests.testbed"),
    Phase("chart", ("tests/chart",), needs="tests.chart"),
    # Judges what the API servers of the two before it wrote down.
    Phase("rights", ("tests/rights",)),
)
