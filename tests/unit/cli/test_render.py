import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from tests.support.documents import Document, model, policy

ROOT = Path(__file__).resolve().parents[3]
KEY = "sk-do-not-show-this"
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"token": KEY}}
HOSTED = "{engine: null, external: {url: 'https://api.example.com/v1', credentials: {secretRef: {name: %s, key: %s}}}}"


def render(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["render", "envoy", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def rendered(*documents: Document, options: tuple[str, ...] = ()) -> tuple[Result, list[Any]]:
    """What comes of these documents, by JSON."""
    result = render("-", "-o", "json", *options, stdin=yaml.safe_dump_all(documents))
    return result, json.loads(result.stdout)["resources"]


def names(resources: list[Any], kind: str) -> list[str]:
    return [resource["name"] for resource in resources if resource["type"].endswith(f".{kind}")]


def test_a_fleet_becomes_documents_in_the_order_of_type_and_name() -> None:
    result = render("-", stdin=yaml.safe_dump_all([policy(), model()]))
    shown = list(yaml.safe_load_all(result.stdout))
    assert (result.exit_code, result.stderr) == (0, "")
    assert all(list(one) == ["type", "name", "version", "resource"] for one in shown)
    order = [(one["type"], one["name"]) for one in shown]
    assert order == sorted(order)
    assert [name for kind, name in order if kind.endswith("ScopedRouteConfiguration")] == ["*|", "*|auto", "/default/p"]


def test_json_says_what_the_yaml_says() -> None:
    text = yaml.safe_dump_all([policy(), model(HOSTED % ("keys", "token")), SECRET])
    as_yaml = list(yaml.safe_load_all(render("-", stdin=text).stdout))
    assert json.loads(render("-", "-o", "json", stdin=text).stdout) == {"gateway": "default", "resources": as_yaml}


def test_what_is_packed_is_unpacked_and_a_struct_is_its_value() -> None:
    _, resources = rendered(policy(), model())
    listener = next(one for one in resources if one["type"].endswith(".Listener"))["resource"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["@type"] == "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = manager["http_filters"][-1]["typed_config"]
    assert (router["@type"], router["suppress_envoy_headers"]) == (
        "envoy.extensions.filters.http.router.v3.Router",
        True,
    )
    assert router["upstream_http_filters"][-1] == {
        "name": "codec",
        "typed_config": {"@type": "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"},
    }


def test_the_script_is_a_word_and_on_request_the_whole_text() -> None:
    _, short = rendered(policy(), model())
    _, long = rendered(policy(), model(), options=("--script",))
    texts = [
        next(one for one in shown if one["type"].endswith("TypedExtensionConfig"))["resource"]["typed_config"][
            "default_source_code"
        ]["inline_string"]
        for shown in (short, long)
    ]
    assert texts[0].startswith("(the script: ")
    assert f"{len(texts[1].encode())} bytes" in texts[0]
    assert "function envoy_on_request(" in texts[1]


def test_a_secret_is_hidden_to_its_version() -> None:
    result, resources = rendered(policy(), model(HOSTED % ("keys", "token")), SECRET)
    (secret,) = [one for one in resources if one["type"].endswith(".Secret")]
    assert secret == {
        "type": "envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "default/keys/token",
        "version": "(hidden)",
        "resource": "(hidden)",
    }
    assert KEY not in result.output
    assert KEY not in render("-", "--script", stdin=yaml.safe_dump_all([SECRET, model(), policy()])).output


def test_a_secret_that_is_not_among_the_manifests_is_taken_to_be_there() -> None:
    result, resources = rendered(policy(), model(HOSTED % ("elsewhere", "token")))
    assert result.exit_code == 0
    assert names(resources, "Secret") == ["default/elsewhere/token"]
    maker = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "keys"}}
    result, resources = rendered(policy(), model(HOSTED % ("keys", "token")), maker)
    assert (result.exit_code, names(resources, "Secret")) == (0, ["default/keys/token"])


def test_a_secret_that_is_there_and_of_no_use_refuses_its_model() -> None:
    broken = {**SECRET, "stringData": {"token": "two\nlines"}}
    result, resources = rendered(policy(), model(HOSTED % ("keys", "token")), broken)
    assert result.exit_code == 1
    assert "ModelDeployment default/m: error: spec.external.credentials.secretRef.key: entry" in result.stderr
    assert names(resources, "Secret") == []


def test_an_error_is_told_as_lint_tells_it_and_the_rest_is_rendered(tmp_path: Path) -> None:
    good = policy(name="good", serves={"models": ["good"]})
    bad = policy(name="bad", serves={"models": ["bad"]}, rules=[{"name": "a", "tier": "nowhere"}])
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump_all([model(), good, bad]))
    result = render(tmp_path)
    linted = CliRunner().invoke(main, ["lint", str(tmp_path)]).stdout
    assert (result.exit_code, result.stderr) == (1, linted)
    assert "|good" in result.stdout
    assert "|bad" not in result.stdout


def test_what_cannot_be_enforced_is_refused_and_never_ignored() -> None:
    result, resources = rendered(policy("affinity: {prefixBytes: 512}"), model())
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0].startswith("modelfleet render: no policy that can be in force names")
    assert "stdin:6:3: error: spec.affinity: this version checks the clause" in result.stderr
    assert names(resources, "ScopedRouteConfiguration") == ["*|"]
    assert names(resources, "Listener") == ["default"]


def test_a_warning_is_lint_s_business() -> None:
    result, _ = rendered(policy(), model("{engine: null, external: {url: 'http://models.example.com/v1'}}"))
    assert (result.exit_code, result.stderr) == (0, "")


def test_only_the_named_gateway_is_rendered() -> None:
    mine = policy(serves={"models": ["a"], "gateways": ["mine"]})
    result, resources = rendered(mine, model(), options=("--gateway", "mine"))
    assert (result.exit_code, names(resources, "Listener")) == (0, ["mine"])
    assert names(resources, "ScopedRouteConfiguration") == ["*|", "*|a", "/default/p"]
    result, resources = rendered(mine, model())
    assert "names the gateway default" in result.stderr
    assert (result.exit_code, names(resources, "Cluster")) == (0, ["gate"])


@pytest.mark.parametrize("option", ["--gateway", "--namespace"])
def test_a_name_that_no_object_could_have_is_told_as_the_option_s(option: str) -> None:
    result = render(option, "a b", "-", stdin="")
    assert result.exit_code == 2
    assert option in result.stderr


def test_an_absent_path_exits_2_and_the_rest_is_rendered_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump_all([model(), policy()]))
    result = render(tmp_path, tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr == f"modelfleet render: {tmp_path}/nowhere: does not exist\n"
    assert "*|auto" in result.stdout


def test_the_bytes_are_the_same_in_every_process_and_whatever_the_order_of_files(tmp_path: Path) -> None:
    when = {"headers": {f"x-{letter}": "1" for letter in "abcdefgh"}, "stream": True, "path": "/v1/*"}
    made = [model(), policy(rules=[{"name": "a", "when": when, "tier": "light"}])]
    for name, order in (("one", made), ("two", made[::-1])):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(order))
    told = {
        subprocess.run(
            [sys.executable, "-m", "modelfleet", "render", "envoy", tmp_path / f"{name}.yaml"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for name, seed in (("one", "1"), ("two", "2"), ("two", "3"))
    }
    assert len(told) == 1


def test_render_without_a_word_says_what_can_be_rendered() -> None:
    result = CliRunner().invoke(main, ["render", "--help"])
    assert "envoy" in result.stdout
    assert "kubernetes" in result.stdout
