"""A real Envoy behind a real relay: the control plane runs here, the relay as a process that can be killed."""

import json
import re
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import asdict
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.bootstrap import Bootstrap
from modelfleet.envoy.mtls import TlsFiles
from modelfleet.local.binary import find_envoy
from modelfleet.local.ports import reserve
from modelfleet.xds.events import Ack, Event
from tests.dataplane.support.controlplane import ControlPlane, run
from tests.dataplane.support.gateway import NAME, RealGateway
from tests.dataplane.support.process import PATIENCE, EnvoyProcess, Leashed, wait_for
from tests.dataplane.support.records import Records

NODE = "pod-1"
MAIN = """
import json, logging, resource, sys
from pathlib import Path
from modelfleet.app.relay import RelayOptions, run_relay
from modelfleet.envoy.mtls import TlsFiles
given = json.loads(sys.argv[1])
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
if given.pop("full"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
if given["tls"]:
    given["tls"] = TlsFiles(**given["tls"])
given["upstream"], given["cache"] = tuple(given["upstream"]), Path(given["cache"])
run_relay(RelayOptions(**given))
"""


class CountingPlane(ControlPlane):
    """Counts what the gateway answered to, empty responses left out."""

    def __init__(self, gateway: str, address: str) -> None:
        super().__init__(gateway, address)
        self.acknowledged: Counter[str] = Counter()
        self.nodes: set[str] = set()

    def _heard(self, node: str, gateway: str, event: Event) -> None:
        self.nodes.add(node)
        if isinstance(event, Ack):
            self.acknowledged.update((*event.versions, *event.removed))
        super()._heard(node, gateway, event)


class RelayProcess(Leashed):
    """One relay from start to end. Its folder goes on over restarts, too."""

    def __init__(self, folder: Path, upstream: str, listen: str, tls: TlsFiles | None = None) -> None:
        super().__init__(folder / "relay.log")
        self.cache = folder / "cache"
        self.file = self.cache / f"{NAME}.xds"
        self.full = False
        self._given: dict[str, Any] = {"upstream": [upstream], "gateway": NAME, "node": NODE, "listen": listen}
        self._given["tls"] = asdict(tls) if tls else None
        self._metrics = 0

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._metrics = free.getsockname()[1]
        more = {"cache": str(self.cache), "full": self.full, "metrics": f"127.0.0.1:{self._metrics}"}
        self.launch(sys.executable, "-c", MAIN, json.dumps(self._given | more))

    def ask(self, path: str) -> tuple[int, str]:
        """What it says of itself; status 0 where it does not answer."""
        connection = HTTPConnection("127.0.0.1", self._metrics, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def figure(self, name: str) -> float:
        """One of its metrics; without labels the sum over all of them."""
        lines = self.ask("/metrics")[1].splitlines()
        found = re.compile(rf"modelfleet_relay_{re.escape(name)}(?:{{.*}})? (.+)")
        return sum(float(match[1]) for match in map(found.fullmatch, lines) if match)


class RelayedGateway(RealGateway):
    """A gateway with a relay between it and the control plane."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mf-")))
            reserved = stack.enter_context(reserve("127.0.0.1", 0))
            self.address = (reserved.host, reserved.port)
            self.url = f"http://{reserved.host}:{reserved.port}/v1"
            self.records = Records(self._folder / "decisions.jsonl")
            self.plane = self._plane = CountingPlane(NAME, f"unix:{self._folder / 'central'}")
            self.relay = RelayProcess(self._folder, str(self._folder / "central"), str(self._folder / "xds"))
            bootstrap = Bootstrap(NAME, "test-1", (str(self._folder / "xds"),), str(self._folder / "admin"))
            program = find_envoy(None).path
            self.envoy = EnvoyProcess(program, bootstrap, self._folder, self.settings.workers, self.settings.flush_ms)
            self.publish(*self._given)
            stack.callback(self._plane.stop)
            self._plane.start()
            stack.callback(lambda: self.relay.ended or self.relay.end(kill=True))
            self.relay.start()
            self._start_envoy(stack)
            self._stack = stack.pop_all()
        return self

    def wait_until_kept(self) -> None:
        """Until nothing that Envoy has accepted is missing on disk, and the relay has been heard all of it."""
        wait_for(self.relay.file.exists, "there is a file")
        before = b""
        while before != (before := self.relay.file.read_bytes()):
            time.sleep(1.2)

    def serves(self, model: str) -> bool:
        try:
            return self.ask(model).status == 200
        except OSError:
            return False


class Wiper:
    """A control plane that tells everybody that all they have is gone."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._server: grpc.aio.Server | None = None
        self.told: set[str] = set()
        """The types of which it took everything."""
        self.refused: dict[str, str] = {}

    def __enter__(self) -> Self:
        run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        run(self._stop())

    async def _start(self) -> None:
        handler = grpc.stream_stream_rpc_method_handler(
            self._wipe,
            request_deserializer=discovery_pb2.DeltaDiscoveryRequest.FromString,
            response_serializer=discovery_pb2.DeltaDiscoveryResponse.SerializeToString,
        )
        service = "envoy.service.discovery.v3.AggregatedDiscoveryService"
        handlers = {"DeltaAggregatedResources": handler}
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self._server.add_insecure_port(self._address)
        await self._server.start()

    async def _stop(self) -> None:
        if self._server:
            await self._server.stop(0)

    async def _wipe(self, requests: AsyncIterator[Any], context: Any) -> None:
        async for request in requests:
            if request.HasField("error_detail"):
                self.refused[request.type_url] = request.error_detail.message
            elif names := list(request.initial_resource_versions):
                self.told.add(request.type_url)
                gone = discovery_pb2.DeltaDiscoveryResponse(
                    type_url=request.type_url, nonce="1", removed_resources=names
                )
                await context.write(gone)
