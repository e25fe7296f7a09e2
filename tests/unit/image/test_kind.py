"""`make e2e KIND=1`: what it lacks is said before anything is built, and a cluster is never left behind."""

import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import __main__ as e2e
from tests.e2e import kinds
from tests.testbed.api import Answer, Api


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def add(folder: Path, name: str, does: str = "exit 0") -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)


def test_it_says_what_is_missing_and_builds_nothing(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add(programs, "docker")
    monkeypatch.setenv("KIND", "1")
    monkeypatch.setattr(sys, "argv", ["e2e", "prepare", "--install"])
    monkeypatch.setattr(e2e, "built", lambda _: pytest.fail("it builds an image that nobody can use"))
    assert e2e.main() == 1
    assert "KIND=1 takes kind and kubectl: install what is missing" in capsys.readouterr().err


def test_a_docker_without_its_daemon_is_complained_of(programs: Path) -> None:
    for name in ("kind", "kubectl"):
        add(programs, name)
    add(programs, "docker", "exit 1")
    assert "`docker info` says what ails it" in kinds.lacking()
    add(programs, "docker")
    assert kinds.lacking() == ""


def test_a_cluster_that_cannot_be_made_leaves_nothing_and_one_that_was_left_goes_first(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = programs / "said"
    add(programs, "kind", f'echo "$@" >> {said}; [ "$1" = delete ] || {{ echo no space left >&2; exit 1; }}')
    monkeypatch.setenv("KIND_IMAGE", "kindest/node:v1.30.13")
    with pytest.raises(AssertionError, match="no space left"), kinds.kind_cluster():
        pytest.fail("there is no cluster")
    deleted, created, after = said.read_text().splitlines()
    assert created.startswith("create cluster --image kindest/node:v1.30.13 ")
    for line in (deleted, after):
        assert line.startswith("delete cluster ")
        assert line.endswith(f" --name {kinds.NAME}")


class Young(Api):
    """A cluster with one daemon and one deployment, as they were given."""

    def __init__(self, daemon: dict[str, Any], deployment: dict[str, Any]) -> None:
        self._has = {"daemonsets": daemon, "deployments": deployment}

    def get(self, path: str) -> Answer:
        return Answer(HTTPStatus.OK, {"items": [self._has[path.rpartition("/")[2]]]})


def test_a_cluster_is_waited_for_until_what_it_runs_itself_is_there() -> None:
    daemon = {"spec": {}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 1, "numberReady": 1}}
    deployment = {"spec": {"replicas": 2}, "status": {"observedGeneration": 1, "readyReplicas": 2}}
    assert kinds.at_rest(Young(daemon, deployment))
    # Nobody has looked at it yet, so that none of its pods is there to be counted.
    unseen = {"spec": {}, "status": {"desiredNumberScheduled": 0, "numberReady": 0}}
    assert not kinds.at_rest(Young(unseen, deployment))
    assert not kinds.at_rest(Young(daemon, {"spec": {"replicas": 2}, "status": {"observedGeneration": 1}}))
