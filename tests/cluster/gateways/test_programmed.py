"""From an apply to what users get, and that the status says no more than that."""

import pytest

from tests.cluster.gateways.scene import Scene
from tests.cluster.operator.pods import pods
from tests.testbed.api import wait_for

pytestmark = pytest.mark.usefixtures("engines")

MINIMAL = """
apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: {name: chat-small}
spec: {model: {name: llama}, engine: {name: sim}, scale: {replicas: 2}}
---
apiVersion: modelfleet.dev/v1alpha1
kind: RoutingPolicy
metadata: {name: chat}
spec:
  serves: {models: [chat]}
  tiers: [{name: only, models: [{name: chat-small}]}]
"""


def content(scene: Scene) -> str:
    return str(scene.ask("chat").json()["choices"][0]["message"]["content"])


def test_a_policy_that_is_applied_is_in_force_and_says_so(scene: Scene, namespace: str) -> None:
    scene.start_xds()
    scene.start_operator()
    scene.start_envoy("gw-0")
    scene.apply(MINIMAL, namespace)
    said = scene.is_programmed("chat", namespace)
    found = scene.status("chat", namespace)
    assert said == f"acknowledged by 1 of 1 Envoy at revision {found['revision']}"
    assert (found["programmed"], found["gateways"][0]["acknowledged"]) == ("1/1", 1)
    answer = scene.answers("chat")
    assert answer.header_values("x-modelfleet-policy") == [f"{namespace}/chat"]
    addresses = {pod["status"]["podIP"] for pod in pods(scene.api, namespace)}
    assert len(addresses) == 2
    # A slice is written a moment after the last of its pods was ready.
    wait_for("both replicas to answer", lambda: {content(scene) for _ in range(20)} == addresses)
