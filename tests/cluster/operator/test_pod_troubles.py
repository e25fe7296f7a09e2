"""What keeps the replicas of a model from serving, as real controllers say it: on the model, and gone when mended."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from modelfleet.workloads.options import OURS
from tests.cluster.operator.admission import changed_pods, held_pods, refused_pods
from tests.cluster.operator.objects import condition, gone, hardware, make, status, url, wait_for_condition
from tests.cluster.operator.pods import UNREADY, complain, deployment, own_model, placed_model, recover, running_pod
from tests.cluster.operator.process import Operator
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Rule, Status

pytestmark = pytest.mark.usefixtures("shared", "class_of_its_own")
KIND = "ModelDeployment"
LAST = {"exitCode": 1, "reason": "Error", "message": "cannot load the weights"}
KILLED = {"exitCode": 137, "reason": "OOMKilled"}

Says = Callable[[str, str], str]
Heals = Callable[[], None]


@pytest.fixture
def class_of_its_own(bed: Bed, namespace: str) -> Iterator[None]:
    """Takes away the class of hardware that a test has made: it belongs to no namespace."""
    yield
    bed.api.delete(url("HardwareClass", "", f"cpu-{namespace}"))


@pytest.fixture
def says(bed: Bed, namespace: str) -> Says:
    """The message of a condition of the model, once it gives this reason; Ready gives it too."""

    def said(type_: str, reason: str) -> str:
        wait_for_condition(bed.api, KIND, namespace, "m", type_, reason)
        found = {one["type"]: one for one in status(bed.api, KIND, namespace, "m")["conditions"]}
        assert found["Ready"]["reason"] == found[type_]["reason"] == reason
        assert found["Ready"]["message"] == found[type_]["message"]
        return str(found[type_]["message"])

    return said


@pytest.fixture
def heals(bed: Bed, namespace: str) -> Heals:
    """Waits until nothing is left of a trouble."""

    def whole() -> None:
        wait_for_condition(bed.api, KIND, namespace, "m", "Ready", "True")
        for type_, reason in (("Placed", "Placed"), ("Available", "Available"), ("Progressing", "UpToDate")):
            assert wait_for_condition(bed.api, KIND, namespace, "m", type_, reason)["reason"] == reason
        found = status(bed.api, KIND, namespace, "m")
        assert (found["replicas"], found["readyReplicas"], found["placedOn"]) == (1, 1, f"cpu-{namespace}")
        assert found["regions"][0]["readyReplicas"] == 1

    return whole


def try_again(bed: Bed, namespace: str) -> None:
    """Has the controllers make pods at once, who otherwise wait longer and longer."""
    path = deployment(namespace)
    change = {"spec": {"template": {"metadata": {"annotations": {"again": "yes"}}}}}
    expect(bed.api.merge(path, change), HTTPStatus.OK)


def test_a_replica_without_a_node_has_the_words_of_the_scheduler_and_runs_when_there_is_a_node(
    bed: Bed, namespace: str, says: Says, heals: Heals
) -> None:
    first, second = ("/api/v1/nodes/cpu-large-0", "/api/v1/nodes/cpu-large-1")
    label(bed, first, namespace)
    try:
        # Somebody else's pod, which no operator sees, leaves no room on the only node of the class.
        squatter = {"name": "a", "image": "a", "resources": {"requests": {"cpu": "20"}}}
        pod = {"metadata": {"name": "squatter"}, "spec": {"nodeName": "cpu-large-0", "containers": [squatter]}}
        expect(bed.api.create(f"/api/v1/namespaces/{namespace}/pods", pod), HTTPStatus.CREATED)
        half = hardware(f"cpu-{namespace}", {"pool": namespace})
        half["spec"]["unit"]["resources"]["cpu"] = "16"
        make(bed.api, half, own_model("m", namespace, f"cpu-{namespace}"))
        message = says("Placed", "Unschedulable")
        assert message.startswith("the scheduler says: 0/")
        assert "1 Insufficient cpu" in message
        label(bed, second, namespace)
        heals()
    finally:
        for node in (first, second):
            label(bed, node, None)


def label(bed: Bed, node: str, pool: str | None) -> None:
    """Makes a node one of the pool, or takes it out."""
    expect(bed.api.merge(node, {"metadata": {"labels": {"pool": pool}}}), HTTPStatus.OK)


def test_a_quota_that_is_used_up_is_named_with_its_numbers_until_it_is_raised(
    bed: Bed, namespace: str, says: Says, heals: Heals
) -> None:
    where = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = {"metadata": {"name": "compute"}, "spec": {"hard": {"requests.cpu": "500m"}}}
    expect(bed.api.create(where, quota), HTTPStatus.CREATED)
    used = f"{where}/compute"
    wait_for("the quota to be counted", lambda: bed.api.get(used).body.get("status", {}).get("hard"))
    placed_model(bed.api, namespace)
    message = says("Placed", "QuotaExceeded")
    assert message == (
        "no pod can be made: exceeded quota: compute, requested: requests.cpu=1, used: requests.cpu=0, limited:"
        " requests.cpu=500m; lower scale.replicas or units, or have the ResourceQuota raised"
    )
    expect(bed.api.merge(used, {"spec": {"hard": {"requests.cpu": "8"}}}), HTTPStatus.OK)
    wait_for("the quota to be raised", lambda: bed.api.get(used).body["status"]["hard"]["requests.cpu"] == "8")
    try_again(bed, namespace)
    heals()


def test_a_policy_of_the_cluster_that_refuses_pods_speaks_on_the_model(
    bed: Bed, namespace: str, says: Says, heals: Heals
) -> None:
    words = "say who owns the pod, by the label owner"
    with refused_pods(bed.api, namespace, "has(object.metadata.labels.owner)", words):
        placed_model(bed.api, namespace)
        message = says("Placed", "AdmissionDenied")
        assert words in message
        assert message.endswith("; change spec.engine so that it is let in, or have the rule changed")
    try_again(bed, namespace)
    heals()


def test_pod_security_that_refuses_pods_is_told_until_it_is_relaxed(
    bed: Bed, namespace: str, says: Says, heals: Heals
) -> None:
    def enforce(level: str) -> None:
        labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}}
        expect(bed.api.merge(f"/api/v1/namespaces/{namespace}", labels), HTTPStatus.OK)

    # What is made of a model may run anywhere; what others put into its pods may not.
    mesh = 'Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: "mesh", image: "mesh"}]}}'
    with changed_pods(bed.api, namespace, mesh, lambda pod: "initContainers" in pod["spec"]):
        enforce("restricted")
        placed_model(bed.api, namespace)
        message = says("Placed", "AdmissionDenied")
        refused = 'no pod can be made: violates PodSecurity "restricted:latest": allowPrivilegeEscalation'
        assert message.startswith(refused)
        assert 'container "mesh"' in message
        enforce("privileged")
        try_again(bed, namespace)
        heals()


@pytest.mark.parametrize(
    ("state", "restarts", "last", "reason", "words"),
    [
        (
            {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling it: not found"}},
            0,
            None,
            "ImagePullFailed",
            f'container "engine" cannot get its image "{OURS}": Back-off pulling it: not found',
        ),
        (
            {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}},
            4,
            {"terminated": LAST},
            "CrashLoop",
            'container "engine" ended with exit code 1 (cannot load the weights), started again 4 times: `kubectl logs',
        ),
        (
            {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}},
            2,
            {"terminated": KILLED},
            "OutOfMemory",
            'container "engine" was killed for taking more memory than its limit of 4Gi, started again 2 times: give',
        ),
        (
            {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "hub" not found'}},
            0,
            None,
            "ConfigError",
            'container "engine" cannot be started: secret "hub" not found; correct spec.engine, or add what is missing',
        ),
    ],
    ids=["image pull", "crash loop", "out of memory", "config error"],
)
def test_what_the_kubelet_complains_of_is_on_the_model_until_it_is_over(  # noqa: PLR0913, PLR0917
    bed: Bed,
    namespace: str,
    says: Says,
    heals: Heals,
    state: dict[str, Any],
    restarts: int,
    last: dict[str, Any] | None,
    reason: str,
    words: str,
) -> None:
    with held_pods(bed.api, namespace):
        placed_model(bed.api, namespace)
        pod = running_pod(bed.api, namespace)
    complain(bed.api, pod, state, restarts, last)
    assert says("Available", reason).startswith(words)
    assert condition(bed.api, KIND, namespace, "m", "Placed")["status"] == "True"
    recover(bed.api, pod)
    heals()


def test_one_replica_in_trouble_among_two_is_told_and_the_model_serves(bed: Bed, namespace: str) -> None:
    used = placed_model(bed.api, namespace, replicas=2)
    wait_for_condition(bed.api, KIND, namespace, "m", "Progressing", "UpToDate")
    path = f"/api/v1/namespaces/{namespace}/pods"
    first = expect(bed.api.get(path), HTTPStatus.OK)["items"][0]["metadata"]["name"]
    expect(
        bed.api.merge(f"{path}/{first}", {"metadata": {"annotations": {UNREADY: "yes"}}}),
        HTTPStatus.OK,
    )
    wait_for("one replica", lambda: status(bed.api, KIND, namespace, "m").get("readyReplicas") == 1)
    complain(bed.api, f"{path}/{first}", {"waiting": {"reason": "CrashLoopBackOff"}}, 3, {"terminated": LAST})

    def told() -> bool:
        return "exit code 1" in condition(bed.api, KIND, namespace, "m", "Available").get("message", "")

    wait_for("the trouble to be told", told)
    found = condition(bed.api, KIND, namespace, "m", "Available")
    assert found["status"] == "True"
    assert found["message"].startswith('1 of 2 replicas are ready; 1 of 2 replicas: container "engine" ended')
    assert status(bed.api, KIND, namespace, "m")["placedOn"] == used
    assert condition(bed.api, KIND, namespace, "m")["status"] == "True"


def test_a_model_whose_deployment_is_deleted_says_so_until_it_is_made_again(
    bed: Bed, namespace: str, shared: Operator, heals: Heals
) -> None:
    placed_model(bed.api, namespace)
    heals()
    before = expect(bed.api.get(deployment(namespace)), HTTPStatus.OK)["metadata"]["uid"]
    with shared.proxy.rule(Rule(Status(503), verb="patch", resource="deployments")):
        expect(bed.api.delete(deployment(namespace)), HTTPStatus.OK)
        found = wait_for_condition(bed.api, KIND, namespace, "m", "Available", "Pending")
        assert found["message"] == "no replica exists yet"
        wait_for("no replicas", lambda: status(bed.api, KIND, namespace, "m")["replicas"] == 0)
        assert "placedOn" not in status(bed.api, KIND, namespace, "m")
    heals()
    assert expect(bed.api.get(deployment(namespace)), HTTPStatus.OK)["metadata"]["uid"] != before
    pods = shared.metric("objects", kind="Pod")
    gone(bed.api, KIND, namespace, "m")
    wait_for("the pods to go with their model", lambda: shared.metric("objects", kind="Pod") < pods)
