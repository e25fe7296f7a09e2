"""Who runs on which core, and what a process costs: the two things without which a figure is a matter of luck."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CALLERS = 0
"""The core of the load and of the engine, as the first that is ours to use."""
PROXY = 1
"""The core of the proxy under test."""
PROC = Path("/proc")


def unsuited() -> str:
    """Why nothing can be measured on this machine; nothing where it can."""
    if sys.platform != "linux":
        return "the request path is measured on Linux: cores are pinned and CPU is read from /proc"
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return f"the request path needs two cores, one for the proxy and one for its callers; this process has {cores}"
    if not Path("/proc/self/schedstat").exists():
        return "this kernel has no /proc/PID/schedstat (CONFIG_SCHED_INFO), from which CPU is read"
    return ""


@contextmanager
def on_core(which: int) -> Iterator[None]:
    """What is started in here stays on that core: children take the affinity of the thread that starts them."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[which]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_ns(pid: int) -> int:
    """The nanoseconds that the process and all that it started have run, in user space and in the kernel."""
    return sum(_threads_ns(one) for one in family(pid))


def family(pid: int) -> list[int]:
    """The process, its children, and theirs."""
    found, grown = [], [pid]
    while grown:
        found += grown
        grown = [child for one in grown for child in _children(one)]
    return found


def resident_mb(pid: int) -> float:
    """The memory of the process and all that it started."""
    pages = sum(int((PROC / str(one) / "statm").read_text().split()[1]) for one in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _children(pid: int) -> list[int]:
    # Each thread lists what it started itself.
    return [int(child) for task in _tasks(pid) for child in (task / "children").read_text().split()]


def _threads_ns(pid: int) -> int:
    return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid))


def _tasks(pid: int) -> list[Path]:
    return list((PROC / str(pid) / "task").iterdir())
