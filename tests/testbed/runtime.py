"""What runs containers: containerd and the network of their pods, with folders of their own."""

import json
import re
import subprocess
from pathlib import Path

from tests.testbed.api import wait_for
from tests.testbed.process import Process

SOCKET = Path("/run/containerd.sock")
"""In the /run of our own namespaces: the path of a socket has to be short."""

PAUSE = "localhost/pause:1"
POD_NETWORK = "10.245.0.0/24"
PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))

# Without the right to raise its own standing with the out-of-memory killer, a runtime must not try to.
CONFIG_2 = """version = 2
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/cni"
"""
CONFIG_3 = """version = 3
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{folder}/cni"
"""


class Runtime:
    """A containerd. Its images are those that were imported; it pulls none."""

    def __init__(self, folder: Path) -> None:
        self.process = Process(["containerd", "--config", str(folder / "containerd.toml")], folder / "containerd.log")
        self._folder = folder

    def start(self) -> None:
        """Starts it, and returns when it answers: what is imported before fails quietly."""
        folder = self._folder
        config = CONFIG_3 if _major_version() >= 2 else CONFIG_2
        text = config.format(folder=folder, socket=SOCKET, pause=PAUSE, plugins=plugin_folder())
        (folder / "containerd.toml").write_text(text)
        (folder / "cni").mkdir()
        (folder / "cni" / "10-pods.conflist").write_text(json.dumps(_network(), indent=1))
        self.process.start()
        wait_for("containerd", lambda: self._ctr("version").returncode == 0)

    def load(self, archive: Path) -> None:
        """Takes the images of an archive."""
        done = self._ctr("--namespace", "k8s.io", "images", "import", str(archive))
        assert done.returncode == 0, f"{archive}: {done.stderr}"

    def _ctr(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = ["ctr", "--address", str(SOCKET), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def plugin_folder() -> Path | None:
    """Where the plugins of pod networks are."""
    return next((folder for folder in PLUGIN_FOLDERS if (folder / "bridge").exists()), None)


def _major_version() -> int:
    said = subprocess.run(["containerd", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\bv?(\d+)\.\d+\.\d+", said)
    assert found, said
    return int(found[1])


def _network() -> dict[str, object]:
    ranges = [[{"subnet": POD_NETWORK}]]
    address = {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "pods0", "isGateway": True, "hairpinMode": True, "ipam": address}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, portmap]}
