"""What a process has in memory."""

import gc
import os
import subprocess


def resident_mb(pid: int | None = None) -> float:
    """Of the process, or of this one, without its garbage."""
    if pid is None:
        gc.collect()
        pid = os.getpid()
    listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(listed.stdout) / 1024
