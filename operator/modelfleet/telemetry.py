"""What a role tells of itself: metrics with few labels, whose values are ours and never a user's."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Telemetry:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    def ask(self, name: str, help_: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """A gauge whose values are asked for when somebody looks."""
        self.registry.register(_Asked(f"modelfleet_{name}", help_, label, values))

    def ask_count(self, name: str, help_: str, value: Callable[[], float]) -> None:
        """A counter whose value is asked for when somebody looks."""
        self.registry.register(_AskedCount(f"modelfleet_{name}", help_, value))

    def counter(self, name: str, help_: str, labels: tuple[str, ...] = ()) -> Counter:
        """A counter of this name, to which `modelfleet_` is added."""
        return Counter(f"modelfleet_{name}", help_, labels, registry=self.registry)

    def gauge(self, name: str, help_: str, labels: tuple[str, ...] = ()) -> Gauge:
        """A gauge, likewise."""
        return Gauge(f"modelfleet_{name}", help_, labels, registry=self.registry)


class WatcherTelemetry(Telemetry):
    """Those of a role that watches a cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.events = self.counter(
            "watch_events", "Objects that watches told of, by what they changed.", ("kind", "change")
        )
        self.lists = self.counter("lists", "Whole lists, by how they ended.", ("kind", "outcome"))
        self.ghosts = self.counter("ghosts", "Objects that were gone without a watch having said so.", ("kind",))
        self.compile_seconds = Histogram(
            "modelfleet_compile_seconds",
            "What it took to plan the whole fleet.",
            registry=self.registry,
            buckets=SECONDS,
        )
        self.compile_failures = self.counter("compile_failures", "Plans that a mistake of ours kept from being made.")
        self.denied = self.counter("rbac_denied", "What the API server forbade.", ("verb", "resource"))
        self.findings = self.gauge("findings", "What is to be said of the objects of the fleet.", ("reason",))
        self.synced = self.gauge("synced", "Whether every kind has been read: 1 or 0.")
        self.loop_lag = self.gauge("loop_lag_seconds", "How long the loop of the watches had no moment for us.")


class WriterTelemetry(WatcherTelemetry):
    """Those of the role that also writes to it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = self.counter("writes", "Requests that write, by how they ended.", ("kind", "outcome"))
        self.waiting = self.gauge("statuses_waiting", "Objects whose status waits for a look.")
        self.children = self.gauge("children_waiting", "Models whose Deployments and the like wait for a look.")
        self.leader = self.gauge("leader", "Whether this process writes: 1 or 0.")


class _Asked(Collector):
    def __init__(self, name: str, help_: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._help, self._label, self._values = name, help_, label, values

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._help, labels=[self._label])
        for name, value in sorted(self._values().items()):
            family.add_metric([name], value)
        yield family


class _AskedCount(Collector):
    def __init__(self, name: str, help_: str, value: Callable[[], float]) -> None:
        self._name, self._help, self._value = name, help_, value

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily(self._name, self._help, value=self._value())
