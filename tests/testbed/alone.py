"""Runs a command in namespaces of its own: `python -m tests.testbed.alone COMMAND...`, for who is root.

What it mounts, starts and sets in the kernel ends with it, however it ends: nothing has to be put back. It has a
network, processes, mounts, /run and the state folders of a node of its own. Settings of the whole machine that a
kubelet would change are files that stand before the true ones. Where this cannot be had, the command is run as it is,
and finds out by `is_alone`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.testbed.process import die_with_the_parent

PATIENCE = 10.0
SIGN = "MODELFLEET_TESTBED_ALONE"
TOOLS = ("unshare", "mount", "ip")
HIDDEN = ("/run", "/var/lib/kubelet", "/var/lib/cni")
"""Where a kubelet, a runtime and the plugins of a network keep things, whatever they are told."""

MACHINE = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""The settings of the machine that a kubelet wants to be others."""

ADDRESS, BRIDGE = "10.250.0.1", "node0"
NETWORK = (
    ("link", "set", "lo", "up"),
    ("link", "add", BRIDGE, "type", "bridge"),  # not every kernel has the driver of dummy links
    ("addr", "add", f"{ADDRESS}/24", "dev", BRIDGE),
    ("link", "set", BRIDGE, "up"),
    ("route", "add", "default", "via", "10.250.0.254", "dev", BRIDGE),  # to nowhere, but an API server wants one
)


def is_alone() -> bool:
    """Whether this process runs in such namespaces."""
    return SIGN in os.environ


def obstacle() -> str:
    """What speaks against it on this machine; nothing where it can be done."""
    if sys.platform != "linux":
        return "a node runs on Linux only"
    if os.geteuid() != 0:
        return "only root can run a node"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    tried = subprocess.run(_unshare("true"), capture_output=True, text=True, check=False)
    return f"the kernel grants no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


def outside(command: Sequence[str]) -> int:
    """Runs the command within, or as it is where that cannot be. The control groups are the one thing to be removed."""
    if obstacle():
        return subprocess.run(command, check=False).returncode
    missing = [Path(place) for place in HIDDEN if not Path(place).exists()]
    with tempfile.TemporaryDirectory(prefix="modelfleet-alone-") as folder:
        group = Path(folder).name
        inner = _unshare(sys.executable, "-m", "tests.testbed.alone", "--within", folder, *command)
        child = subprocess.Popen(inner, preexec_fn=die_with_the_parent)  # noqa: PLW1509 - it calls one system call
        # Ctrl-C is heard within, too, and answered there. With `unshare` the kernel ends all that is within.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: child.kill())
        status = child.wait()
        remove_groups(group)
    for place in missing:  # made only for something to be mounted there
        with contextlib.suppress(OSError):
            place.rmdir()
    return status


def _unshare(*command: str) -> list[str]:
    return ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", *command]


def within(folder: Path, command: Sequence[str]) -> int:
    """The first process of the namespaces: sets them up, runs the command, and buries whom nobody else does."""
    _mount("--make-rshared", "/")
    for hidden in map(Path, HIDDEN):
        hidden.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "tmpfs", str(hidden))
    for number, setting in enumerate(MACHINE):
        _stand_before(Path("/proc/sys") / setting, folder / f"setting-{number}")
    for arguments in NETWORK:
        subprocess.run(["ip", *arguments], check=True)
    child = subprocess.Popen(command, env={**os.environ, SIGN: folder.name})
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, lambda number, _: child.send_signal(number))
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status)


def _stand_before(setting: Path, copy: Path) -> None:
    if setting.exists():
        copy.write_text(setting.read_text())
        _mount("--bind", str(copy), str(setting))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def group() -> str:
    """The control group that everything of a node of ours is in, in each hierarchy."""
    return os.environ[SIGN]


def groups(name: str) -> list[Path]:
    """Where the machine has it."""
    root = Path("/sys/fs/cgroup")
    return [path for path in (root / name, *root.glob(f"*/{name}")) if path.is_dir()]


def remove_groups(name: str) -> None:
    """Removes it, and all that is in it."""
    # The last processes in it may still be on their way out.
    end = time.monotonic() + PATIENCE
    while groups(name) and time.monotonic() < end:
        for found in groups(name):
            for path in (*sorted(found.rglob("*/"), reverse=True), found):
                with contextlib.suppress(OSError):
                    path.rmdir()
        time.sleep(0.05)


def main() -> int:
    """Run the command; which side this is on is told by the first argument."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--within"]:
        return within(Path(arguments[1]), arguments[2:])
    return outside(arguments)


if __name__ == "__main__":
    sys.exit(main())
