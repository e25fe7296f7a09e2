"""Where pods may be, what they may use, and how they come and go."""

import pytest

from modelfleet.fleet.labels import HARDWARE, MODEL, REGION, UNITS
from tests.support.documents import hardware_class
from tests.unit.workloads.made import children, engine, one, pod, share

ON_GPU = "{placement: {classes: [{name: gpu}]}}"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def test_a_pod_goes_only_to_nodes_with_every_label_of_its_class() -> None:
    gpu = hardware_class("{nodes: {selector: {pool: a, type: l4}}}")
    (term,) = pod(children(ON_GPU, gpu))["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": "pool", "operator": "In", "values": ["a"]},
        {"key": "type", "operator": "In", "values": ["l4"]},
    ]


def regions(spread: str) -> list[tuple[str, int]]:
    made = children(f"{{placement: {{classes: [{{name: gpu}}], regions: [c, a, b], spread: {spread}}}}}")
    affinity = pod(made)["affinity"]["nodeAffinity"]
    last = affinity[REQUIRED]["nodeSelectorTerms"][0]["matchExpressions"][-1]
    assert last == {"key": REGION, "operator": "In", "values": ["c", "a", "b"]}
    return [(one["preference"]["matchExpressions"][0]["values"][0], one["weight"]) for one in affinity[PREFERRED]]


def test_regions_bound_where_a_pod_may_be_and_their_order_says_where_it_had_better() -> None:
    assert regions("zone") == [("c", 100), ("a", 50)]


def test_where_replicas_are_spread_over_regions_their_order_only_breaks_a_tie() -> None:
    assert regions("region") == [("c", 100), ("a", 99), ("b", 98)]


def test_one_region_is_no_preference() -> None:
    made = children("{placement: {classes: [{name: gpu}], regions: [a]}}")
    assert list(pod(made)["affinity"]["nodeAffinity"]) == [REQUIRED]


def test_without_placement_any_node_will_do_and_nothing_is_asked_of_it() -> None:
    made = children(shares=(share("", 0),))
    assert not {"affinity", "topologySpreadConstraints"} & set(pod(made))
    assert "resources" not in engine(made)
    labels = one("Deployment", made)["spec"]["selector"]["matchLabels"]
    assert labels == {MODEL: "m", HARDWARE: ""}


@pytest.mark.parametrize(
    ("spread", "key"),
    [
        ("node", "kubernetes.io/hostname"),
        ("zone", "topology.kubernetes.io/zone"),
        ("region", "topology.kubernetes.io/region"),
    ],
)
def test_replicas_of_all_classes_are_spread_together(spread: str, key: str) -> None:
    (found,) = pod(children(f"{{placement: {{classes: [{{name: gpu}}], spread: {spread}}}}}"))[
        "topologySpreadConstraints"
    ]
    assert (found["topologyKey"], found["whenUnsatisfiable"]) == (key, "ScheduleAnyway")
    assert found["labelSelector"] == {"matchLabels": {MODEL: "m"}}


def test_nothing_is_spread_where_that_is_not_wanted() -> None:
    made = children("{placement: {classes: [{name: gpu}], spread: none}}")
    assert "topologySpreadConstraints" not in pod(made)


def test_taints_of_the_class_are_put_up_with_and_a_lost_node_for_half_a_minute() -> None:
    gpu = hardware_class("{nodes: {selector: {a: b}, tolerations: [{key: gpu, operator: Equal, value: ''}]}}")
    declared, *lost = pod(children(ON_GPU, gpu))["tolerations"]
    assert declared == {"key": "gpu", "operator": "Equal"}
    assert {(it["key"], it["effect"], it["tolerationSeconds"]) for it in lost} == {
        ("node.kubernetes.io/not-ready", "NoExecute", 30),
        ("node.kubernetes.io/unreachable", "NoExecute", 30),
    }


def test_a_class_that_says_how_long_a_node_may_be_lost_has_the_last_word() -> None:
    said = "{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 900}"
    gpu = hardware_class(f"{{nodes: {{selector: {{a: b}}, tolerations: [{said}]}}}}")
    found = pod(children(ON_GPU, gpu))["tolerations"]
    assert [it["tolerationSeconds"] for it in found if it["key"].endswith("unreachable")] == [900]


def test_a_pod_asks_for_its_units_and_is_bounded_in_all_but_the_processor() -> None:
    gpu = hardware_class("{unit: {resources: {nvidia.com/gpu: 1, cpu: '1.5', memory: 24Gi}}}")
    made = children(ON_GPU, gpu, shares=(share(units=4),))
    assert engine(made)["resources"] == {
        "requests": {"cpu": "6", "memory": "96Gi", "nvidia.com/gpu": "4"},
        "limits": {"memory": "96Gi", "nvidia.com/gpu": "4"},
    }
    assert one("Deployment", made)["spec"]["template"]["metadata"]["labels"][UNITS] == "4"


def test_devices_of_a_class_are_claimed_one_for_each_unit() -> None:
    annealer = hardware_class("{unit: {deviceClass: annealer.example.com, resources: {cpu: 2}}}")
    made = children(ON_GPU, annealer, shares=(share(units=2),))
    template = one("ResourceClaimTemplate", made)
    (request,) = template["spec"]["spec"]["devices"]["requests"]
    assert request["exactly"] == {"deviceClassName": "annealer.example.com", "count": 2}
    (claim,) = pod(made)["resourceClaims"]
    assert claim["resourceClaimTemplateName"] == template["metadata"]["name"]
    assert engine(made)["resources"]["claims"] == [{"name": claim["name"]}]


def test_a_class_of_nothing_but_devices_has_no_other_resources() -> None:
    made = children(ON_GPU, hardware_class("{unit: {deviceClass: annealer.example.com, resources: null}}"))
    assert list(engine(made)["resources"]) == ["claims"]


def test_a_pod_is_restricted_and_can_write_to_volumes_alone() -> None:
    made = children(ON_GPU)
    spec, container = pod(made), engine(made)
    security = spec["securityContext"]
    assert security["runAsNonRoot"]
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    paths = {it["name"]: it["mountPath"] for it in container["volumeMounts"]}
    assert paths == {"tmp": "/tmp", "cache": "/cache", "shm": "/dev/shm"}
    volumes = {it["name"]: it["emptyDir"] for it in spec["volumes"]}
    assert volumes["shm"] == {"medium": "Memory", "sizeLimit": "2Gi"}


def test_a_start_may_take_half_an_hour_and_a_rollout_longer_than_that() -> None:
    made = children(ON_GPU)
    startup = engine(made)["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 1800
    assert one("Deployment", made)["spec"]["progressDeadlineSeconds"] > 1800


def test_a_pod_that_goes_is_left_alone_first_and_its_streams_then_have_ten_minutes() -> None:
    made = children(ON_GPU)
    assert engine(made)["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    assert pod(made)["terminationGracePeriodSeconds"] == 610


@pytest.mark.parametrize("rollout", ["", ", rollout: {}", ", rollout: {surge: 1}"])
def test_no_replica_goes_before_its_successor_is_ready(rollout: str) -> None:
    strategy = one("Deployment", children(f"{{{ON_GPU[1:-1]}{rollout}}}"))["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_where_a_class_is_always_full_an_old_replica_goes_first() -> None:
    strategy = one("Deployment", children(f"{{{ON_GPU[1:-1]}, rollout: {{surge: 0}}}}"))["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def test_the_priority_is_the_model_s() -> None:
    assert "priorityClassName" not in pod(children(ON_GPU))
    made = children("{placement: {classes: [{name: gpu}]}, priorityClassName: interactive}")
    assert pod(made)["priorityClassName"] == "interactive"
