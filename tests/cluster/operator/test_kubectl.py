"""What somebody sees who has nothing but kubectl: lists, descriptions, waiting, events."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.cluster.kubectl import kubectl, needs_kubectl
from tests.cluster.operator.admission import held_pods
from tests.cluster.operator.objects import gone, hardware, hosted, make, routed, url, wait_for_condition
from tests.cluster.operator.pods import own_model, placed_model, recover, running_pod
from tests.cluster.operator.process import Operator
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed

pytestmark = [needs_kubectl, pytest.mark.usefixtures("shared")]
Row = dict[str, str]
NEAR = 'spec.tiers[0].models[0].name: no ModelDeployment "frontierr" is declared (did you mean "frontier"?)'
MISSING = f"{NEAR}: correct the name, or add it"
NOWHERE = "spec.nodes.selector: no node has pool=nowhere: no node has a label pool; correct the selector, or label the"
UNLABELLED = "no node has the labels of the class, pool=nowhere"
POLICY = ["Accepted", "ResolvedRefs", "Conflicted", "Programmed", "Degraded", "Ready"]
COLUMNS = {
    "hardwareclass": ["NAME", "FAMILY", "MARKET", "READY", "REASON", "UNITS", "USED", "FREE", "UNIT-HOUR", "AGE"],
    "modeldeployment": ["NAME", "MODEL", "READY", "REASON", "REPLICAS", "UP", "ON", "COST/H", "AGE"],
    "routingpolicy": ["NAME", "MODELS", "READY", "REASON", "PROGRAMMED", "RUNG", "MODE", "AGE"],
}


@pytest.fixture
def fleet(bed: Bed, namespace: str, shared: Operator) -> Iterator[None]:
    """One of each kind that is well, and one that is not."""
    assert shared.leads()
    nowhere = f"none-{namespace}"
    make(bed.api, hosted("frontier", namespace), routed("good", namespace, "frontier", f"{namespace}/good"))
    make(bed.api, hardware(nowhere, {"pool": "nowhere"}), routed("bad", namespace, "frontierr", f"{namespace}/bad"))
    make(bed.api, own_model("waiting", namespace, nowhere))
    placed = placed_model(bed.api, namespace)
    for kind, name, wanted in (
        ("HardwareClass", placed, "True"),
        ("HardwareClass", nowhere, "False"),
        ("ModelDeployment", "frontier", "True"),
        ("ModelDeployment", "waiting", "Unschedulable"),
        ("RoutingPolicy", "good", "Unknown"),
        ("RoutingPolicy", "bad", "False"),
    ):
        wait_for_condition(bed.api, kind, "" if kind == "HardwareClass" else namespace, name, "Ready", wanted)
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Progressing", "UpToDate")
    yield
    for name in (placed, nowhere):
        bed.api.delete(url("HardwareClass", "", name))


def tables(text: str) -> dict[str, list[Row]]:
    """The tables of a list, by their kind; each row by the heads of its columns, which say where each begins."""
    found: dict[str, list[Row]] = {}
    for block in text.strip().split("\n\n"):
        head, *lines = block.splitlines()
        starts = [match.start() for match in re.finditer(r"\S+", head)]
        ends = [*starts[1:], None]
        for line in lines:
            row = {head[a:b].strip(): line[a:b].strip() for a, b in zip(starts, ends, strict=True)}
            kind, _, row["NAME"] = row.get("NAME", "").rpartition("/")
            found.setdefault(kind.partition(".")[0], []).append(row)
    return found


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row["NAME"]: row for row in rows}


def shown(row: Row, *columns: str) -> tuple[str, ...]:
    return tuple(row[column] for column in columns)


@pytest.mark.usefixtures("fleet")
def test_one_word_shows_everything_and_why_it_is_not_ready(bed: Bed, namespace: str) -> None:
    text = kubectl(bed, "get", "modelfleet", "-A")
    assert "<" not in text  # neither <none> nor <unknown>
    found = tables(text)
    for kind, columns in COLUMNS.items():
        assert [column for column in found[kind][0] if column != "NAMESPACE"] == columns
    # Other tests' namespaces may be on their way out.
    mine = {
        kind: [row for row in rows if row.get("NAMESPACE", namespace) in ("", namespace)]
        for kind, rows in found.items()
    }
    classes, models, policies = (by_name(mine[kind]) for kind in COLUMNS)
    cpu, nowhere = f"cpu-{namespace}", f"none-{namespace}"
    assert shown(classes[cpu], "FAMILY", "READY", "REASON", "UNIT-HOUR") == ("cpu", "True", "Ready", "0.34")
    assert shown(classes[nowhere], "READY", "REASON") == ("False", "NoMatchingNodes")
    assert shown(models["frontier"], "MODEL", "READY", "REASON") == ("m", "True", "Ready")
    assert shown(models["m"], "READY", "REASON", "REPLICAS", "UP", "ON") == ("True", "Ready", "1", "1", cpu)
    assert shown(models["waiting"], "READY", "REASON", "REPLICAS", "UP") == ("False", "Unschedulable", "1", "0")
    good = (f'["{namespace}/good"]', "Unknown", "NoGateway", "wanted", "Enforce")
    assert shown(policies["good"], "MODELS", "READY", "REASON", "RUNG", "MODE") == good
    assert shown(policies["bad"], "READY", "REASON") == ("False", "ModelNotFound")


@pytest.mark.usefixtures("fleet")
def test_the_wide_list_ends_each_line_with_what_is_to_be_done(bed: Bed, namespace: str) -> None:
    def wide(plural: str, *where: str) -> dict[str, Row]:
        text = kubectl(bed, "get", plural, "-o", "wide", *where)
        assert "<" not in text
        (rows,) = tables(text).values()
        return by_name(rows)

    policies, models = wide("rpol", "-n", namespace), wide("mdep", "-n", namespace)
    assert policies["bad"]["MESSAGE"] == MISSING
    assert policies["good"]["MESSAGE"].startswith("no gateway has reported yet: ")
    assert shown(models["m"], "WORK", "ENGINE", "MESSAGE") == ("inference", "sim", "1 of 1 replicas are ready")
    assert models["frontier"]["EXTERNAL"] == "https://api.example.com/v1"
    assert models["waiting"]["MESSAGE"].startswith("the scheduler says: 0/")
    assert f"none-{namespace}: {UNLABELLED}: label nodes, correct its selector, or" in models["waiting"]["MESSAGE"]
    classes = wide("hwc")
    cpu, nowhere = classes[f"cpu-{namespace}"], classes[f"none-{namespace}"]
    assert shown(cpu, "CURRENCY", "NODES", "MESSAGE") == ("USD", "3", "3 nodes of the class, 3 ready")
    assert shown(nowhere, "NODES", "MESSAGE") == ("0", f"{NOWHERE} nodes")


@pytest.mark.usefixtures("fleet")
def test_a_description_has_every_condition_and_ends_with_what_happened(bed: Bed, namespace: str) -> None:
    policy = described(bed, "rpol", "bad", namespace)
    assert [one["Type"] for one in policy] == POLICY
    assert policy[-1]["Message"] == policy[1]["Message"] == MISSING
    assert all(one["Message"] and one["Reason"] and one["Observed Generation"] == "1" for one in policy)
    model = described(bed, "mdep", "m", namespace)
    assert [one["Type"] for one in model][2:] == ["Placed", "Available", "Progressing", "Misplaced", "Ready"]
    text = kubectl(bed, "describe", "rpol", "bad", "-n", namespace)
    tail = text.partition("\nEvents:")[2]
    assert re.search(
        rf"Warning +ModelNotFound +\S+ +modelfleet +Ready=False: {re.escape(MISSING)}$", tail, re.MULTILINE
    )
    assert "Total: " in text.partition("Effective:")[2]  # what holds where the policy says nothing


def described(bed: Bed, kind: str, name: str, namespace: str) -> list[Row]:
    """The conditions of a description; each ends with its type."""
    text = kubectl(bed, "describe", kind, name, "-n", namespace).partition("  Conditions:\n")[2]
    rows: list[Row] = [{}]
    for field, value in re.findall(r"^    (\S[^:]*): +(.*)$", text.partition("\nEvents:")[0], re.MULTILINE):
        if "Type" in rows[-1]:
            rows.append({})
        rows[-1][field] = value
    return [row for row in rows if "Type" in row]


@pytest.mark.usefixtures("fleet")
def test_events_tell_each_change_on_the_object_that_it_is_about(bed: Bed, namespace: str) -> None:
    (rows,) = tables(kubectl(bed, "get", "events", "-n", namespace, "--field-selector", "source=modelfleet")).values()
    told = {shown(row, "OBJECT", "TYPE", "REASON", "MESSAGE") for row in rows}
    assert ("routingpolicy/bad", "Warning", "ModelNotFound", f"Ready=False: {MISSING}") in told
    waits = [text for *about, text in told if about == ["modeldeployment/waiting", "Warning", "Unschedulable"]]
    # Placed says so as well, unless that was what was found first.
    (why,) = [text for text in waits if text.startswith("Ready=False: the scheduler says: 0/")]
    assert UNLABELLED in why
    # Nobody needs to be told that nothing is known yet.
    assert "routingpolicy/good" not in {one[0] for one in told}
    make(bed.api, routed("bad", namespace, "frontier", f"{namespace}/bad"))
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "bad", "ResolvedRefs", "True")
    wait_for("the change to be told", lambda: "ResolvedRefs=True" in of_one(bed, namespace))
    assert f"Ready=False: {MISSING}" in of_one(bed, namespace)
    assert "frontier" not in of_one(bed, namespace).replace("frontierr", "").replace('"frontier"?', "")


def of_one(bed: Bed, namespace: str) -> str:
    return kubectl(bed, "events", "-n", namespace, "--for=routingpolicy.modelfleet.dev/bad")


def waiting(bed: Bed, *arguments: str) -> subprocess.Popen[str]:
    command = ["kubectl", f"--kubeconfig={bed.kubeconfig}", f"--cache-dir={bed.folder / 'kubectl'}", "wait", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_who_waits_for_readiness_is_told_when_it_comes(bed: Bed, namespace: str) -> None:
    with held_pods(bed.api, namespace):
        name = placed_model(bed.api, namespace)
        pod = running_pod(bed.api, namespace)
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "Starting")
    with waiting(bed, "mdep/m", "-n", namespace, "--for=condition=Ready", "--timeout=20s") as wait:
        recover(bed.api, pod)
        assert wait.communicate(timeout=30) == ("modeldeployment.modelfleet.dev/m condition met\n", "")
        assert wait.returncode == 0
    gone(bed.api, "HardwareClass", "", name)


def test_who_waits_after_an_edit_is_not_told_of_the_time_before_it(bed: Bed, namespace: str, shared: Operator) -> None:
    make(bed.api, hosted("frontier", namespace))
    kubectl(bed, "wait", "mdep/frontier", "-n", namespace, "--for=condition=Ready", "--timeout=20s")
    shared.freeze()
    make(bed.api, hosted("frontier", namespace, work="embedding"))
    with waiting(bed, "mdep/frontier", "-n", namespace, "--for=condition=Ready", "--timeout=1s") as wait:
        assert "timed out waiting for the condition" in wait.communicate(timeout=30)[1]
    shared.thaw()
    kubectl(bed, "wait", "mdep/frontier", "-n", namespace, "--for=condition=Ready", "--timeout=20s")
    gone(bed.api, "ModelDeployment", namespace, "frontier")


def test_who_waits_for_what_never_comes_can_wait_for_the_opposite(bed: Bed, namespace: str) -> None:
    make(bed.api, routed("chat", namespace, "nobody"))
    kubectl(bed, "wait", "rpol/chat", "-n", namespace, "--for=condition=Ready=False", "--timeout=20s")
    path = "jsonpath={.status.conditions[?(@.type=='ResolvedRefs')].reason}"
    assert kubectl(bed, "get", "rpol/chat", "-n", namespace, "-o", path) == "ModelNotFound"
