"""A real installation: what an upgrade keeps and renews, which certificates fit, and what is left when it goes."""

import base64
import shutil
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.helm import OLD
from tests.chart.installing import PLACE, everything, helm, installed, our_kinds
from tests.chart.rendering import CHART, RELEASE, Object
from tests.testbed.api import wait_for
from tests.testbed.bed import CRDS, Bed, expect

SECRETS = f"/api/v1/namespaces/{PLACE}/secrets"
HELM_TLS = {"tls": {"mode": "helm"}}
RENEW = "modelfleet.dev/renew-after"
FORCED = () if OLD else ("--force-conflicts",)
"""Only because a test makes somebody else write what time would make true. Helm 3 does not look who wrote what."""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as it may have been before: a kind of it lacked a name."""
    chart = tmp_path_factory.mktemp("older") / "modelfleet"
    shutil.copytree(CHART, chart)
    file = chart / "files" / "crds" / "modelfleet.dev_hardwareclasses.yaml"
    crd = yaml.safe_load(file.read_text())
    del crd["spec"]["names"]["shortNames"]
    file.write_text(yaml.safe_dump(crd))
    return chart


@pytest.fixture
def release(bed: Bed, older: Path) -> Iterator[None]:
    with installed(bed, HELM_TLS, older):
        yield


def upgrade(bed: Bed, *options: str, **values: Any) -> None:
    helm(bed, "upgrade", RELEASE, str(CHART), *options, values={**HELM_TLS, **values})


def end_soon(bed: Bed, name: str) -> None:
    """Makes a certificate look as it will after two thirds of its life."""
    due = {"metadata": {"annotations": {RENEW: "1000000000"}}}
    expect(bed.api.merge(f"{SECRETS}/{name}", due), HTTPStatus.OK)


def secret(bed: Bed, name: str) -> Object:
    found: Object = expect(bed.api.get(f"{SECRETS}/{name}"), HTTPStatus.OK)
    return found


def certificate(bed: Bed, name: str) -> str:
    return str(secret(bed, name)["data"]["tls.crt"])


@pytest.mark.usefixtures("release")
def test_an_upgrade_brings_new_kinds_keeps_certificates_and_makes_those_that_are_missing(bed: Bed) -> None:
    hardware = f"{CRDS}/hardwareclasses.modelfleet.dev"
    assert "shortNames" not in bed.api.get(hardware).body["spec"]["names"]
    before = {name: certificate(bed, name) for name in ("modelfleet-ca", "modelfleet-xds-tls")}
    upgrade(bed, gateways={"edge": {}})
    assert bed.api.get(hardware).body["spec"]["names"]["shortNames"] == ["hwc"]
    assert {name: certificate(bed, name) for name in before} == before
    assert secret(bed, "modelfleet-gateway-edge-tls")["data"]["ca.crt"] == before["modelfleet-ca"]


@pytest.mark.usefixtures("release")
def test_a_certificate_that_ends_soon_is_renewed_by_an_upgrade_and_one_that_was_deleted_is_made(bed: Bed) -> None:
    names = ("modelfleet-ca", "modelfleet-xds-tls", "modelfleet-gateway-default-tls")
    before = {name: certificate(bed, name) for name in names}
    end_soon(bed, "modelfleet-xds-tls")
    expect(bed.api.delete(f"{SECRETS}/modelfleet-gateway-default-tls"), HTTPStatus.OK)
    upgrade(bed, *FORCED)
    after = {name: certificate(bed, name) for name in names}
    assert [name for name in names if after[name] == before[name]] == ["modelfleet-ca"]
    assert int(secret(bed, "modelfleet-xds-tls")["metadata"]["annotations"][RENEW]) > 1_000_000_000


@pytest.mark.usefixtures("release")
def test_an_authority_that_ends_soon_takes_all_of_its_certificates_along(bed: Bed) -> None:
    end_soon(bed, "modelfleet-ca")
    before = certificate(bed, "modelfleet-xds-tls")
    upgrade(bed, *FORCED)
    assert certificate(bed, "modelfleet-xds-tls") != before
    assert secret(bed, "modelfleet-xds-tls")["data"]["ca.crt"] == certificate(bed, "modelfleet-ca")


def context(bed: Bed, folder: Path, name: str, purpose: ssl.Purpose) -> ssl.SSLContext:
    """One side, with what its Secret says."""
    for key, value in secret(bed, name)["data"].items():
        (folder / f"{name}-{key}").write_bytes(base64.b64decode(value))
    made = ssl.create_default_context(purpose, cafile=str(folder / f"{name}-ca.crt"))
    made.load_cert_chain(folder / f"{name}-tls.crt", folder / f"{name}-tls.key")
    made.verify_mode = ssl.CERT_REQUIRED
    return made


@pytest.mark.usefixtures("release")
def test_both_sides_know_each_other_by_the_names_of_the_contract(bed: Bed, tmp_path: Path) -> None:
    """A handshake of Python's own TLS, in memory."""
    serving = context(bed, tmp_path, "modelfleet-xds-tls", ssl.Purpose.CLIENT_AUTH)
    asking = context(bed, tmp_path, "modelfleet-gateway-default-tls", ssl.Purpose.SERVER_AUTH)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    client = asking.wrap_bio(to_client, to_server, server_hostname=f"modelfleet-xds.{PLACE}.svc")
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    names = (server.getpeercert() or {})["subjectAltName"]
    assert names == (("DNS", "default.gateway.modelfleet.dev"),)


def test_nothing_is_left_but_the_kinds_that_were_to_be_kept(bed: Bed) -> None:
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": PLACE}}), HTTPStatus.CREATED, HTTPStatus.CONFLICT)
    account = ("ServiceAccount", PLACE, "default")
    wait_for("the namespace to be furnished", lambda: account in everything(bed))
    before = everything(bed)
    with installed(bed, HELM_TLS):
        lease = {"metadata": {"name": "modelfleet-operator"}, "spec": {"holderIdentity": "an operator"}}
        expect(bed.api.create(f"/apis/coordination.k8s.io/v1/namespaces/{PLACE}/leases", lease), HTTPStatus.CREATED)
        wait_for("pods", lambda: any(kind == "Pod" and "xds" in name for kind, _, name in everything(bed)))
    wait_for("pods to be gone", lambda: not any(space == PLACE and kind == "Pod" for kind, space, _ in everything(bed)))
    kinds = {("CustomResourceDefinition", "", one["metadata"]["name"]) for one in our_kinds(bed)}
    services = {("APIService", "", "v1alpha1.modelfleet.dev")}
    wait_for("the rest to be gone", lambda: everything(bed) - before <= kinds | services)
    assert len(kinds) == 3


def test_kinds_go_where_they_were_not_to_be_kept(bed: Bed) -> None:
    with installed(bed, {**HELM_TLS, "crds": {"keep": False}}):
        assert len(our_kinds(bed)) == 3
    wait_for("the kinds to go, too", lambda: not our_kinds(bed), patience=90)


def test_whoever_installs_it_is_led_to_a_request_through_each_gateway(bed: Bed) -> None:
    values = {"gateways": {"edge": {"tls": {"secretName": "edge-tls"}}}}
    said = helm(bed, "install", "noted", str(CHART), "--dry-run=client", values=values)
    objects, _, notes = said.partition("\nNOTES:")
    default, edge = notes.split('ask the gateway "')[1:]
    assert default.startswith('default"')
    assert (
        "port-forward service/noted-modelfleet-gateway-default 8080:http\n  curl http://127.0.0.1:8080/v1/" in default
    )
    assert "port-forward service/noted-modelfleet-gateway-edge 8080:https\n  curl --insecure https://" in edge
    assert '"model": "chat"' in default.split("ask")[0]
    assert '"model": "chat"' not in edge  # which the sample does not name
    for name in ("default", "edge"):
        assert f"kind: Service\nmetadata:\n  name: noted-modelfleet-gateway-{name}\n" in objects
