import sys
from importlib import import_module

import click
import pytest
import yaml
from click.testing import CliRunner

from modelfleet import __version__
from modelfleet.cli.completion import SHELLS
from modelfleet.cli.main import COMMANDS, main


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_says_of_itself_what_the_list_says_of_it(name: str) -> None:
    command: click.Command = import_module(f"modelfleet.cli.{name}").command
    assert command.name == name
    assert command.help is not None
    assert command.help.startswith(COMMANDS[name])
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_the_list_of_commands_imports_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COMMANDS:
        monkeypatch.delitem(sys.modules, f"modelfleet.cli.{name}", raising=False)
    result = CliRunner().invoke(main, ["--help"])
    assert all(f"{name} " in result.stdout for name in COMMANDS)
    assert not any(f"modelfleet.cli.{name}" in sys.modules for name in COMMANDS)


def test_an_unknown_command_is_named() -> None:
    result = CliRunner().invoke(main, ["lnit"])
    assert result.exit_code == 2
    assert "'lnit'" in result.stderr


def test_the_version_is_the_package_s() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"modelfleet, version {__version__}\n"


def test_crds_prints_all_three_for_kubectl() -> None:
    documents = list(yaml.safe_load_all(CliRunner().invoke(main, ["crds"]).stdout))
    assert [document["spec"]["names"]["kind"] for document in documents] == [
        "HardwareClass",
        "ModelDeployment",
        "RoutingPolicy",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_a_script_of_the_shell(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_MODELFLEET_COMPLETE" in result.stdout
