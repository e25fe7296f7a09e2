"""What is said of an error of the API server on the model whose object it keeps from being made."""

import pytest

from modelfleet.controllers.refusals import taken_by, trouble_of
from modelfleet.findings import Condition, Key
from modelfleet.kube.errors import KubeError, Unreachable, error_of

RUN = Key("Deployment", "x", "chat-cpu")
SCALED = Key("ScaledObject", "x", "chat")


def said(status: int, message: str, key: Key = RUN) -> tuple[str, str] | None:
    found = trouble_of(key, error_of(status, {"message": message, "reason": "Because"}, {}))
    assert found is None or found.condition is Condition.PLACED
    return (found.reason.value, found.message) if found else None


def test_the_words_of_the_server_come_without_the_name_that_is_said_already() -> None:
    words = 'deployments.apps "chat-cpu" is forbidden: exceeded quota: few, requested: pods=2'
    told = 'the Deployment "chat-cpu" cannot be made: exceeded quota: few, requested: pods=2; '
    fix = "lower scale.replicas or units, or have the ResourceQuota raised"
    assert said(403, words) == ("QuotaExceeded", told + fix)


@pytest.mark.parametrize(
    ("status", "message", "reason", "part"),
    [
        (403, 'admission webhook "a.b" denied the request: no', "AdmissionDenied", "have the rule changed"),
        (500, 'failed calling webhook "a.b": timeout', "AdmissionDenied", "failed calling webhook"),
        (422, "ValidatingAdmissionPolicy 'x' denied request: no", "AdmissionDenied", "have the rule changed"),
        (422, 'Deployment.apps "chat-cpu" is invalid: spec.x: no', "CreateFailed", "made: spec.x: no; correct what"),
        (400, "the body could not be read", "CreateFailed", "correct what it names"),
        (500, "failed to create typed patch object: .spec.x: field not declared in schema", "CreateFailed", ".spec.x"),
        (403, 'User "me" cannot create resource "x" in API', "CreateFailed", "may not create deployments.apps; grant"),
    ],
)
def test_what_lasts_is_said_with_what_to_do(status: int, message: str, reason: str, part: str) -> None:
    found = said(status, message)
    assert found
    assert found[0] == reason
    assert part in found[1]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "who are you"),
        (404, "no such thing"),
        (409, "somebody was faster"),
        (410, "too old"),
        (429, "later"),
        (500, "etcdserver: leader changed"),
        (503, "away"),
        (403, "unable to create new content in namespace x because it is being terminated"),
    ],
)
def test_what_passes_by_itself_is_not_said(status: int, message: str) -> None:
    assert said(status, message) is None
    assert trouble_of(RUN, Unreachable("no answer")) is None


def test_a_kind_that_is_not_there_is_told_from_a_namespace_that_is_not() -> None:
    found = said(404, "404 page not found", SCALED)
    assert found
    assert "install KEDA" in found[1]
    assert said(404, 'namespaces "x" not found', SCALED) is None


def test_a_name_that_is_taken_is_said_with_whose_it_is() -> None:
    error: KubeError = taken_by("belongs to StatefulSet db")
    found = trouble_of(Key("Service", "x", "chat"), error)
    assert found
    told = 'the name of the Service "chat" is taken: the one that is there belongs to StatefulSet db, and is left alone'
    assert (found.reason.value, found.message) == ("NameTaken", f"{told}; delete it, or name the model otherwise")
