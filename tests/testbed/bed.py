"""The control plane as a whole: what is started in which order, and how it is hurt.

The order is not free. The controllers wait for an API server that is ready, or they back off; they come after the CRDs,
or they find them half a minute late; the API server stops before etcd, without which it cannot.
"""

import json
import socket
import subprocess
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.testbed.api import Api, wait_for
from tests.testbed.binaries import SOURCE
from tests.testbed.nodes import nodes
from tests.testbed.process import Process

ADMIN, ADMIN_TOKEN = "admin", "testbed-admin"
ROLES = tuple(f"{role}-{mode}" for role in ("operator", "xds") for mode in ("everywhere", "listed", "single"))
"""Accounts for our roles, which may do nothing until a test grants them something: tests/rights/accounts.py."""
AUDITED = "roles-of-modelfleet"
USERS = {
    ADMIN: "system:masters",
    "kwok": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    **dict.fromkeys(ROLES, AUDITED),
}
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "verbs": ["create", "patch", "delete"],
            "resources": [{"group": "rbac.authorization.k8s.io", "resources": ["rolebindings", "clusterrolebindings"]}],
        },
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": [AUDITED, "system:serviceaccounts"]},
        {"level": "None"},
    ],
}
"""What our roles ask for, as users or as accounts of a release, and when roles are given and taken away."""
STOP_ORDER = ("kwok", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Bed:
    """A control plane in a folder. With `detached` it outlives the process that started it.

    `pods_answer` is where it runs in a network of its own, so that stubs can listen on the addresses of pods. `audit`
    is a file to which the API server writes what our roles ask it for.
    """

    address = "127.0.0.1"
    """Where the API server answers."""

    def __init__(
        self,
        folder: Path,
        assets: Path,
        *,
        detached: bool = False,
        pods_answer: bool = False,
        audit: Path | None = None,
    ) -> None:
        self.folder = folder
        self._audit = audit
        self.assets = assets
        self.detached = detached
        self.pods_answer = pods_answer
        self.processes: dict[str, Process] = {}
        client, peer, self.port, kwok = free_ports(4)
        self._urls = {"client": f"http://127.0.0.1:{client}", "peer": f"http://127.0.0.1:{peer}"}
        self._kwok_address = f"127.0.0.1:{kwok}"
        self.kubeconfig = self.kubeconfig_of(ADMIN)
        self.api = self.client()

    def client(self) -> Api:
        """A client of one's own, for another thread, say."""
        return Api(self.port, self.folder / "certs" / "apiserver.crt", ADMIN_TOKEN, self.address)

    def kubeconfig_of(self, user: str) -> Path:
        return self.folder / f"{user.replace(':', '-')}.kubeconfig"

    def write_kubeconfig(self, path: Path, user: str, port: int) -> Path:
        """A kubeconfig of a user, for the API server or for what stands before it at another port."""
        path.write_text(json.dumps(self._kubeconfig(user, port), indent=1))
        path.chmod(0o600)
        return path

    def start(self, crds: Iterable[Mapping[str, Any]]) -> None:
        """Starts everything, and returns when nodes are ready."""
        try:
            self._start(crds)
        except BaseException:
            self.stop()
            raise

    def _start(self, crds: Iterable[Mapping[str, Any]]) -> None:
        self._start_control_plane(crds)
        self._launch("kwok", self._kwok())
        for node in nodes():
            expect(self.api.create("/api/v1/nodes", node), HTTPStatus.CREATED)
        wait_for("ready nodes", self._nodes_are_ready)

    def _start_control_plane(self, crds: Iterable[Mapping[str, Any]]) -> None:
        self._write_files()
        self._launch("etcd", self._etcd())
        self._launch("kube-apiserver", self._apiserver())
        self._wait_until_ready()
        self.install(crds)
        self._launch("kube-controller-manager", self._controller_manager())
        self._launch("kube-scheduler", self._scheduler())

    def install(self, crds: Iterable[Mapping[str, Any]]) -> None:
        """Installs CRDs, and returns when they are served."""
        for crd in crds:
            expect(self.api.apply(f"{CRDS}/{crd['metadata']['name']}", crd), HTTPStatus.OK, HTTPStatus.CREATED)
        for crd in crds:
            group, names = crd["spec"]["group"], crd["spec"]["names"]
            path = f"/apis/{group}/{crd['spec']['versions'][0]['name']}/{names['plural']}"
            wait_for(f"{path} to be served", lambda path=path: self.api.get(path).status == HTTPStatus.OK)

    def stop(self) -> None:
        """Stops everything that runs, in the order in which it can stop."""
        self.api.close()
        for name in STOP_ORDER:
            if name in self.processes:
                self.processes[name].stop()

    def restart(self, name: str) -> None:
        """Starts a component again that was killed or stopped, and returns when it works."""
        self.processes[name].stop()
        if name == "kwok":
            # A lease of the one that was killed would keep the new one waiting.
            self.api.delete("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
        self.processes[name].start()
        self._wait_until_ready()

    def _launch(self, name: str, arguments: list[str]) -> None:
        command = [str(self.assets / name), *arguments]
        self.processes[name] = Process(command, self.folder / f"{name}.log", detached=self.detached)
        self.processes[name].start()

    def _wait_until_ready(self) -> None:
        wait_for("the API server", lambda: self._complain_of_the_dead() and self.api.is_ready(), patience=60)

    def _complain_of_the_dead(self) -> bool:
        for name, process in self.processes.items():
            if not process.is_running():
                raise RuntimeError(f"{name} ended:\n{process.last_words()}")
        return True

    def _nodes_are_ready(self) -> bool:
        self._complain_of_the_dead()
        items = self.api.get("/api/v1/nodes").body["items"]
        return all(is_true(item, "Ready") for item in items)

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = (
            f'{self.token_of(user)},{user},{number},"{group}"' for number, (user, group) in enumerate(USERS.items())
        )
        (self.folder / "tokens.csv").write_text("\n".join(rows) + "\n")
        (self.folder / "sa.key").write_bytes(self._new_key())
        (self.folder / "audit.json").write_text(json.dumps(AUDIT))
        for user in USERS:
            self.write_kubeconfig(self.kubeconfig_of(user), user, self.port)
        for file in self.folder.iterdir():
            file.chmod(0o600)

    def _new_key(self) -> bytes:
        own = self.assets / "genkey"  # ready programs of somebody else's come without it
        command = [str(own)] if own.exists() else ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def token_of(self, user: str) -> str:
        """What a user shows to the API server."""
        return ADMIN_TOKEN if user == ADMIN else f"testbed-{user.replace(':', '-')}"

    def _kubeconfig(self, user: str, port: int) -> dict[str, Any]:
        authority = str(self.folder / "certs" / "apiserver.crt")
        cluster = {"server": f"https://{self.address}:{port}", "certificate-authority": authority}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "testbed", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self.token_of(user)}}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
            "current-context": "testbed",
        }

    def _etcd(self) -> list[str]:
        return [
            "--name=testbed",
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",
            "--log-level=error",
            f"--listen-client-urls={self._urls['client']}",
            f"--advertise-client-urls={self._urls['client']}",
            f"--listen-peer-urls={self._urls['peer']}",
            f"--initial-advertise-peer-urls={self._urls['peer']}",
            f"--initial-cluster=testbed={self._urls['peer']}",
        ]

    def _apiserver(self) -> list[str]:
        key = self.folder / "sa.key"
        return [
            f"--etcd-servers={self._urls['client']}",
            f"--bind-address={self.address}",
            f"--secure-port={self.port}",
            f"--advertise-address={self.address}",
            *self._apiserver_reach(),
            *self._apiserver_audit(),
            f"--cert-dir={self.folder / 'certs'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            "--service-cluster-ip-range=10.96.0.0/16",
        ]

    def _apiserver_reach(self) -> list[str]:
        return ["--endpoint-reconciler-type=none"]  # it would refuse a loopback address

    def _apiserver_audit(self) -> list[str]:
        policy = f"--audit-policy-file={self.folder / 'audit.json'}"
        # A file that is full would be given another name while others write to it.
        return [policy, f"--audit-log-path={self._audit}", "--audit-log-maxsize=10000"] if self._audit else []

    def _controller_manager(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig_of('system:kube-controller-manager')}",
            f"--root-ca-file={self.folder / 'certs' / 'apiserver.crt'}",
            f"--service-account-private-key-file={self.folder / 'sa.key'}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",  # with the default the controllers take four seconds to start
            "--kube-api-burst=1000",
        ]

    def _scheduler(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig_of('system:kube-scheduler')}",
            "--leader-elect=false",
            "--secure-port=0",
        ]

    def _kwok(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig_of('kwok')}",
            f"--config={SOURCE / 'stages.yaml'}",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--node-lease-duration-seconds=40",  # without it nodes are lost after 50 s
            "--cidr=10.244.0.0/16",
            "--node-ip=10.250.0.1",
            f"--server-address={self._kwok_address}",
        ]


def is_true(thing: Mapping[str, Any], condition: str) -> bool:
    """Whether a condition of an object is True."""
    conditions = thing.get("status", {}).get("conditions", [])
    return any(entry["type"] == condition and entry["status"] == "True" for entry in conditions)


def expect(answer: Any, *statuses: HTTPStatus) -> Any:
    """The answer's body; an assertion with the server's words where the status is another."""
    assert answer.status in statuses, f"{answer.status}: {answer.message}"
    return answer.body


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
