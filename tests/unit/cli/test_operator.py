"""What `modelfleet operator` takes as a setting, before it asks any cluster."""

import pytest
from click.testing import CliRunner

from modelfleet.cli.main import main


@pytest.mark.parametrize("option", ["--namespace", "--secrets-namespace"])
@pytest.mark.parametrize("name", ["", "=team-a", "Team-A", "team_a", "team-a,team-b", "-a", "a-", "a" * 64])
def test_a_namespace_that_there_cannot_be_is_refused_by_the_name_of_its_option(option: str, name: str) -> None:
    result = CliRunner().invoke(main, ["operator", option, name])
    assert result.exit_code == 2
    assert f"Invalid value for {option!r}" in result.stderr.replace("'-n' / ", "")
    assert "must be a DNS label" in result.stderr or "must have at most 63 characters" in result.stderr
