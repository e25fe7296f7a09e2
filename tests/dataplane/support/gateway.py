"""The whole chain for a test: our own code compiles YAML and serves it to a real Envoy, which takes the requests."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.envoy.bootstrap import Bootstrap
from modelfleet.findings import Key, Reason, Severity
from modelfleet.fleet.inforce import InForce
from modelfleet.fleet.parse import Invalid, parse_object
from modelfleet.fleet.snapshot import snapshot_of
from modelfleet.fleet.world import Endpoint, Gateway, Hidden, World
from modelfleet.local.binary import find_envoy
from modelfleet.local.ports import reserve
from modelfleet.xds.events import Refusal
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Address, Request, chat, request
from tests.dataplane.support.controlplane import ControlPlane
from tests.dataplane.support.headers import HeadersLike, pairs
from tests.dataplane.support.process import FLUSH_MS, EnvoyProcess
from tests.dataplane.support.records import Record, Records

NAME = "default"
JSON = ("content-type", "application/json")
Endpoints = Mapping[str, Address | list[Address]]
Secrets = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Settings:
    """What an installer chooses, and what a test expects to go wrong."""

    workers: int = 1
    flush_ms: int = FLUSH_MS
    """How long a record may wait until it is written: a test wants to read it, a user wants it cheap."""
    max_body_bytes: int = 4 * 1024 * 1024
    refusals_expected: bool = False
    errors_expected: bool = False
    roots: Path | None = None
    """The certificate authorities by which it checks hosted models, instead of those of this machine."""
    secrets: str = ""
    """The folder with the file by which it reads the certificate of its port. Nothing is a port in clear."""
    tls_minimum: str = "TLSv1.2"


class RealGateway:
    """A gateway that serves the fleet while it is entered. On exit it tells of crashes, refusals and script errors."""

    def __init__(
        self,
        fleet: str,
        endpoints: Endpoints | None = None,
        secrets: Secrets | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.plan: FleetPlan | None = None
        self._given = (fleet, endpoints or {}, secrets or {})
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mf-")))
            reserved = stack.enter_context(reserve("127.0.0.1", 0))
            self.address: Address = (reserved.host, reserved.port)
            self.url = f"http://{reserved.host}:{reserved.port}/v1"
            self.records = Records(self._folder / "decisions.jsonl")
            self._plane = ControlPlane(NAME, f"unix:{self._folder / 'xds'}")
            bootstrap = Bootstrap(NAME, "test-1", (str(self._folder / "xds"),), str(self._folder / "admin"))
            program = find_envoy(None).path
            self.envoy = EnvoyProcess(program, bootstrap, self._folder, self.settings.workers, self.settings.flush_ms)
            self.publish(*self._given)
            stack.callback(self._plane.stop)
            self._plane.start()
            self._start_envoy(stack)
            self._stack = stack.pop_all()
        return self

    def _start_envoy(self, stack: ExitStack) -> None:
        stack.callback(lambda: self.envoy.ended or self.envoy.end(kill=True))
        self.envoy.start()
        self.envoy.wait_until_ready()
        self._plane.wait_until_settled()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:
            ran = not self.envoy.ended
            status = self.envoy.end() if ran else None
            # What went wrong here explains what a test saw, so it is told together with that.
            wrong = self._wrong(ran=ran, status=status)
        if wrong and error:
            error.add_note(wrong)
        assert error or not wrong, wrong

    def _wrong(self, *, ran: bool, status: int | None) -> str:
        found = [f"Envoy crashed: {line}" for line in self.envoy.crashes()]
        if not ran or status:
            found.append(f"Envoy had ended by itself, or ended with {status}: {self.envoy.text()[-2000:]}")
        if not self.settings.refusals_expected:
            found += [f"Envoy refused {refusal.names}: {refusal.message}" for refusal in self.refusals]
        if not self.settings.errors_expected:
            found += [f"Envoy logged: {line}" for line in self.envoy.errors()[:5]]
        return "\n".join(found)

    # What it was told.

    def publish(self, fleet: str, endpoints: Endpoints, secrets: Secrets) -> None:
        """Compiles and publishes, and does not wait. A fleet with a mistake fails the test."""
        self._given = (fleet, endpoints, secrets)
        parsed = [parse_object(raw) for raw in yaml.safe_load_all(fleet) if raw]
        invalid = [finding for item in parsed if isinstance(item, Invalid) for finding in item.findings]
        keys = {Key("Secret", "default", name): frozenset(entries) for name, entries in secrets.items()}
        before = self.plan.in_force if self.plan else InForce()
        self.plan = compile_fleet(snapshot_of(parsed, keys, self._world(endpoints, secrets)), before)
        # What is not enforced yet keeps a policy out, too, and lint alone calls that a warning.
        kept_out = (Severity.ERROR, Reason.UNSUPPORTED)
        wrong = [finding for finding in self.plan.findings if {finding.severity, finding.reason}.intersection(kept_out)]
        assert not invalid + wrong, invalid + wrong
        assert not self.plan.defects, self.plan.defects
        self._plane.publish(self.plan.gateways[NAME])

    def apply(
        self, fleet: str | None = None, endpoints: Endpoints | None = None, secrets: Secrets | None = None
    ) -> None:
        """Publishes what is named, with what was in force for the rest. Envoy has acknowledged it on return."""
        before = self._given
        self.publish(
            before[0] if fleet is None else fleet,
            before[1] if endpoints is None else endpoints,
            before[2] if secrets is None else secrets,
        )
        if self._plane.running:
            self._plane.wait_until_settled()

    def _world(self, endpoints: Endpoints, secrets: Secrets) -> World:
        host, port = self.address
        gateway = Gateway(NAME, host, port, self.settings.max_body_bytes, str(self.records.path))
        gateway = replace(gateway, secrets=self.settings.secrets, tls_minimum=self.settings.tls_minimum)
        if self.settings.roots:
            gateway = replace(gateway, roots=str(self.settings.roots))
        return World(
            gateways={NAME: gateway},
            endpoints={Key("ModelDeployment", "default", name): _replicas(at) for name, at in endpoints.items()},
            secrets={
                Key("Secret", "default", name): {entry: Hidden(text) for entry, text in entries.items()}
                for name, entries in secrets.items()
            },
        )

    # What it says.

    @property
    def refusals(self) -> list[Refusal]:
        return list(self._plane.refusals)

    def record(self, answer: Answer) -> Record:
        return self.records.of(answer)

    def settle(self) -> None:
        """Until Envoy has acknowledged what was published last."""
        self._plane.wait_until_settled()

    # What is done to it.

    def stop_xds(self) -> None:
        self._plane.stop()

    def start_xds(self) -> None:
        """Returns when Envoy has found it again and acknowledged everything."""
        self._plane.forget_settled()
        self._plane.start()
        self._plane.wait_until_settled()

    def restart_envoy(self, *, kill: bool = True) -> None:
        self.envoy.end(kill=kill)
        self._plane.forget_settled()
        self.envoy.start()
        self.envoy.wait_until_ready()
        if self._plane.running:
            self._plane.wait_until_settled()

    # Requests through it.

    def ask(self, model: str, headers: HeadersLike = (), **extra: Any) -> Answer:
        """A chat completion; a header of the same name replaces that of JSON."""
        return self.send(Request(body=chat(model, **extra), headers=headers))

    def send(self, asked: Request, timeout: float = 20.0) -> Answer:
        """Any request, as JSON unless it says otherwise."""
        headers = pairs(asked.headers)
        if asked.method == "POST" and JSON[0] not in {name.lower() for name, _ in headers}:
            headers.append(JSON)
        return request(self.address, asked.method, asked.path, headers, asked.body, timeout)


def _replicas(addresses: Address | list[Address]) -> tuple[Endpoint, ...]:
    several = addresses if isinstance(addresses, list) else [addresses]
    return tuple(Endpoint(host, port, "local") for host, port in several)
