import re
from pathlib import Path

from click.testing import CliRunner

from modelfleet.cli.main import main

README = Path(__file__).resolve().parents[3] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


def test_what_the_readme_shows_is_a_fleet_without_findings() -> None:
    result = CliRunner().invoke(main, ["lint", "-"], input="---\n".join(blocks("yaml")))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 objects" in result.stderr


def test_every_command_of_the_readme_exists() -> None:
    words = re.findall(r"modelfleet ([a-z]+)\b", " ".join(blocks("")))
    assert {"lint", "crds"} <= set(words)
    assert set(words) <= set(main.list_commands(None))  # type: ignore[arg-type]
