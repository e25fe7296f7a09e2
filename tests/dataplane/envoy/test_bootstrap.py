"""An Envoy started with what `modelfleet bootstrap` prints, and nothing else."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

import pytest
import yaml
from click.testing import CliRunner

from modelfleet.cli.main import main
from modelfleet.compiler import compile_fleet
from modelfleet.envoy.bootstrap import Bootstrap
from modelfleet.findings import Key
from modelfleet.fleet.parse import parse_object
from modelfleet.fleet.snapshot import snapshot_of
from modelfleet.fleet.world import Endpoint, Gateway, World
from modelfleet.local.binary import find_envoy
from modelfleet.local.ports import reserve
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, chat, request
from tests.dataplane.support.controlplane import ControlPlane
from tests.dataplane.support.fleets import fleet, model, simple
from tests.dataplane.support.process import EnvoyProcess, wait_for
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream

NAME = "1e3"
"""A gateway that is called so, as a label may be, is still not a number."""
SOON_S = 10.0
"""Mostly it is a second or two. With what Envoy does by itself it would be up to half a minute after some restarts."""


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["bootstrap", "--gateway", NAME, *arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


class Scene:
    """An Envoy, two control planes whose addresses it was given, and a third address where nobody ever is."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self._upstream = upstream
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mf-")))
            self._listen, nobody = (stack.enter_context(reserve("127.0.0.1", 0)) for _ in range(2))
            self.planes = [ControlPlane(NAME, f"unix:{folder / name}") for name in ("xds-0", "xds-1")]
            for plane in self.planes:
                stack.callback(plane.stop)
            admin = str(folder / "admin")
            self.envoy = EnvoyProcess(find_envoy(None).path, Bootstrap(NAME, "", (), admin), folder, 1)
            stack.callback(lambda: self.envoy.ended or self.envoy.end(kill=True))
            xds = [str(nobody), *map(_path, self.planes)]
            text = printed("--node", "edge-0", "--admin", admin, *(word for one in xds for word in ("--xds", one)))
            (folder / "envoy.json").write_text(text, encoding="utf-8")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def serve(self, *planes: ControlPlane, name: str = "auto") -> None:
        """Publishes a fleet that answers to this name, and starts those that do not run."""
        world = World(
            gateways={NAME: Gateway(NAME, self._listen.host, self._listen.port, record="/dev/null")},
            endpoints={Key("ModelDeployment", "default", "small"): (Endpoint(*self._upstream.address),)},
        )
        policy = simple(name, "small")
        policy["spec"]["serves"]["gateways"] = [NAME]
        parsed = [parse_object(raw) for raw in yaml.safe_load_all(fleet(model("small"), policy))]
        plan = compile_fleet(snapshot_of(parsed, {}, world))
        for plane in planes:
            plane.publish(plan.gateways[NAME])
            if not plane.running:
                plane.start()

    def ask(self, name: str = "auto") -> Answer:
        return request(
            (self._listen.host, self._listen.port), "POST", CHAT, [("content-type", "application/json")], chat(name)
        )

    def kept(self) -> dict[str, str]:
        """The headers of an answer to a client that would keep its connection."""
        connection = HTTPConnection(self._listen.host, self._listen.port, timeout=10)
        try:
            connection.request("POST", CHAT, chat("auto"), {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            return {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    @property
    def used(self) -> ControlPlane:
        """The control plane that the Envoy is connected to."""
        told = self.envoy.ask("/clusters")[1].splitlines()
        (found,) = [plane for plane in self.planes if f"xds::{_path(plane)}::rq_active::1" in told]
        return found


def _path(plane: ControlPlane) -> str:
    return plane.address.removeprefix("unix:")


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ScriptedUpstream(chat_answer("engine")) as upstream, Scene(upstream) as scene:
        yield scene


def test_an_envoy_joins_its_gateway_and_serves_once_it_has_been_told_everything(scene: Scene) -> None:
    scene.envoy.start()
    wait_for(lambda: scene.envoy.ask("/ready")[0] != 0, "Envoy has begun")
    assert scene.envoy.ask("/ready")[0] == 503
    scene.serve(scene.planes[1])
    scene.envoy.wait_until_ready()
    assert (scene.ask().status, scene.used) == (200, scene.planes[1])
    assert scene.envoy.errors() == []


def test_where_one_control_plane_goes_away_another_takes_over_within_seconds(scene: Scene) -> None:
    scene.serve(*scene.planes)
    scene.envoy.start()
    scene.envoy.wait_until_ready()
    for turn in range(3):
        gone = scene.used
        (other,) = [plane for plane in scene.planes if plane is not gone]
        gone.stop()
        assert scene.ask(f"name-{turn - 1}" if turn else "auto").status == 200  # and meanwhile nobody notices
        scene.serve(other, name=f"name-{turn}")
        wait_for(lambda: scene.ask(f"name-{turn}").status == 200, "the edit is in force", SOON_S)  # noqa: B023
        scene.serve(gone, name=f"name-{turn}")


def test_an_envoy_that_is_drained_serves_on_and_sends_its_clients_elsewhere(scene: Scene) -> None:
    scene.serve(scene.planes[0])
    scene.envoy._command += ["--drain-strategy", "immediate"]
    scene.envoy.start()
    scene.envoy.wait_until_ready()
    assert "close" not in scene.kept().values()
    result = CliRunner().invoke(main, ["drain", "--admin", scene.envoy.bootstrap.admin])
    assert (result.exit_code, result.output) == (0, "")
    assert [scene.kept().get("connection") for _ in range(3)] == ["close"] * 3
    assert not scene.envoy.ended


@pytest.mark.parametrize("name", ["n", "yes", "1e3", "nan", "inf", "0x10", "null", "~"])
def test_envoy_reads_the_yaml_and_takes_no_name_for_a_number(name: str, tmp_path: Path) -> None:
    options = ("--xds", "localhost:18000", "--node", name, "--zone", name, "-o", "yaml")
    path = tmp_path / "envoy.yaml"
    path.write_text(printed(*options), encoding="utf-8")
    command = [str(find_envoy(None).path), "--mode", "validate", "-c", str(path), "--log-level", "error"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert found.returncode == 0, found.stderr
