"""A real API server takes all that the chart makes: no field is unknown, and the strictest admission has no warning."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest

from tests.chart.rendering import NAMESPACE, Object, Rendered, template
from tests.chart.valuesets import CASES, Case
from tests.testbed.bed import Bed, expect

LEVEL = "pod-security.kubernetes.io"
RESTRICTED = {f"{LEVEL}/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
ACCOUNTS = (*(f"modelfleet-{role}" for role in ("operator", "xds", "gateway")), "mine")
ACCOUNTS_OF_ANOTHER_NAME = tuple(f"fleet-{role}" for role in ("operator", "xds", "gateway"))


class Judged(NamedTuple):
    """What the API server said."""

    status: int
    message: str
    warnings: tuple[str, ...]


def judge(bed: Bed, method: str, path: str, body: Object) -> Judged:
    """Has an object looked at as if it were made."""
    connection = bed.api._connected()
    form = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
    headers = {"Authorization": f"Bearer {bed.api._token}", "Content-Type": form, "Accept": "application/json"}
    query = "dryRun=All&fieldValidation=Strict&fieldManager=chart" + ("&force=true" if method == "PATCH" else "")
    connection.request(method, f"{path}?{query}", json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    return Judged(response.status, str(answer.get("message", "")), tuple(response.headers.get_all("Warning", [])))


@pytest.fixture(scope="module")
def paths(bed: Bed) -> dict[tuple[str, str], tuple[str, bool]]:
    """Where each kind is, as the server tells it, and whether it is in namespaces."""
    groups = {"v1": "/api/v1"}
    for group in bed.api.get("/apis").body["groups"]:
        groups |= {version["groupVersion"]: f"/apis/{version['groupVersion']}" for version in group["versions"]}
    found = {}
    for version, path in groups.items():
        for kind in bed.api.get(path).body["resources"]:
            if "/" not in kind["name"]:
                found[version, kind["kind"]] = (f"{path}/{{}}{kind['name']}", kind["namespaced"])
    return found


@pytest.fixture(scope="module")
def place(bed: Bed) -> Iterator[None]:
    """The namespaces that values name, with the strictest admission, and the accounts that pods run as."""
    for name in (NAMESPACE, "team-a", "team-b", "team-c"):
        space = {"metadata": {"name": name, "labels": RESTRICTED}}
        expect(bed.api.create("/api/v1/namespaces", space), HTTPStatus.CREATED)
    for name in (*ACCOUNTS, *ACCOUNTS_OF_ANOTHER_NAME):
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
        expect(bed.api.create(path, {"metadata": {"name": name}}), HTTPStatus.CREATED)
    yield
    for name in (NAMESPACE, "team-a", "team-b", "team-c"):
        bed.api.delete(f"/api/v1/namespaces/{name}")


def objects(case: Case) -> Iterator[Object]:
    """All of the chart's, and the pods that come of them."""
    out: Rendered = template(case.values, *case.options)
    yield from out
    for name, pod in out.pods():
        yield {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {**pod["metadata"], "name": name}}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_everything_is_taken_without_a_warning(bed: Bed, paths: dict[Any, tuple[str, bool]], case: Case) -> None:
    for one in objects(case):
        form, namespaced = paths[one["apiVersion"], one["kind"]]
        about = one["metadata"]
        where = f"namespaces/{about.get('namespace', NAMESPACE)}/" if namespaced else ""
        said = judge(bed, "PATCH", f"{form.format(where)}/{about['name']}", one)
        assert said.status in (HTTPStatus.OK, HTTPStatus.CREATED), (one["kind"], about["name"], said)
        assert said.warnings == (), (one["kind"], about["name"])


@pytest.mark.usefixtures("place")
def test_the_admission_would_refuse_what_is_not_restricted(bed: Bed) -> None:
    pod = next(iter(template({}).pods()))[1]
    bad = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {**pod["metadata"], "name": "bad"}}
    bad["spec"] = {**pod["spec"], "hostNetwork": True}
    said = judge(bed, "PATCH", f"/api/v1/namespaces/{NAMESPACE}/pods/bad", bad)
    assert (said.status, "violates PodSecurity" in said.message) == (HTTPStatus.FORBIDDEN, True)
    unknown = {**bad, "spec": {**pod["spec"], "hostNetwerk": True}}
    assert (
        "hostNetwerk: field not declared"
        in judge(bed, "PATCH", f"/api/v1/namespaces/{NAMESPACE}/pods/bad", unknown).message
    )
