"""kubectl, where there is one."""

import shutil
import subprocess

import pytest

from tests.testbed.bed import Bed

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the path")


def kubectl(bed: Bed, *arguments: str, stdin: str = "") -> str:
    command = ["kubectl", f"--kubeconfig={bed.kubeconfig}", f"--cache-dir={bed.folder / 'kubectl'}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
