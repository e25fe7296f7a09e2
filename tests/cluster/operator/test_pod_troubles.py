"""What keeps the replicas of a model from serving, as real controllers say it: on the model, and gone when mended."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.cluster.operator.objects import condition, gone, status, url, wait_for_condition
from tests.cluster.operator.pods import complain, deploy, placed_model, recover, running_pod
from tests.cluster.operator.process import Operator
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect

pytestmark = pytest.mark.usefixtures("shared", "class_of_its_own")
KIND = "ModelDeployment"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
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


def deployment(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/m-cpu"


def try_again(bed: Bed, namespace: str) -> None:
    """Has the controllers make pods at once, who otherwise wait longer and longer."""
    path = deployment(namespace)
    change = {"spec": {"template": {"metadata": {"annotations": {"again": "yes"}}}}}
    expect(bed.api.merge(path, change), HTTPStatus.OK)


def test_a_replica_without_a_node_has_the_words_of_the_scheduler_and_runs_when_there_is_a_node(
    bed: Bed, namespace: str, says: Says, heals: Heals
) -> None:
    placed_model(bed.api, namespace, nodeSelector={"pool": namespace})
    message = says("Placed", "Unschedulable")
    assert message.startswith("the scheduler says: 0/")
    assert "didn't match Pod's node affinity/selector" in message
    node = "/api/v1/nodes/cpu-large-0"
    expect(bed.api.merge(node, {"metadata": {"labels": {"pool": namespace}}}), HTTPStatus.OK)
    try:
        heals()
    finally:
        bed.api.merge(node, {"metadata": {"labels": {"pool": None}}})


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
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    check = {"expression": "has(object.metadata.labels.owner)", "message": "say who owns the pod, by the label owner"}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [check]}
    policy = f"{ADMISSION}/validatingadmissionpolicies/{namespace}"
    mine = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    bound = {"policyName": namespace, "validationActions": ["Deny"], "matchResources": mine}
    binding = f"{ADMISSION}/validatingadmissionpolicybindings/{namespace}"
    for path, part in ((policy, spec), (binding, bound)):
        made = {"metadata": {"name": namespace}, "spec": part}
        expect(bed.api.create(path.rpartition("/")[0], made), HTTPStatus.CREATED)
    try:
        wait_for("the policy to be in force", lambda: _is_denied(bed, namespace))
        placed_model(bed.api, namespace)
        message = says("Placed", "AdmissionDenied")
        assert "say who owns the pod, by the label owner" in message
        assert message.endswith("; change spec.engine so that it is let in, or have the rule changed")
    finally:
        for path in (binding, policy):
            bed.api.delete(path)
    wait_for("the policy to be gone", lambda: not _is_denied(bed, namespace))
    try_again(bed, namespace)
    heals()


def _is_denied(bed: Bed, namespace: str) -> bool:
    pod = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    answer = bed.api.create(f"/api/v1/namespaces/{namespace}/pods", pod, "dryRun=All")
    return bool(answer.status == HTTPStatus.UNPROCESSABLE_ENTITY)


def test_pod_security_that_refuses_pods_is_told_until_it_is_relaxed(
    bed: Bed, namespace: str, says: Says, heals: Heals
) -> None:
    def enforce(level: str) -> None:
        labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}}
        expect(bed.api.merge(f"/api/v1/namespaces/{namespace}", labels), HTTPStatus.OK)

    enforce("restricted")
    placed_model(bed.api, namespace)
    message = says("Placed", "AdmissionDenied")
    assert message.startswith('no pod can be made: violates PodSecurity "restricted:latest": allowPrivilegeEscalation')
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
            'container "engine" cannot get its image "registry.example.com/engine:1": Back-off pulling it: not found',
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
    placed_model(bed.api, namespace, ready=False)
    pod = running_pod(bed.api, namespace)
    complain(bed.api, pod, state, restarts, last)
    assert says("Available", reason).startswith(words)
    assert condition(bed.api, KIND, namespace, "m", "Placed")["status"] == "True"
    recover(bed.api, pod)
    heals()


def test_one_replica_in_trouble_among_two_is_told_and_the_model_serves(bed: Bed, namespace: str) -> None:
    hardware = placed_model(bed.api, namespace, replicas=2)
    wait_for_condition(bed.api, KIND, namespace, "m", "Progressing", "UpToDate")
    path = f"/api/v1/namespaces/{namespace}/pods"
    first = expect(bed.api.get(path), HTTPStatus.OK)["items"][0]["metadata"]["name"]
    expect(
        bed.api.merge(f"{path}/{first}", {"metadata": {"annotations": {"modelfleet.dev/test-unready": "yes"}}}),
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
    assert status(bed.api, KIND, namespace, "m")["placedOn"] == hardware
    assert condition(bed.api, KIND, namespace, "m")["status"] == "True"


def test_a_model_whose_deployment_is_deleted_says_so_and_comes_back_with_it(
    bed: Bed, namespace: str, shared: Operator, heals: Heals
) -> None:
    hardware = placed_model(bed.api, namespace)
    heals()
    expect(bed.api.delete(deployment(namespace)), HTTPStatus.OK)
    assert (
        wait_for_condition(bed.api, KIND, namespace, "m", "Available", "Pending")["message"] == "no replica exists yet"
    )
    wait_for("no replicas", lambda: status(bed.api, KIND, namespace, "m")["replicas"] == 0)
    assert "placedOn" not in status(bed.api, KIND, namespace, "m")
    deploy(bed.api, namespace, hardware)
    heals()
    before = shared.metric("objects", kind="Pod")
    gone(bed.api, KIND, namespace, "m")
    wait_for("the pods to go with their model", lambda: shared.metric("objects", kind="Pod") < before)
