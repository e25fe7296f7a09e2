"""A network of one's own: two runs never meet, and the addresses of simulated pods can be answered by stubs.

In it every address of the pods' range is local, as all of 127/8 is elsewhere. 127/8 itself will not do: an
EndpointSlice takes no loopback address.
"""

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

POD_ADDRESS, POD_MASK = "10.244.0.1", "255.255.0.0"

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
IFF_UP_RUNNING = 0x1 | 0x40


def enter_namespace() -> bool:
    """Moves this process into a network namespace of its own; False where the machine does not allow it.

    To be called before the process has a second thread, and once: there is no way back.
    """
    user, group = os.geteuid(), os.getegid()
    if not _unshare(CLONE_NEWNET):
        # Who is not root becomes it in a user namespace, where nobody else is.
        if not _unshare(CLONE_NEWUSER | CLONE_NEWNET):
            return False
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _raise_loopback()
    return True


def _unshare(flags: int) -> bool:
    return bool(ctypes.CDLL(None, use_errno=True).unshare(flags) == 0)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))
        for request, address in ((SIOCSIFADDR, POD_ADDRESS), (SIOCSIFNETMASK, POD_MASK)):
            fcntl.ioctl(control, request, struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, socket.inet_aton(address)))
