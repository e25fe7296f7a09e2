"""A control plane with one real node: kubelet, containerd, kube-proxy and cluster DNS, in namespaces of our own.

Here nothing is simulated. It is slower than the simulated nodes and needs root, so it is for what only a real node
shows: images, probes, security contexts, rights from within a pod, a Service that a connection really goes through.
"""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.testbed.alone import ADDRESS, group, groups
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.process import Process
from tests.testbed.runtime import POD_NETWORK, SOCKET, Runtime

NODE = "real-0"
DNS_SERVICE = "10.96.0.10"
NODE_PARTS = ("kubelet", "kube-proxy", "coredns")
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")

COREFILE = """.:53 {{
    bind {address}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
        ttl 1
    }}
}}
"""


class RealBed(Bed):
    """A control plane that pods can reach, and a node that runs them. Only within namespaces of our own."""

    address = ADDRESS

    def __init__(self, folder: Path, assets: Path, coredns: Path, audit: Path | None = None) -> None:
        super().__init__(folder, assets, audit=audit)
        self.runtime = Runtime(folder)
        self._coredns = coredns

    def start_node(self, archives: Iterable[Path]) -> None:
        """Starts the node with these images, and returns when it is ready."""
        self.runtime.start()
        for archive in archives:
            self.runtime.load(archive)
        self._write_node_files()
        self._launch("kubelet", self._kubelet())
        self._launch("kube-proxy", [f"--config={self.folder / 'kube-proxy.yaml'}"])
        coredns = Process([str(self._coredns), "-conf", str(self.folder / "Corefile")], self.folder / "coredns.log")
        self.processes["coredns"] = coredns
        coredns.start()
        self._publish_dns()
        wait_for("the node to be ready", self._the_node_is_ready, patience=60)

    def stop(self) -> None:
        """Stops the node, then the control plane. Containers end with the namespaces."""
        for name in NODE_PARTS:
            if name in self.processes:
                self.processes[name].stop()
        self.runtime.process.stop()
        super().stop()

    def _start(self, crds: Iterable[Mapping[str, Any]]) -> None:
        self._start_control_plane(crds)

    def _the_node_is_ready(self) -> bool:
        return bool(self.api.get("/api/v1/nodes").body["items"]) and self._nodes_are_ready()

    def _apiserver_reach(self) -> list[str]:
        # The node has no name that anybody could look up.
        return ["--kubelet-preferred-address-types=InternalIP"]

    def _kubelet(self) -> list[str]:
        return [
            f"--config={self.folder / 'kubelet.yaml'}",
            f"--kubeconfig={self.kubeconfig_of('kubelet')}",
            f"--hostname-override={NODE}",
            f"--node-ip={ADDRESS}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'kubelet-certs'}",
        ]

    def _write_node_files(self) -> None:
        for user in ("kubelet", "kube-proxy", "coredns"):
            # Each is the administrator: what parts of Kubernetes may do is not what is tested here.
            kubeconfig = self._kubeconfig("admin", self.port)
            self.kubeconfig_of(user).write_text(json.dumps(kubeconfig))
        (self.folder / "resolv.conf").write_text("")
        (self.folder / "kubelet.yaml").write_text(json.dumps(kubelet_configuration(self.folder), indent=1))
        proxy = kube_proxy_configuration(self.kubeconfig_of("kube-proxy"))
        (self.folder / "kube-proxy.yaml").write_text(json.dumps(proxy, indent=1))
        corefile = COREFILE.format(address=ADDRESS, kubeconfig=self.kubeconfig_of("coredns"))
        (self.folder / "Corefile").write_text(corefile)
        make_groups()

    def _publish_dns(self) -> None:
        ports = [
            {"name": name, "protocol": protocol, "port": 53} for name, protocol in (("dns", "UDP"), ("tcp", "TCP"))
        ]
        service = {"metadata": {"name": "kube-dns"}, "spec": {"clusterIP": DNS_SERVICE, "ports": ports}}
        endpoints = {
            "metadata": {"name": "kube-dns-1", "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
            "ports": ports,
        }
        slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
        wait_for("kube-system", lambda: self.api.get("/api/v1/namespaces/kube-system").status == HTTPStatus.OK)
        expect(self.api.create("/api/v1/namespaces/kube-system/services", service), HTTPStatus.CREATED)
        expect(self.api.create(slices, endpoints), HTTPStatus.CREATED)


def make_groups() -> None:
    """The control group in which the kubelet is to keep its pods, in every hierarchy."""
    root = Path("/sys/fs/cgroup")
    hierarchies = [root / name for name in CONTROLLERS if (root / name).is_dir()] or [root]
    for hierarchy in hierarchies:
        (hierarchy / group()).mkdir(exist_ok=True)
    assert groups(group())


def kubelet_configuration(folder: Path) -> dict[str, Any]:
    """Nobody else is in this network, so whoever asks the kubelet may."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{group()}",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "50Mi"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "podLogsDir": str(folder / "pod-logs"),
        "resolvConf": str(folder / "resolv.conf"),
    }


def kube_proxy_configuration(kubeconfig: Path) -> dict[str, Any]:
    """The settings of connection tracking are the machine's, and stay as they are."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": POD_NETWORK,
        "conntrack": {"maxPerCore": 0, "min": 0},
        "hostnameOverride": NODE,
        "mode": "nftables",
    }
