"""An operator that a test starts, stops, kills and freezes, and what it tells of itself meanwhile."""

import json
import random
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.rights.accounts import ACCOUNTS, account_for, grant, scope_of
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed
from tests.testbed.faults import FaultProxy
from tests.testbed.process import Process

LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/modelfleet-operator"
PROGRAM = Path(sys.executable).with_name("modelfleet")
SERIES = re.compile(r"^(modelfleet_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


class Role(Process):
    """A role of `modelfleet` behind a proxy, under a name of its own."""

    ROLE = ""

    def __init__(
        self, proxy: FaultProxy, name: str, *options: str, user: str = "", env: Mapping[str, str] | None = None
    ) -> None:
        """It runs as the account that the chart would give it with these options, unless `user` is another one."""
        self.proxy = proxy
        self.client = name
        self.metrics = f"127.0.0.1:{lasting_port()}"
        self._scope, self._is_granted = scope_of(options), False
        self.user = user or account_for(self.ROLE, self._scope).user
        self.kubeconfig = proxy.kubeconfig(name, self.user)
        # `env` makes the program's environment: a process of the testbed inherits that of the tests.
        variables = {"KUBECONFIG": str(self.kubeconfig), "PYTHONUNBUFFERED": "1", **(env or {})}
        command = ["env", *(f"{key}={value}" for key, value in variables.items())]
        super().__init__(
            [*command, str(PROGRAM), self.ROLE, f"--metrics={self.metrics}", *options],
            self.kubeconfig.with_name(f"{self.ROLE}-{name}.log"),
        )

    @property
    def name(self) -> str:
        return self.client

    def start(self) -> None:
        """Starts it; first it is given its rights, unless a test gave it an account of its own."""
        if not self._is_granted:
            self._grant()
        self._is_granted = True
        super().start()

    def stop(self) -> None:
        """Asks it to end as Kubernetes does; returns when it has ended."""
        super().stop()

    def _grant(self) -> None:
        settings = json.loads(self.kubeconfig.read_text())
        own = settings["users"][0]["user"]["token"] == self.proxy._bed.token_of(self.user)
        if own and self.user in ACCOUNTS:
            home = settings["contexts"][0]["context"].get("namespace", "default")
            with closing(self.proxy._bed.client()) as api:
                grant(api, ACCOUNTS[self.user], self._scope, home)

    def log_text(self) -> str:
        """All that it has logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def ask(self, path: str) -> tuple[int, str]:
        """An answer of its metrics address: status and text; status 0 where nobody answers."""
        return ask(f"http://{self.metrics}{path}")

    def metric(self, series: str, **labels: str) -> float:
        """The sum of all series of this name that have these labels; `modelfleet_` is understood."""
        total = 0.0
        for name, given, value in SERIES.findall(self.ask("/metrics")[1]):
            if name == f"modelfleet_{series}" and all(f'{key}="{text}"' in given for key, text in labels.items()):
                total += float(value)
        return total

    def is_ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def wait_until_ready(self, patience: float = 30) -> None:
        """Until it has read everything."""
        wait_for(f"{self.client} to be ready", lambda: self.is_alive() and self.is_ready(), patience)

    def is_alive(self) -> bool:
        """True; fails with its last words where it has ended."""
        assert self.is_running(), f"the {self.ROLE} ended:\n{self.last_words()}"
        return True


class Operator(Role):
    """`modelfleet operator`, which writes as fast as it can."""

    ROLE = "operator"

    def __init__(
        self, proxy: FaultProxy, name: str, *options: str, user: str = "", env: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(proxy, name, "--kube-api-qps=500", "--kube-api-burst=500", *options, user=user, env=env)

    def leads(self) -> bool:
        return self.metric("leader") == 1

    def wait_until_leading(self, patience: float = 30) -> None:
        """Until it writes."""
        wait_for(f"{self.client} to lead", lambda: self.is_alive() and self.leads(), patience)


@contextmanager
def unled(bed: Bed) -> Iterator[FaultProxy]:
    """A proxy without rules, and a cluster in which nobody leads."""
    bed.api.delete(LEASE)
    with FaultProxy(bed) as proxy:
        yield proxy


@contextmanager
def running(proxy: FaultProxy, name: str = "operator", *options: str, **more: str) -> Iterator[Operator]:
    """An operator that has read everything and leads; ended at the end."""
    operator = Operator(proxy, name, *options, **more)  # type: ignore[arg-type]  # the only keyword of a text is `user`
    operator.start()
    try:
        operator.wait_until_ready()
        operator.wait_until_leading()
        yield operator
    finally:
        operator.stop()


def ask(url: str) -> tuple[int, str]:
    """Status and text of an answer; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError:
        return 0, ""


def lasting_port() -> int:
    """A port that stays free while an operator is down: connections get theirs from a range above."""
    while True:
        port = random.randrange(16_384, 32_768)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def settled(check: object, seconds: float = 1.0) -> None:
    """Asserts for a while that something stays as it is: `check` is called again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert callable(check)
        check()
        time.sleep(0.05)
