"""What fleets become in Envoy's words: each case shows the resources that it is about, the common ones once."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from modelfleet.cli.rendering import as_yaml
from tests.golden.files import check_golden

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "manifests" / "samples").glob("*.yaml"))
CASES = sorted((ROOT / "tests" / "golden" / "cases" / "envoy").glob("*.yaml"))
REFUSED = {"batch-and-interactive", "refused", "two-regions"}
"""Cases with something in them that is refused today."""

KINDS = {
    "clusters": "envoy.config.cluster.v3.Cluster",
    "endpoints": "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "routes": "envoy.config.route.v3.RouteConfiguration",
    "scopes": "envoy.config.route.v3.ScopedRouteConfiguration",
    "secrets": "envoy.extensions.transport_sockets.tls.v3.Secret",
}
"""Types of resources by the word under which a case asks to show them."""
LONGEST = 300


def render(path: Path, *options: str) -> Result:
    result = CliRunner().invoke(main, ["render", "envoy", path.relative_to(ROOT).as_posix(), *options])
    assert result.exit_code == (path.stem in REFUSED), result.output
    return result


def shown(text: str, kinds: list[str]) -> str:
    """The documents of these kinds, byte for byte, without what all gateways have alike."""
    wanted = {f"type: {KINDS[kind]}" for kind in kinds}
    documents = text.split("\n---\n")
    kept = [one.rstrip("\n") for one in documents if one.partition("\n")[0] in wanted and not _is_common(one)]
    return "\n---\n".join(kept) + "\n" if kept else ""


def _is_common(document: str) -> bool:
    name = document.split("\n")[1].removeprefix("name: ").strip("'")
    return name.startswith("/v1/models/") or name.endswith(("|", "/way")) or name == "gate"


def check(path: str, text: str, update_golden: bool) -> None:
    assert len(text.splitlines()) < LONGEST, f"{path} has too many lines for anybody to read"
    check_golden(f"envoy/{path}", text, update_golden)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_case_becomes_what_it_always_became(case: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (line,) = (line for line in case.read_text().splitlines() if line.startswith("# Shows: "))
    result = render(case)
    check(f"{case.stem}.yaml", shown(result.stdout, line.split()[2:]), update_golden)
    if case.stem in REFUSED:
        check(f"{case.stem}.txt", result.stderr, update_golden)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_becomes_what_it_always_became(
    sample: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    result = render(sample)
    parts = {"targets": ["clusters", "endpoints", "secrets"], "routes": ["routes"], "scopes": ["scopes"]}
    for name, kinds in parts.items():
        if text := shown(result.stdout, kinds):
            check(f"samples/{sample.stem}-{name}.yaml", text, update_golden)
    if sample.stem in REFUSED:
        check(f"samples/{sample.stem}-refused.txt", result.stderr, update_golden)


def test_what_all_policies_share_is_told_once(update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    resources = json.loads(render(CASES[0].with_stem("hosts"), "-o", "json").stdout)["resources"]
    lists = [one for one in resources if one["type"] in KINDS.values() and _is_common(f"\n{one['name']}")]
    ways = [one for one in lists if one["type"] == KINDS["clusters"]]
    check("common/ways.yaml", as_yaml(ways[:2]), update_golden)
    check("common/catalogues.yaml", as_yaml([one for one in lists if one not in ways]), update_golden)
    common = [one for one in resources if one["type"] not in KINDS.values()]
    manager: dict[str, Any] = _listener(common)["filter_chains"][0]["filters"][0]["typed_config"]
    for field in ("access_log", "local_reply_config"):
        check(f"common/{field}.yaml", as_yaml([{field: manager[field]}]), update_golden)
        manager[field] = f"(see {field}.yaml)"
    check("common/gateway.yaml", as_yaml(common), update_golden)


def _listener(resources: list[Any]) -> Any:
    return next(one["resource"] for one in resources if one["type"].endswith(".Listener"))
