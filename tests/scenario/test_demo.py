import os
import subprocess
from pathlib import Path

from tests.scenario.family import Family
from tests.scenario.support import PATIENCE_S, command, runtime_folders


def test_the_demo_shows_an_answer_and_why_and_leaves_nothing(tmp_path: Path) -> None:
    family = Family()
    folders = {"TMPDIR": tmp_path / "tmp", "XDG_STATE_HOME": tmp_path / "state", "HOME": tmp_path / "home"}
    for folder in folders.values():
        folder.mkdir()
    env = {**os.environ, **family.environment, **{name: str(folder) for name, folder in folders.items()}}
    done = subprocess.run(
        command("demo"), capture_output=True, text=True, timeout=2 * PATIENCE_S, env=env, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ready ")
    assert lines[1].startswith("answer ")
    for words in ("sim-frontier answers", 'the rule "legal" matched', "tier frontier", "rule no-context"):
        assert words in done.stdout
    assert not family.look()
    assert [path for folder in folders.values() for path in folder.rglob("*")] == []
    assert runtime_folders(tmp_path) == []
