"""The simulated engine: no weights and no hardware, and it behaves as it is told."""

from typing import Final

from modelfleet.workloads.engine import ALL_SCHEMES, ANYWHERE, Engine, Flag, Start, Task

PORT: Final = 8000


def start(task: Task) -> Start:
    """The same as on one machine."""
    flags = (Flag("--model", task.name), Flag("--listen", f"{ANYWHERE}:{PORT}", ("--uds",)))
    return Start(("python3", "-m", "modelfleet.engines_sim"), flags)


ENGINE = Engine(
    port=PORT,
    takes=ALL_SCHEMES,
    start=start,
    # Its image is ours, which the installer names.
    images={},
    health="/health",
    metric="sim_requests_running",
)
