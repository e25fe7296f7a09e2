"""A user adds a fleet with a certificate of his own by an upgrade: callers speak HTTPS to its Service."""

import base64
import json
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.e2e.cluster import wait_ready
from tests.e2e.conftest import Release
from tests.e2e.release import NAME, NAMESPACE, TENANT, VALUES
from tests.support.authority import Authority
from tests.testbed.api import wait_for
from tests.testbed.bed import expect

FLEET = "secure"
HOST = f"{NAME}-gateway-{FLEET}.{NAMESPACE}.svc"
POLICIES = f"/apis/modelfleet.dev/v1alpha1/namespaces/{TENANT}/routingpolicies"
POLICY = {
    "apiVersion": "modelfleet.dev/v1alpha1",
    "kind": "RoutingPolicy",
    "metadata": {"name": FLEET, "namespace": TENANT},
    "spec": {
        "serves": {"models": ["chat-secure"], "gateways": [FLEET]},
        "tiers": [{"name": "only", "models": [{"name": "chat-small"}]}],
    },
}

pytestmark = pytest.mark.alone


def test_a_fleet_with_a_certificate_waits_for_it_and_answers_by_https(release: Release, tmp_path: Path) -> None:
    cluster, authority = release.cluster, Authority(tmp_path, "ours")
    fleet = {"replicas": 1, "tls": {"secretName": FLEET}}
    release.helm.upgrade({**VALUES, "gateways": {"default": {}, FLEET: fleet}})
    expect(cluster.api.apply(f"{POLICIES}/{FLEET}", POLICY), HTTPStatus.OK, HTTPStatus.CREATED)
    pods = partial(cluster.pods, NAMESPACE, f"modelfleet.dev/gateway={FLEET}")
    events = f"/api/v1/namespaces/{NAMESPACE}/events?fieldSelector=reason=FailedMount"
    missing = f'secret "{FLEET}" not found'
    wait_for("the pod to wait", lambda: any(missing in one["message"] for one in cluster.api.get(events).body["items"]))
    issued = authority.issue(HOST)
    data = {"tls.crt": issued.cert, "tls.key": issued.key}
    secret = {
        "metadata": {"name": FLEET},
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(content).decode() for name, content in data.items()},
    }
    expect(cluster.api.create(f"/api/v1/namespaces/{NAMESPACE}/secrets", secret), HTTPStatus.CREATED)
    wait_ready(cluster, "the fleet with a certificate to be ready", pods, patience=120)
    cluster.delete_pod(TENANT, "first")
    cluster.wait_gone(TENANT, "first")
    url = f"https://{HOST}/v1/chat/completions"
    cluster.start_client(TENANT, "first", url, "chat-secure", "60", authority.pem.decode())
    wait_for("the answer", lambda: cluster.logs(TENANT, "first").strip(), patience=90)
    answer = json.loads(cluster.logs(TENANT, "first"))
    assert answer["status"] == HTTPStatus.OK, answer
    assert json.loads(answer["body"])["choices"]
    expect(cluster.api.delete(f"/api/v1/namespaces/{NAMESPACE}/secrets/{FLEET}"), HTTPStatus.OK)
