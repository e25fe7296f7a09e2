"""From the apply to the answer and the status, on a control plane in a network of its own.

`python -m tests.bench.programmed ROUNDS` is a process by itself, because there is no way back from that network. It
prints what it saw as one line of JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from tests.bench.sightings import (
    ACKED,
    ANSWERED,
    DEPLOYMENT,
    ENDPOINT,
    POD,
    PROGRAMMED,
    TOLD,
    Asker,
    Mark,
    Poll,
    Sightings,
    Watch,
)
from tests.bench.sized import Raw, sized_model, sized_policy
from tests.bench.sized_cluster import cluster
from tests.cluster.gateways.engines import Engines
from tests.cluster.gateways.scene import Scene
from tests.cluster.operator.objects import url
from tests.dataplane.support.answers import Answer
from tests.testbed.api import wait_for
from tests.testbed.bed import ADMIN, Bed, expect
from tests.testbed.faults import FaultProxy
from tests.testbed.namespace import enter_namespace

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "manifests" / "samples" / "minimal.yaml"
POLICIES, MODELS = 100, 20
NAMESPACE = "bench"
QUIET_S = 0.7
"""Between two rounds nothing is written and nothing acknowledged for so long."""
BEFORE_S = 0.05
"""So long is asked before the apply, so that connections are warm and what was served before is seen."""
WATCHED = (
    f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
    f"/api/v1/namespaces/{NAMESPACE}/pods",
    f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices",
    url("ModelDeployment", NAMESPACE),
    url("RoutingPolicy", NAMESPACE),
)
OF_POLICIES, OF_MODELS = (TOLD, ACKED, ANSWERED, PROGRAMMED), (DEPLOYMENT, POD, ENDPOINT)
APPLIED = "applied"
SAMPLED, EDITED = "a whole sample", "an edit of a policy"
STAGES = {
    SAMPLED: (APPLIED, TOLD, DEPLOYMENT, POD, ENDPOINT, ACKED, ANSWERED, PROGRAMMED),
    EDITED: (APPLIED, TOLD, ACKED, ANSWERED, PROGRAMMED),
}
"""What is seen in each scenario, in the order in which one thing follows from the other."""
NOT_POSSIBLE = 75
"""The exit status where the machine allows no network of one's own."""


class Straight(FaultProxy):
    """The way to the API server itself: a proxy would be part of the figures."""

    def kubeconfig(self, name: str, user: str = ADMIN) -> Path:
        return self._bed.write_kubeconfig(self._bed.folder / f"{name}.kubeconfig", user, self._bed.port)


@dataclass(frozen=True)
class Ground:
    """Where a round is played."""

    scene: Scene
    sightings: Sightings

    def play(self, scenario: str, generation: int, *objects: Raw) -> dict[str, float]:
        """Applies them, the policy last; the seconds since then at which each thing of the scenario was seen."""
        policy = objects[-1]
        name, asked = policy["metadata"]["name"], policy["spec"]["serves"]["models"][0]
        model = policy["spec"]["tiers"][0]["models"][0]["name"]
        marks = [Mark(what, name, generation) for what in STAGES[scenario] if what in OF_POLICIES]
        marks += [Mark(what, model) for what in STAGES[scenario] if what in OF_MODELS]

        def is_right(answer: Answer) -> bool:
            assert scenario == SAMPLED or answer.status == HTTPStatus.OK, answer
            return answer.status == HTTPStatus.OK and answer.header("x-modelfleet-model") == model

        self.sightings.wait_until_quiet(QUIET_S)
        with Asker(self.sightings, self.scene.address(), asked, is_right, Mark(ANSWERED, name, generation)) as asker:
            time.sleep(BEFORE_S)
            assert asker.wrong, "it was right before the apply"
            began = time.monotonic()
            self.scene.apply(objects, NAMESPACE)
            applied = time.monotonic()
            seen = self.sightings.wait(marks)
        return {APPLIED: applied - began} | {mark.what: at - began for mark, at in zip(marks, seen, strict=True)}

    def sample(self, turn: int) -> dict[str, float]:
        """The sample under names of its own, which goes again."""
        model, policy = (one for one in yaml.safe_load_all(SAMPLE.read_text()) if one["kind"] != "Namespace")
        model["metadata"] = {"name": f"small-{turn}"}
        policy["metadata"] = {"name": f"chat-{turn}"}
        policy["spec"]["serves"]["models"] = [f"chat-{turn}"]
        policy["spec"]["tiers"][0]["models"] = [{"name": f"small-{turn}"}]
        found = self.play(SAMPLED, 1, model, policy)
        for kind, name in (("RoutingPolicy", f"chat-{turn}"), ("ModelDeployment", f"small-{turn}")):
            expect(self.scene.api.delete(url(kind, NAMESPACE, name)), HTTPStatus.OK)
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=modelfleet.dev/model%3Dsmall-{turn}"
        wait_for("the pod to be gone", lambda: not self.scene.api.get(pods).body["items"])
        return found

    def edit(self, turn: int) -> dict[str, float]:
        """Another policy each time, until all have had their turn, which leads to the next model."""
        moved = turn // POLICIES + 1
        return self.play(EDITED, moved + 1, routed(turn % POLICIES, moved))


def routed(number: int, moved: int = 0) -> Raw:
    """A policy of the fleet, moved so many models on."""
    policy = sized_policy(number)
    policy["spec"]["tiers"][0]["models"] = [{"name": f"m{(number + moved) % MODELS}"}]
    return policy


@contextmanager
def ground(bed: Bed) -> Iterator[Ground]:
    """A fleet that is ready, with all that it takes, and eyes on it."""
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}), HTTPStatus.CREATED)
    account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"
    wait_for("the namespace's account", lambda: bed.api.get(account).status == HTTPStatus.OK)
    with ExitStack() as stack:
        stack.enter_context(Engines())
        scene = stack.enter_context(Scene(bed, Straight(bed)))
        found = Ground(scene, Sightings())
        for path in WATCHED:
            stack.enter_context(Watch(found.sightings, bed, path))
        scene.apply(map(sized_model, range(MODELS)), NAMESPACE)
        scene.apply(map(routed, range(POLICIES)), NAMESPACE)
        xds = scene.start_xds()
        scene.start_operator()
        scene.start_envoy()
        stack.enter_context(Poll(found.sightings, xds.metrics))
        found.sightings.wait(Mark(ENDPOINT, f"m{number}") for number in range(MODELS))
        found.sightings.wait(Mark(PROGRAMMED, f"p{number}", 1) for number in range(POLICIES))
        yield found


def measure(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Of each scenario what was seen in each round, in seconds since the apply."""
    found: dict[str, list[dict[str, float]]] = {SAMPLED: [], EDITED: []}
    with cluster() as bed, ground(bed) as at:
        for turn in range(rounds):
            began = time.monotonic()
            found[SAMPLED].append(at.sample(turn))
            found[EDITED].append(at.edit(turn))
            print(f"round {turn + 1} of {rounds} took {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return found


def measured(rounds: int) -> dict[str, list[dict[str, float]]] | None:
    """The same, from a process of its own. None where the machine does not allow it."""
    command = [sys.executable, "-m", "tests.bench.programmed", str(rounds)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == NOT_POSSIBLE:
        return None
    assert not done.returncode, f"it ended with {done.returncode}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    if not enter_namespace():
        sys.exit(NOT_POSSIBLE)
    print(json.dumps(measure(int(sys.argv[1]))))
