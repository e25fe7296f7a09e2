"""Kubeconfigs and service accounts, good ones and those that people really have."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet.findings import Unusable
from modelfleet.kube.client import Client
from modelfleet.kube.config import connect, home_namespace, load_configuration
from tests.unit.kube.serving import TOKEN, Reply, Stub, refusal, serving

SERVER = "https://cluster.example.com:6443"


def kubeconfig(server: str = SERVER, user: dict[str, Any] | None = None, **context: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"} | context}],
        "current-context": "x",
    }


@pytest.fixture
def use(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        path = nowhere / "kubeconfig"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        monkeypatch.setenv("KUBECONFIG", str(path))
        return path

    return write


@pytest.fixture
def pod(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a service account, as in a pod."""
    (nowhere / "token").write_text(f"{TOKEN}\n")
    (nowhere / "ca.crt").write_text("not looked into before the first request")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return nowhere


def authorization() -> str:
    return Client(load_configuration, "test").headers().get("Authorization", "")


def test_a_kubeconfig_says_where_and_who(use: Callable[[Any], Path]) -> None:
    use(kubeconfig())
    client = connect("modelfleet/1")
    assert client.server == SERVER
    assert client.headers() == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(client)


def test_a_user_with_a_password_is_sent_as_such(use: Callable[[Any], Path]) -> None:
    use(kubeconfig(user={"username": "me", "password": "1234"}))
    assert authorization() == "Basic bWU6MTIzNA=="


def test_the_usual_file_is_found_without_a_setting(nowhere: Path) -> None:
    (nowhere / ".kube").mkdir()
    (nowhere / ".kube" / "config").write_text(yaml.safe_dump(kubeconfig(namespace="n")))
    assert connect("test").server == SERVER
    assert home_namespace() == "n"


def test_several_kubeconfigs_are_merged_and_absent_ones_skipped(
    use: Callable[[Any], Path], nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = kubeconfig()
    users = {"apiVersion": "v1", "kind": "Config", "users": whole.pop("users")}
    first = use(whole)
    second = nowhere / "users"
    second.write_text(yaml.safe_dump(users))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(nowhere / "absent"), str(first), str(second)]))
    assert authorization() == f"Bearer {TOKEN}"


def test_a_pod_uses_its_service_account(pod: Path) -> None:
    assert pod.exists()
    client = connect("test")
    assert client.server == "https://[fd00::1]:443"
    assert client.headers() == {"Authorization": f"bearer {TOKEN}"}


def test_a_kubeconfig_comes_before_the_service_account(pod: Path, use: Callable[[Any], Path]) -> None:
    assert pod.exists()
    use(kubeconfig())
    assert connect("test").server == SERVER


def test_a_rotated_token_is_read_again(pod: Path) -> None:
    client = connect("test")
    (pod / "token").write_text("rotated")
    assert client.headers() == {"Authorization": f"bearer {TOKEN}"}  # for a minute, unless it is refused
    client.reload()
    assert client.headers() == {"Authorization": "bearer rotated"}


def plugin(folder: Path) -> Path:
    """A credential plugin that has a new token on each run, and says how often it ran."""
    path = folder / "plugin"
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib\n"
        f"runs = pathlib.Path({str(folder / 'runs')!r})\n"
        "number = int(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text(str(number))\n"
        "status = {'token': f'token-{number}', 'expirationTimestamp': '2000-01-01T00:00:00Z'}\n"
        "kind = {'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential'}\n"
        "print(json.dumps(kind | {'status': status}))\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def with_plugin(command: Path, server: str) -> dict[str, Any]:
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(command), "interactiveMode": "Never"}
    return kubeconfig(server=server, user={"exec": run})


def test_a_credential_plugin_runs_again_when_its_token_has_expired(use: Callable[[Any], Path], nowhere: Path) -> None:
    with serving(Stub(Reply({}))) as stub:
        use(with_plugin(plugin(nowhere), stub.url))
        client = connect("test")
        client.request("GET", "/x")
        client.request("GET", "/x")
        assert [asked.headers["Authorization"] for asked in stub.asked] == ["Bearer token-2", "Bearer token-3"]


def test_a_token_that_was_refused_is_read_from_the_kubeconfig_again(use: Callable[[Any], Path]) -> None:
    with serving(Stub(refusal(401, "Unauthorized", "Unauthorized"), Reply({"kind": "Thing"}))) as stub:
        use(kubeconfig(server=stub.url))
        client = connect("test")
        use(kubeconfig(server=stub.url, user={"token": "renewed"}))
        assert client.request("GET", "/x") == {"kind": "Thing"}
        assert [asked.headers["Authorization"] for asked in stub.asked] == [f"Bearer {TOKEN}", "Bearer renewed"]


def changed(**changes: Any) -> dict[str, Any]:
    return kubeconfig() | changes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("- a list", "no kubeconfig"),
        ("a: 1\nb: [", "line 2 is not YAML"),
        (f"users: [{{name: u, user: {{token: {TOKEN}}}}}\n\t", "is not YAML"),
        (changed(**{"current-context": "y"}), "y in"),
        (changed(clusters=[]), "name c"),
        (changed(clusters=[{"name": "c", "cluster": {}}]), "no http(s) server"),
        (kubeconfig(server="cluster.example.com"), "no http(s) server"),
        (changed(users=[]), "the user u has no credentials"),
        (changed(users=[{"name": "u", "token": TOKEN}]), "user"),
        (changed(users=[{"token": TOKEN}]), "name"),
        (kubeconfig(user={"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}}), "plugin"),
        (kubeconfig(user={"exec": {"command": "/nowhere/plugin"}}), "plugin"),
        (kubeconfig(user={"client-certificate": "/nowhere.crt", "client-key": "/nowhere.key"}), "/nowhere.crt"),
        (kubeconfig(user={"tokenFile": "/nowhere"}), "No such file"),
        (changed(contexts=[{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": ["n"]}}], users=7), ""),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_named_in_one_line_without_its_tokens(
    use: Callable[[Any], Path], content: Any, words: str
) -> None:
    path = use(content)
    with pytest.raises(Unusable) as caught:
        connect("test")
    said = str(caught.value)
    assert said.startswith(f"KUBECONFIG={path}: ")
    assert words in said
    assert said.isprintable()
    assert TOKEN not in said
    assert caught.value.__context__ is None


def test_a_setting_that_names_no_file_is_said(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(nowhere / "absent"))
    with pytest.raises(Unusable, match=r"KUBECONFIG=.*absent: there is no such file"):
        connect("test")


def test_a_setting_that_names_a_folder_is_said(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(nowhere))
    with pytest.raises(Unusable, match="Is a directory"):
        connect("test")


def test_without_any_cluster_the_setting_to_make_is_named() -> None:
    with pytest.raises(Unusable, match="set KUBECONFIG"):
        connect("test")


@pytest.mark.parametrize("name", ["token", "ca.crt"])
@pytest.mark.parametrize("content", ["", None])
def test_a_service_account_that_is_not_there_is_said(pod: Path, name: str, content: str | None) -> None:
    path = pod / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unusable, match="service account of this pod cannot be used: "):
        connect("test")


def test_home_is_the_pods_namespace_then_the_contexts_then_default(nowhere: Path, use: Callable[[Any], Path]) -> None:
    assert home_namespace() == "default"
    use(kubeconfig())
    assert home_namespace() == "default"
    use(kubeconfig(namespace="of-the-context"))
    assert home_namespace() == "of-the-context"
    (nowhere / "namespace").write_text("of-the-pod\n")
    assert home_namespace() == "of-the-pod"
