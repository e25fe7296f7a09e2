"""A cluster that is not there: a client of it, and an environment that names it."""

from pathlib import Path

import pytest
from kubernetes.client import Configuration

from modelfleet.kube.client import Client

SERVER = "http://127.0.0.1:1"
KUBECONFIG = f"""
apiVersion: v1
kind: Config
current-context: it
clusters: [{{name: it, cluster: {{server: "{SERVER}"}}}}]
contexts: [{{name: it, context: {{cluster: it, user: it}}}}]
users: [{{name: it, user: {{}}}}]
"""


def client() -> Client:
    """One for it."""
    return Client(lambda: Configuration(host=SERVER), "test")


def go_nowhere(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on whoever connects would ask that cluster."""
    path = folder / "kubeconfig"
    path.write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(path))
