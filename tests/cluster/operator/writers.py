"""Whether those who wrote had the right to, by the ordered list of writes of the proxy; and what keeps them busy."""

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

from tests.cluster.operator.objects import url
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy, Write

LEASES = "leases"
TAKEN = (HTTPStatus.OK, HTTPStatus.CREATED)
LONGEST_HOLD_S = 14.0
"""Ten seconds in which a holder may begin a write, and four that it may take: a successor waits for fifteen."""
STILL_S = 1.5
"""Longer than it takes an operator to hear of a change and to begin to write."""


def on_objects(writes: Iterable[Write], client: str = "") -> list[Write]:
    """The writes that are a holder's alone: all but those on the Lease. Of one client, or of all."""
    return [write for write in writes if write.resource != LEASES and client in ("", write.client)]


def trespasses(writes: Iterable[Write], *operators: str) -> list[str]:
    """What one of these operators wrote while it did not hold the Lease; empty where all is well.

    The holder is whoever last wrote its own name into the Lease and did not take it out, in the order in which the
    writes came to the API server. It holds for so many seconds after it last did so.
    """
    found, holder, since = list[str](), "", 0.0
    came = [(write.sent, write) for write in writes if write.sent is not None and write.client in operators]
    for sent, write in sorted(came, key=lambda one: one[0]):
        if write.resource == LEASES:
            if write.served in TAKEN:
                holder, since = (write.client if write.body["spec"]["holderIdentity"] else ""), write.began
        elif write.client != holder or sent - since > LONGEST_HOLD_S:
            held = f"{holder or 'nobody'} held the Lease, renewed {sent - since:.1f} s before"
            found.append(f"{write.seq}: {write.client} wrote {write.path} while {held}")
    return found


@contextlib.contextmanager
def churn(bed: Bed, namespace: str, *models: str, pause: float = 0.05) -> Iterator[None]:
    """Edits hosted models in turn, all the while: each edit asks for a write of a status."""
    ending = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        edits = pool.submit(_edit, bed, namespace, models, pause, ending)
        try:
            yield
        finally:
            ending.set()
    edits.result()


def _edit(bed: Bed, namespace: str, models: tuple[str, ...], pause: float, ending: threading.Event) -> None:
    api, count = bed.client(), 0
    while not ending.wait(pause):
        path, count = url("ModelDeployment", namespace, models[count % len(models)]), count + 1
        expect(api.merge(path, {"spec": {"external": {"url": f"https://{count}.example.com/v1"}}}), HTTPStatus.OK)
    api.close()


def wait_until_still(proxy: FaultProxy, patience: float = 60, still: float = STILL_S) -> int:
    """Until nobody has written anything but Leases for a while. The number of the next write."""
    began = time.monotonic()

    def is_still() -> bool:
        last = max((write.at for write in on_objects(proxy.writes)), default=began)
        return time.monotonic() - max(last, began) > still

    wait_for("the writes to end", is_still, patience)
    return len(proxy.writes)


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
