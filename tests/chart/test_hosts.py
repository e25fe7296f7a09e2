"""The policy of the page that bounds where hosted models may be: a real API server enforces it, whatever is tried."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from tests.chart.installing import IDLE, installed
from tests.chart.rendering import ROOT
from tests.testbed.api import Answer, wait_for
from tests.testbed.bed import Bed, expect

POLICIES = "/apis/admissionregistration.k8s.io/v1"
PLURALS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
MODELS = "/apis/modelfleet.dev/v1alpha1/namespaces/default/modeldeployments"
LISTED = ("https://api.openai.com/v1", "https://api.anthropic.com")
ELSEWHERE = (
    "https://api.example.com/v1",
    "http://api.openai.com/v1",
    "https://api.openai.com:8443/v1",
    "https://API.OPENAI.COM/v1",
    "https://api.openai.com.example.com/v1",
    "https://xapi.openai.com/v1",
    "https://example.com/api.openai.com",
    "https://kubernetes.default.svc/api",
    "https://modelfleet-xds.modelfleet.svc:18000",
    "http://other-model.team-b.svc/v1",
    "http://127.0.0.1:9901/config_dump",
    "http://localhost:9901",
    "http://169.254.169.254/latest/meta-data",
    "http://[fd00:ec2::254]/latest",
    "https://[::1]/v1",
    "https://[::ffff:169.254.169.254]/v1",
    "https://2852039166/v1",
    "https://0x7f.1/v1",
    "https://10.0.0.1",
    "https://0.0.0.0",
)


@pytest.fixture(scope="module")
def policy(bed: Bed) -> Iterator[None]:
    """The chart, and what the page says to add."""
    page = (ROOT / "docs" / "install.md").read_text()
    (text,) = re.findall(r"```yaml\n(apiVersion: admissionregistration.*?)```", page, re.DOTALL)
    made = [(f"{POLICIES}/{PLURALS[one['kind']]}", one) for one in yaml.safe_load_all(text)]
    with installed(bed, IDLE):
        for path, one in made:
            expect(bed.api.create(path, one), HTTPStatus.CREATED)
        wait_for(
            "the policy to be in force", lambda: create(bed, ELSEWHERE[0]).status == HTTPStatus.UNPROCESSABLE_ENTITY
        )
        yield
        for path, one in reversed(made):
            bed.api.delete(f"{path}/{one['metadata']['name']}")


def create(bed: Bed, url: str = "") -> Answer:
    """What comes of a model at this address, or of one with an engine, without making it."""
    spec: dict[str, Any] = {
        "model": {"name": "m"},
        **({"external": {"url": url}} if url else {"engine": {"name": "sim"}}),
    }
    made = {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "m"}, "spec": spec}
    return bed.api.create(MODELS, made, "fieldValidation=Strict&dryRun=All")


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("url", ELSEWHERE)
def test_an_address_elsewhere_is_refused_by_the_policy_of_the_page(bed: Bed, url: str) -> None:
    answer = create(bed, url)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "spec.external.url: only hosts that the platform's team has listed" in answer.message


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("url", [*LISTED, ""])
def test_hosts_that_are_listed_and_engines_of_ones_own_are_taken(bed: Bed, url: str) -> None:
    assert create(bed, url).status == HTTPStatus.CREATED, create(bed, url).message
