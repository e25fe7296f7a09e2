"""What a cluster's own rules do to the pods of a namespace on their way in: they change them, or let none in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from tests.cluster.operator.pods import UNREADY
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import expect

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
NEW_PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
HELD = f'Object{{metadata: Object.metadata{{annotations: {{"{UNREADY}": "yes"}}}}}}'


@contextmanager
def changed_pods(api: Api, namespace: str, change: str, shows: Callable[[Any], bool]) -> Iterator[None]:
    """Changes each pod that is made from now on, by a CEL expression; `shows` tells it from one that is not."""
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": change}}
    spec = {"mutations": [mutation], "reinvocationPolicy": "Never"}
    with _in_force(api, namespace, "mutating", spec, {}, lambda answer: shows(expect(answer, HTTPStatus.CREATED))):
        yield


@contextmanager
def held_pods(api: Api, namespace: str) -> Iterator[None]:
    """Keeps each pod that is made meanwhile from becoming ready, until somebody lets it recover."""
    with changed_pods(api, namespace, HELD, lambda pod: UNREADY in pod["metadata"].get("annotations", {})):
        yield


@contextmanager
def refused_pods(api: Api, namespace: str, unless: str, words: str) -> Iterator[None]:
    """Lets no pod in of which a CEL expression does not hold, and says these words."""
    spec = {"validations": [{"expression": unless, "message": words}]}
    bound = {"validationActions": ["Deny"]}
    with _in_force(
        api, namespace, "validating", spec, bound, lambda answer: answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    ):
        yield


@contextmanager
def _in_force(
    api: Api,
    namespace: str,
    sort: str,
    spec: Mapping[str, Any],
    bound: Mapping[str, Any],
    strikes: Callable[[Any], bool],
) -> Iterator[None]:
    """A rule of the cluster for the pods of one namespace, from when it is in force until it is not any more."""
    name = f"{sort}-{namespace}"
    mine = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    policy, binding = (f"{ADMISSION}/{sort}admission{plural}" for plural in ("policies", "policybindings"))
    parts = {
        policy: {"matchConstraints": {"resourceRules": [NEW_PODS]}, **spec},
        binding: {"policyName": name, "matchResources": mine, **bound},
    }

    def is_in_force() -> bool:
        pod = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
        return strikes(api.create(f"/api/v1/namespaces/{namespace}/pods", pod, "dryRun=All"))

    for path, part in parts.items():
        expect(api.create(path, {"metadata": {"name": name}, "spec": part}), HTTPStatus.CREATED)
    try:
        wait_for("the rule to be in force", is_in_force)
        yield
    finally:
        for path in reversed(parts):
            api.delete(f"{path}/{name}")
        wait_for("the rule to be in force no more", lambda: not is_in_force())
