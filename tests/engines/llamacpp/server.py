"""One llama.cpp server as a child: on a port that stays its own while it is down, and seen from behind the gateway."""

import sys
from http import HTTPStatus
from pathlib import Path

from modelfleet.local.ports import Reservation, reserve
from tests.dataplane.support.client import Address, get
from tests.dataplane.support.process import wait_for
from tests.engines.llamacpp.model import CONTEXT
from tests.testbed.process import Process

SLOTS = 2
PER_CONNECTION = 100
"""How many requests the server takes on one connection; after five idle seconds it closes it, too."""
LOOPBACK = "127.0.0.1"
# It becomes the server, which then ends with whoever started it. To arrange that between fork and exec is not safe
# beside the threads of gRPC.
TETHERED = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""


class LlamaServer:
    """Serves the model under a name of its own, to two callers at a time."""

    def __init__(self, program: Path, model: Path, folder: Path, alias: str) -> None:
        self.alias = alias
        self._port: Reservation = reserve(LOOPBACK, 0)
        self.address: Address = (LOOPBACK, self._port.port)
        place = ["--host", LOOPBACK, "--port", str(self._port.port), "--reuse-port"]
        served = ["--model", str(model), "--alias", alias, "--parallel", str(SLOTS), "--ctx-size", str(SLOTS * CONTEXT)]
        # One thread: Envoy and the tests want a core, too.
        quiet = ["--threads", "1", "--offline", "--no-ui", "--metrics", "--cache-ram", "0"]
        command = [sys.executable, "-I", "-S", "-c", TETHERED, str(program), *place, *served, *quiet]
        self._log = folder / f"{alias}.log"
        self._process = Process(command, self._log, detached=True)

    def start(self) -> None:
        """Starts it; it listens before it has read the model, and says 503 until then."""
        self._process.start()

    def wait_until_ready(self) -> None:
        wait_for(lambda: self._says_ready() or not self._process.is_running(), f"{self.alias} is ready")
        assert self._process.is_running(), f"{self.alias} ended:\n{self._process.last_words()}"

    def close(self) -> None:
        """Ends it, and gives its port back."""
        self._process.stop()
        self._port.close()

    # What befalls it.

    def kill(self) -> None:
        self._process.kill()

    def freeze(self) -> None:
        """It keeps its connections, and says nothing on them."""
        self._process.freeze()

    def thaw(self) -> None:
        self._process.thaw()

    def rest(self) -> None:
        """Undoes whatever befell it, and ends what it still works at."""
        self._process.thaw()
        if self._process.is_running() and self.busy():
            self.kill()
        if not self._process.is_running():
            self.start()
        self.wait_until_ready()

    # What it says of itself.

    def busy(self) -> int:
        """How many answers it works at."""
        return self.metric("requests_processing")

    def wait_until_idle(self) -> None:
        wait_for(lambda: not self.busy(), f"{self.alias} is idle")

    def cancelled(self) -> int:
        """How many answers it gave up, as its log says. To ask it would keep it from looking for callers that left."""
        return self._log.read_text(errors="replace").count("cancel task, id_task")

    def metric(self, name: str) -> int:
        """What it counts, since it started."""
        begin = f"llamacpp:{name} "
        lines = get(self.address, "/metrics").text.splitlines()
        (value,) = [line.removeprefix(begin) for line in lines if line.startswith(begin)]
        return int(float(value))

    def _says_ready(self) -> bool:
        try:
            return get(self.address, "/health").status == HTTPStatus.OK
        except OSError:
            return False
