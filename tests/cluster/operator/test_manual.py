"""What docs/operator.md promises: its rights are enough, a restart says nothing, options and metrics are as listed."""

import re
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from modelfleet.cli.operator import command
from modelfleet.sources.kinds import BY_KIND
from tests.cluster.keda import SCALED_OBJECT
from tests.cluster.operator.events import wait_for_event
from tests.cluster.operator.everything import (
    have_everything_made,
    use_everything,
    used,
)
from tests.cluster.operator.objects import (
    gone,
    hosted,
    is_ending,
    make,
    routed,
    url,
    wait_for_condition,
)
from tests.cluster.operator.pods import placed_model
from tests.cluster.operator.process import Operator, running
from tests.cluster.operator.secrets import keep, with_key
from tests.cluster.operator.writers import wait_until_still
from tests.sizes import scale
from tests.testbed.api import wait_for
from tests.testbed.bed import CRDS, Bed
from tests.testbed.faults import FaultProxy

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "operator.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The rows of the last table before the next heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = re.split(r"\n\|(?:---\|)+\n", section)[-1]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
def keda(bed: Bed) -> Iterator[None]:
    """A cluster that knows what KEDA's objects are."""
    bed.install([SCALED_OBJECT])
    yield
    bed.api.delete(f"{CRDS}/{SCALED_OBJECT['metadata']['name']}")
    served = BY_KIND["ScaledObject"].path()
    wait_for("the kind to go", lambda: bed.api.get(served).status == HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("single", [False, True], ids=["all namespaces", "single namespaces"])
@pytest.mark.usefixtures("keda")
def test_the_rights_that_the_page_lists_are_all_that_it_needs(
    bed: Bed, namespace: str, proxy: FaultProxy, single: bool
) -> None:
    # In a namespace that goes away nobody may make anything, whatever his rights.
    wait_for("other tests' namespaces to be gone", lambda: not is_ending(bed.api), patience=90)
    options = [f"--namespace={namespace}"] if single else []
    # It is the account of the chart, whose rights are the page's: tests/chart/test_rights.py.
    operator = Operator(proxy, "operator", *options, f"--secrets-namespace={namespace}")
    operator.start()
    try:
        operator.wait_until_ready()
        operator.wait_until_leading()
        use_everything(bed, namespace, shared=not single)
        have_everything_made(bed, namespace)
        assert operator.metric("rbac_denied_total") == 0
        assert operator.metric("writes_total", outcome="Forbidden") == 0
        assert operator.ask("/healthz")[0] == HTTPStatus.OK
    finally:
        operator.stop()
        for family in ("cpu", "gpu"):
            bed.api.delete(url("HardwareClass", "", f"{family}-{namespace}"))
    assert "Forbidden" not in operator.log_text()
    assert used(proxy) == granted(all_=not single)
    # What is to go may be gone before it is asked to.
    answers = {write.status for write in proxy.writes if (write.verb, write.status) != ("delete", HTTPStatus.NOT_FOUND)}
    assert answers <= {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT}


def granted(*, all_: bool) -> set[tuple[str, str]]:
    """Each verb that the page grants, with what it is for."""
    listed = rows("What it may do")
    pairs = {(verb, resource) for row in listed for verb in quoted(row[2]) for resource in quoted(row[0])}
    return pairs if all_ else {pair for pair in pairs if pair[1] != "hardwareclasses/status"}


def test_a_restart_tells_nothing_and_writes_nothing_but_its_lease(bed: Bed, namespace: str, proxy: FaultProxy) -> None:
    keep(bed.api, namespace, "keys", token="sesame")
    make(bed.api, with_key("keyed", namespace, "keys"), with_key("lost", namespace, "nowhere"))
    make(bed.api, hosted("frontier", namespace), routed("chat", namespace, "frontier", f"{namespace}/chat"))
    make(bed.api, routed("bad", namespace, "nobody", f"{namespace}/bad"))
    # What other tests' replicas leave on the nodes is a change of every class of these nodes.
    wait_for("other tests' namespaces to be gone", lambda: not is_ending(bed.api), patience=90)
    name = placed_model(bed.api, namespace)
    try:
        with running(proxy, "first"):
            wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Progressing", "UpToDate")
            for kind, model, wanted in (("ModelDeployment", "keyed", "True"), ("RoutingPolicy", "bad", "False")):
                wait_for_condition(bed.api, kind, namespace, model, "ResolvedRefs", wanted)
            wait_for_event(bed.api, namespace, "m", "Ready=True")
            wait_until_still(proxy)
        for restart in range(scale(2, 20)):
            with running(proxy, f"again-{restart}") as operator:
                wait_for("it to have looked", lambda op=operator: op.metric("compile_seconds_count") >= 1)
                time.sleep(1)
                assert operator.metric("findings", reason="SecretNotFound") >= 1
        later = [write for write in proxy.writes if write.client.startswith("again")]
        # Objects of namespaces that are going away are others' tests'.
        assert [write for write in later if write.resource != "leases" and write.namespace in (namespace, "")] == []
    finally:
        gone(bed.api, "HardwareClass", "", name)


def test_every_metric_is_on_the_page_with_its_labels(operator: Operator) -> None:
    listed = {quoted(name)[0]: set(quoted(labels)) for name, labels, _ in rows("Health and metrics")}
    series = re.findall(
        r"^(modelfleet_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$", operator.ask("/metrics")[1], re.MULTILINE
    )
    shown = {name: set(re.findall(r'(\w+)="', labels)) - {"le"} for name, labels in series if "_created" not in name}
    assert shown.keys() <= listed.keys()
    assert {name: labels for name, labels in listed.items() if name in shown} == shown
    families = set(re.findall(r"^# TYPE (modelfleet_\w+) ", operator.ask("/metrics")[1], re.MULTILINE))
    assert {name for name in families if not name.endswith("_created")} == listed.keys()


def test_every_option_is_on_the_page() -> None:
    text = PAGE.partition("\n## ")[0]
    listed = {option for cell in re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE) for option in quoted(cell)}
    assert listed | {"-h", "--help"} >= {option for parameter in command.params for option in parameter.opts}
    assert listed <= {option for parameter in command.params for option in parameter.opts}
