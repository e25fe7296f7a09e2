import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelfleet.cli.main import main

MODEL = """\
apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: {name}}}
spec:
  model: {{name: m}}
  {served}
"""
GOOD = MODEL.format(name="good", served="engine: {name: sim}")
UNSAFE = MODEL.format(name="unsafe", served="external: {url: 'http://models.example.com/v1'}")
BAD = MODEL.format(name="bad", served="engine: {nam: sim}")


def lint(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["lint", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def test_a_good_file_is_passed_in_silence_but_for_the_summary(folder: Path) -> None:
    result = lint(folder)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "1 object in 1 file: 0 errors, 0 warnings\n"


def test_an_error_is_told_at_its_line_and_column_and_exits_1(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    result = lint(folder)
    assert result.exit_code == 1
    required, unknown = result.stdout.splitlines()
    assert required.startswith(f"{folder}/bad.yaml:6:3: error: spec.engine.name: is required: which engine")
    assert unknown == f'{folder}/bad.yaml:6:12: error: spec.engine.nam: is not a field here: did you mean "name"?'


def test_a_warning_exits_0_and_with_strict_it_is_an_error(folder: Path) -> None:
    (folder / "unsafe.yaml").write_text(UNSAFE)
    assert lint(folder).exit_code == 0
    assert "unsafe.yaml:6:14: warning: spec.external.url: " in lint(folder).stdout
    strict = lint("--strict", folder)
    assert strict.exit_code == 1
    assert "unsafe.yaml:6:14: error: spec.external.url: " in strict.stdout


def test_an_absent_path_exits_2_and_the_rest_is_linted_all_the_same(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    result = lint(folder, folder / "nowhere")
    assert result.exit_code == 2
    assert f"modelfleet lint: {folder}/nowhere: does not exist\n" in result.stderr
    assert "bad.yaml:6:12" in result.stdout


def test_standard_input_is_linted_as_a_file_is() -> None:
    result = lint("-", stdin=GOOD + "---\n" + BAD)
    assert result.exit_code == 1
    assert "stdin:13:12: error: spec.engine.nam: " in result.stdout


def test_a_broken_document_hides_no_finding_of_another(folder: Path) -> None:
    (folder / "torn.yaml").write_text(BAD + "---\nspec: {model: \n---\n" + UNSAFE)
    lines = lint(folder / "torn.yaml").stdout.splitlines()
    assert [line.split(":")[1] for line in lines] == ["6", "6", "9", "15"]
    assert "this is not YAML" in lines[2]


def test_json_output_is_one_object_with_all_that_the_text_says(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    output = json.loads(lint("-o", "json", folder).stdout)
    assert output["summary"] == {"files": 2, "objects": 2, "errors": 2, "warnings": 0}
    assert output["absent"] == []
    assert output["findings"][1] == {
        "file": f"{folder}/bad.yaml",
        "line": 6,
        "column": 12,
        "severity": "error",
        "path": "spec.engine.nam",
        "reason": "UnknownField",
        "message": 'is not a field here: did you mean "name"?',
        "object": {"kind": "ModelDeployment", "namespace": "default", "name": "bad"},
    }


def test_the_namespace_option_is_the_home_of_objects_that_name_none(folder: Path) -> None:
    named = GOOD.replace("{name: good}", "{name: good, namespace: team}")
    (folder / "named.yaml").write_text(named)
    assert lint(folder).exit_code == 0
    assert "ModelDeployment team/good is declared at" in lint("-n", "team", folder).stdout


def test_names_from_files_cannot_speak_to_the_terminal(folder: Path) -> None:
    (folder / "colour.yaml").write_text(GOOD + '  "\\e[31mred\\nline": 1\n')
    result = lint(folder / "colour.yaml")
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert result.stdout.count("\n") == 1
    assert r"spec[\x1b[31mred\nline]" in result.stdout


def test_a_list_is_linted_item_by_item(folder: Path) -> None:
    items = [json.loads(json.dumps({"apiVersion": "modelfleet.dev/v1alpha1", "kind": "HardwareClass"}))] * 2
    (folder / "list.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=1))
    lines = lint(folder / "list.json").stdout.splitlines()
    assert [line.split(" ", 2)[2].split(":")[0] for line in lines] == ["metadata", "spec"] * 2


def test_other_groups_are_skipped_also_where_their_kinds_have_our_names(folder: Path) -> None:
    foreign = BAD.replace("modelfleet.dev/v1alpha1", "example.com/v1")
    (folder / "foreign.yaml").write_text(foreign)
    assert lint(folder / "foreign.yaml").exit_code == 0


def test_no_path_is_a_mistake_that_is_explained() -> None:
    result = CliRunner().invoke(main, ["lint"])
    assert result.exit_code == 2
    assert "Missing argument 'PATH...'" in result.stderr


@pytest.mark.parametrize("namespace", ["", "Foo Bar", "-a", "a.b"])
def test_a_namespace_that_can_be_none_is_a_mistake_that_is_explained(folder: Path, namespace: str) -> None:
    result = lint("-n", namespace, folder)
    assert result.exit_code == 2
    assert "Invalid value for '-n' / '--namespace': must be a DNS label: lowercase letters" in result.stderr
    assert result.stdout == ""


def test_a_namespace_that_is_too_long_is_a_mistake_that_is_explained(folder: Path) -> None:
    assert lint("-n", "x" * 63, folder).exit_code == 0
    result = lint("-n", "x" * 64, folder)
    assert result.exit_code == 2
    assert "'--namespace': must have at most 63 characters" in result.stderr


def test_an_empty_list_of_ours_is_no_unknown_kind(folder: Path) -> None:
    (folder / "list.yaml").write_text("apiVersion: modelfleet.dev/v1alpha1\nkind: RoutingPolicyList\n")
    assert lint(folder).exit_code == 0


def test_a_kind_of_others_that_ends_in_list_is_skipped(folder: Path) -> None:
    (folder / "list.yaml").write_text("apiVersion: example.com/v1\nkind: AllowList\nitems: [a, b]\n")
    assert lint(folder).exit_code == 0


def test_the_output_is_the_same_in_every_order_of_the_paths(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    (folder / "link").symlink_to(folder / "bad.yaml")
    paths = [folder / "bad.yaml", folder / "link", folder / "nowhere", folder / "nothing"]
    assert lint(*paths).output == lint(*reversed(paths)).output


def test_absent_paths_cannot_speak_to_the_terminal(folder: Path) -> None:
    assert f"{folder}/\\x1b[31m: does not exist\n" in lint(folder / "\x1b[31m").stderr
