"""What `up` says of edits, and what it serves meanwhile. No process runs: a file is a text, and a gateway is a dict."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.envoy.resource import XdsResource
from modelfleet.findings import Key
from modelfleet.fleet.world import Endpoint, Gateway
from modelfleet.local.children import Children
from modelfleet.local.edits import MOST_LINES
from modelfleet.local.engines import Secrets
from modelfleet.local.fleet import LocalFleet
from modelfleet.local.replicas import Replicas
from modelfleet.local.rows import rows
from tests.support.documents import Document, model, policy

P = "RoutingPolicy default/p"
M = Key("ModelDeployment", "default", "m")


class NoReplicas(Replicas):
    """Runs nothing. `late` are the models whose processes take their time."""

    def __init__(self) -> None:
        super().__init__(Children(lambda *_: None))
        self.late: set[Key] = set()

    def settle(self, models: Iterable[ModelDeployment], secrets: Secrets) -> None:
        pass

    def endpoints(self) -> dict[Key, tuple[Endpoint, ...]]:
        return {}

    def behind(self) -> set[Key]:
        return self.late


@dataclass
class Fleet:
    """A folder that is served, and what was said of the last edit."""

    folder: Path
    said: list[str] = field(default_factory=list)
    published: tuple[XdsResource, ...] = ()

    def __post_init__(self) -> None:
        self.replicas = NoReplicas()
        paths, gateway = [str(self.folder)], Gateway("default")
        self.local = LocalFleet(paths, "default", gateway, self._publish, self.replicas, self.said.append)

    def _publish(self, _: str, resources: tuple[XdsResource, ...]) -> bool:
        before, self.published = self.published, resources
        return before != resources

    def start(self, *documents: Document) -> None:
        self.edit(*documents)
        self.local.begin()

    def edit(self, *documents: Document | str, name: str = "a", refused: tuple[Key, ...] = ()) -> list[str]:
        """Writes a file; gives what is said until the gateway has taken what comes of it, places left out."""
        texts = (it if isinstance(it, str) else yaml.safe_dump(it, sort_keys=False) for it in documents)
        (self.folder / f"{name}.yaml").write_text("---\n".join(texts))
        return self.look(refused)

    def look(self, refused: tuple[Key, ...] = ()) -> list[str]:
        self.said.clear()
        self.local.read()
        self.local.compile()
        self.local.taken(refused)
        return [line.replace(f"{self.folder}/", "") for line in self.said]

    def revision(self, name: str = "p") -> str:
        assert self.local.plan
        return self.local.plan.revisions[Key("RoutingPolicy", "default", name)]

    def table(self) -> list[str]:
        assert self.local.plan
        return [row.policy for row in rows(self.local.plan.in_force, "default", {}, {})]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


SLOW, SLOWER = policy("timeouts: {total: 5s}"), policy("timeouts: {total: 6s}")
NO_MODEL = policy("tiers: [{name: light, models: [{name: nope}]}]")


def test_a_copy_that_is_broken_takes_nothing_down_and_is_told_with_both_places(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    said = fleet.edit(policy(tiers=[]), name="A")
    assert f"{P}: is declared in A.yaml, too: what a.yaml says counts" in said
    assert any(line.startswith("A.yaml:") and "error: spec.tiers" in line for line in said)
    assert any(line.startswith("a.yaml:") and "is declared at" in line and "A.yaml:1 already" in line for line in said)
    assert fleet.table() == ["default/p"]


def test_an_error_of_the_text_is_said_once_and_changes_nothing(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    before, text = fleet.revision(), yaml.safe_dump(SLOW, sort_keys=False)
    said = fleet.edit(model(), f"{text}spec: {{}}\n")
    assert said[0] == "a.yaml: has an error in its text: its last good objects stay"
    assert len([line for line in said if "the key" in line]) == 1
    assert said[-1] == f"{P}: its last good version stays in force"
    assert fleet.revision() == before


def test_what_is_removed_is_told(fleet: Fleet) -> None:
    fleet.start(model(), policy(), policy("serves: {models: [b]}", name="b"))
    assert fleet.edit(model(), policy()) == ["RoutingPolicy default/b: is no longer declared, removed"]


def test_of_many_that_are_removed_one_line_tells(fleet: Fleet) -> None:
    many = [model(name=f"m{number}") for number in range(MOST_LINES + 1)]
    fleet.start(model(), *many)
    said = fleet.edit(model())
    assert said == [f"ModelDeployment default/m0 and {MOST_LINES} more: are no longer declared, removed"]


# Policies of other gateways.


def test_a_policy_of_another_gateway_is_told_and_is_no_row(fleet: Fleet) -> None:
    elsewhere = policy("serves: {models: [auto], gateways: [edge, inner]}")
    said = fleet.edit(model(), elsewhere)
    assert said == [f"{P}: spec.serves.gateways names edge, inner, and `up` serves only default: add default"]
    assert fleet.table() == []
    assert fleet.edit(model(), policy("serves: {models: [auto], gateways: [edge, default]}")) == []
    assert fleet.table() == ["default/p"]


# What is over.


def test_an_error_of_a_text_that_is_gone_is_not_told_again(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    assert any("nope" in line for line in fleet.edit(model(), NO_MODEL))
    said = fleet.edit(model(), policy(tiers=[]))
    assert any("error: spec.tiers" in line for line in said)
    assert not any("nope" in line for line in said)
    # Neither where the text is cut off.
    fleet.edit(model(), NO_MODEL)
    assert fleet.edit(model(), "kind: {\n")[0].endswith("cannot be read to its end: its last good objects stay")
    assert not any("nope" in line for line in fleet.said)


def test_what_only_a_fleet_that_serves_can_find_is_told(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    said = fleet.edit(model("{engine: null, external: {url: 'https://api.example.com/v1'}}"), policy())
    assert any(line.startswith(f"{M}: error: spec") for line in said)


# What is in force.


def test_nothing_is_said_of_a_start(fleet: Fleet) -> None:
    assert fleet.edit(model(), policy()) == []
    fleet.local.begin()
    assert fleet.look() == []


def test_an_edit_is_told_when_it_is_in_force_and_only_once(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    assert fleet.edit(model(), SLOW) == [f"{P}: revision {fleet.revision()} is in force"]
    assert fleet.look() == []
    # A name that it serves is no part of the plan that has the revision.
    said = fleet.edit(model(), policy("{serves: {models: [auto, b]}, timeouts: {total: 5s}}"))
    assert said == [f"{P}: revision {fleet.revision()} is in force"]


def test_what_the_gateway_refused_is_not_in_force(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    key = Key("RoutingPolicy", "default", "p")
    assert fleet.edit(model(), SLOW, refused=(key,)) == []
    assert fleet.look() == [f"{P}: revision {fleet.revision()} is in force"]


def test_a_policy_that_came_too_late_for_its_name_is_blamed_and_not_said_to_be_in_force(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    (only,) = fleet.edit(model(), policy(), policy(name="aaa"))
    assert only.startswith("RoutingPolicy default/aaa: error: spec.serves.models[0]: ")
    assert "is served by RoutingPolicy default/p already" in only


def test_a_model_is_in_force_when_its_processes_are_all_there(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    fleet.replicas.late = {M}
    assert fleet.edit(model("scale: {replicas: 2}"), policy()) == []
    fleet.replicas.late = set()
    assert fleet.look() == [f"{M}: what it says now is in force"]


def test_of_many_edits_at_once_one_line_tells(fleet: Fleet) -> None:
    def policies(total: int) -> list[Document]:
        made = range(MOST_LINES + 1)
        return [policy(f"{{serves: {{models: [x{it}]}}, timeouts: {{total: {total}s}}}}", name=f"p{it}") for it in made]

    fleet.start(model(), *policies(5))
    assert fleet.edit(model(), *policies(6)) == [f"RoutingPolicy default/p0 and {MOST_LINES} more: are in force"]


def test_what_had_an_error_and_has_none_is_mended(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    fleet.edit(model(), NO_MODEL)
    assert fleet.edit(model(), policy()) == [f"{P}: is mended"]
    fleet.edit(model(), policy(tiers=[]))
    said = fleet.edit(model(), SLOWER)
    assert said == [f"{P}: is mended", f"{P}: revision {fleet.revision()} is in force"]


def test_a_file_that_can_be_read_again_is_mended(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    fleet.edit("")
    assert fleet.edit(model(), policy()) == ["a.yaml: is mended"]


def test_what_cannot_be_read_any_more_is_not_mended(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    fleet.edit(model(), policy(tiers=[]))
    assert fleet.edit("") == ["a.yaml: is empty: its last good objects stay"]
    assert fleet.edit(model(), policy()) == ["a.yaml: is mended", f"{P}: is mended"]


def test_what_is_gone_is_not_mended(fleet: Fleet) -> None:
    fleet.start(model(), policy())
    fleet.edit(model(), NO_MODEL)
    assert fleet.edit(model()) == [f"{P}: is no longer declared, removed"]
