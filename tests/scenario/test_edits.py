import os
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.dataplane.support.client import CHAT, Request, chat
from tests.dataplane.support.ledger import Load
from tests.scenario.manifests import place_of, policy, put, save, sim, text, to
from tests.scenario.support import Up, by, ok, rule, until

SAYS_NOTHING_MORE_S = 0.3
NUMBERS = count(10)


class Edited:
    """One policy in a file of its own, in a folder that is served all the time: `b` goes to b, the rest to a."""

    def __init__(self, up: Up, folder: Path, name: str) -> None:
        self.up, self.folder, self.name = up, folder, name
        self.path = folder / f"{name}.yaml"
        self.good = text(policy(name, "a", "b", rules=(to("b", "first"),)))

    def put(self, content: str) -> None:
        put(self.path, content)

    def ask(self, feature: str = "b") -> str:
        """The rule that was in force for the request, and who answered."""
        answer = self.up.ask(self.name, x_feature=feature)
        return f"{rule(answer)} {by(answer)}" if ok(answer) else str(answer.status)

    def until(self, wanted: str, feature: str = "b") -> None:
        until(lambda: self.ask(feature) == wanted, lambda: f"last {self.ask(feature)}, not {wanted}\n{self.up.err}")

    def mended(self) -> None:
        """After a bad edit: the good one and a further one are in force again."""
        self.put(self.good.replace("first", "mended"))
        self.until("mended b")
        self.put(self.good)
        self.until("first b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    save(folder / "models.yaml", sim("a"), sim("b"))
    return folder


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    # The superuser reads what nobody may read, unless that is taken away.
    wrap = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    with Up(folder, state=folder / ".state", wrap=wrap) as up:
        yield up.ready()
        assert up.process.poll() is None, str(up.err)
        assert not up.err.matching("fault of modelfleet|Envoy refused|Traceback"), str(up.err)


@pytest.fixture
def edited(up: Up, folder: Path) -> Iterator[Edited]:
    made = Edited(up, folder, f"p{next(NUMBERS)}")
    made.put(made.good)
    made.until("first b")
    yield made
    made.path.unlink(missing_ok=True)


def test_a_changed_rule_is_in_force(edited: Edited) -> None:
    for name in ("second", "third", "fourth"):
        edited.put(edited.good.replace("first", name))
        edited.until(f"{name} b")


def test_a_new_file_is_served_and_an_unlinked_one_is_not(edited: Edited) -> None:
    edited.path.unlink()
    edited.until("404")
    edited.put(edited.good)
    seen: list[str] = []

    def there() -> bool:
        seen.append(edited.ask())
        return seen[-1] == "first b"

    until(there)
    assert set(seen) <= {"404", "first b"}, "something half made was served"


BAD = {
    "unknown field": ("tier: t-b", "tierr: t-b", "tierr: t-b", 'is not a field here: did you mean "tier"?'),
    "no such tier": ("tier: t-b", "tier: t-x", "tier: t-x", "names a tier that is not in spec.tiers"),
    "no such model": ("name: b}", "name: bb}", "name: bb}", 'no ModelDeployment "bb" is declared'),
    "unsupported": ("  rules:", "  shadow: [{model: a, percent: 5}]\n  rules:", "shadow", "cannot enforce it yet"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_edit_changes_nothing_and_says_where_and_what(edited: Edited, what: str) -> None:
    old, new, words, told = BAD[what]
    bad = edited.good.replace(old, new).replace("first", "unseen")
    assert bad.count(new) == 1, bad
    since = edited.up.mark
    edited.put(bad)
    line = edited.up.said(f"{edited.name}.*error.*{told.replace('?', '.')}", since)
    assert f"{edited.path}:{place_of(bad, words)}: error: spec." in line
    edited.up.said(f"default/{edited.name}: its last good version stays in force", since)
    assert edited.ask() == "first b"
    edited.mended()


def test_what_is_not_yaml_says_where_and_changes_nothing(edited: Edited) -> None:
    bad = edited.good.replace("{feature: b}", "{feature: b")
    since = edited.up.mark
    edited.put(bad)
    edited.up.said(rf"{edited.name}\.yaml:\d+:\d+: error: .*not YAML", since)
    edited.up.said(rf"{edited.name}\.yaml: cannot be read to its end: its last good objects stay", since)
    assert edited.ask() == "first b"
    edited.mended()


def test_two_documents_that_run_into_one_change_nothing(edited: Edited) -> None:
    other = f"{edited.name}-2"
    edited.put(f"{text(policy(other, 'a'))}---\n{edited.good}")
    edited.up.until_served(ok, other)
    since = edited.up.mark
    edited.put(text(policy(other, "b")) + edited.good.replace("first", "unseen"))
    edited.up.said(rf"{edited.name}\.yaml: has an error in its text: its last good objects stay", since)
    edited.up.said(rf'{edited.name}\.yaml:\d+:1: error: kind: the key "kind" is already set', since)
    assert edited.ask() == "first b"
    assert by(edited.up.ask(other)) == "a"
    edited.mended()


def test_a_copy_in_another_file_changes_nothing(edited: Edited) -> None:
    copy = edited.folder / f"A-{edited.name}.yaml"
    since = edited.up.mark
    for content in (edited.good.replace("first", "unseen"), edited.good.replace("tier: t-b", "tierr: t-b")):
        put(copy, content)
        edited.up.said(rf"{edited.name}: is declared in .*{copy.name}, too: what .*/{edited.path.name} says", since)
        edited.mended()
    copy.unlink()
    edited.mended()


def test_what_comes_into_force_is_mended_or_goes_is_told_once(edited: Edited) -> None:
    subject = f"RoutingPolicy default/{edited.name}"
    edited.up.said(f"{subject}: revision [0-9a-f]+ is in force")  # as it was made, which may have been answered before
    since = edited.up.mark
    edited.put(edited.good.replace("first", "second"))
    line = edited.up.said(f"{subject}: revision [0-9a-f]+ is in force", since)
    edited.until("second b")  # Envoy's workers take a moment longer than its word
    edited.put(edited.good.replace("tier: t-b", "tier: t-x"))
    edited.up.said(f"{subject}: its last good version stays in force", since)
    edited.put(edited.good.replace("first", "second"))
    edited.up.said(f"{subject}: is mended", since)
    edited.path.unlink()
    edited.up.said(f"{subject}: is no longer declared, removed", since)
    assert edited.up.err.matching(f"{subject}: revision", since) == [line]


def test_a_file_that_is_written_in_two_steps_never_takes_anything_away(edited: Edited) -> None:
    after = edited.good.replace("first", "second")
    half = after.index("spec:") + after[after.index("spec:") :].index("{") + 3
    seen = set()
    with edited.path.open("w") as stream:
        for part in (after[:half], after[half:]):
            stream.write(part)
            stream.flush()
            until_s = time.monotonic() + 0.6
            while time.monotonic() < until_s:
                seen.add(edited.ask())
    edited.until("second b")
    assert seen <= {"first b", "second b"}


def test_a_file_that_is_emptied_keeps_what_it_said(edited: Edited) -> None:
    since = edited.up.mark
    edited.path.write_bytes(b"")
    edited.up.said(f"{edited.name}.yaml: is empty: its last good objects stay", since)
    assert edited.ask() == "first b"
    edited.mended()


def test_a_file_that_may_not_be_read_keeps_what_it_said(edited: Edited) -> None:
    since = edited.up.mark
    edited.path.chmod(0)
    edited.up.said(f"{edited.name}.yaml: .*may not be read.*its last good objects stay", since)
    assert edited.ask() == "first b"
    edited.path.chmod(0o644)
    edited.mended()


def test_an_object_goes_when_its_file_is_read_without_it(edited: Edited) -> None:
    other = policy(f"{edited.name}-2", "a")
    edited.put(text(*[other]) + "---\n" + edited.good)
    edited.up.until_served(ok, f"{edited.name}-2")
    edited.put(edited.good)
    edited.up.until_served(lambda answer: answer.status == 404, f"{edited.name}-2")
    assert edited.ask() == "first b"


def test_renaming_a_file_changes_nothing(edited: Edited) -> None:
    renamed = edited.path.with_name(f"z-{edited.path.name}")
    with load(edited) as requests:
        for _ in range(3):
            edited.path.rename(renamed)
            requests.wait_for(20)
            renamed.rename(edited.path)
            requests.wait_for(20)
    requests.report().assert_none_lost(100)
    edited.mended()


def test_an_editor_that_puts_its_backup_aside_loses_nothing(edited: Edited) -> None:
    backup = edited.path.with_name(f"{edited.path.name}~")
    with load(edited) as requests:
        for name in ("second", "third"):
            edited.path.rename(backup)
            edited.path.write_text(edited.good.replace("first", name))
            backup.unlink()
            edited.until(f"{name} b")
    requests.report().assert_none_lost(1)


def test_a_mounted_config_map_is_followed(folder: Path, edited: Edited) -> None:
    edited.path.unlink()
    mounted = folder / f"mounted-{edited.name}"
    mounted.mkdir()
    for number in (1, 2, 3):
        version = mounted / f"..version-{number}"
        version.mkdir()
        (version / "fleet.yaml").write_text(edited.good.replace("first", f"v{number}"))
        (mounted / "..next").symlink_to(version.name)
        (mounted / "..next").rename(mounted / "..data")
        if number == 1:
            (mounted / "fleet.yaml").symlink_to("..data/fleet.yaml")
        edited.until(f"v{number} b")
    (mounted / "fleet.yaml").unlink()
    edited.until("404")


def test_a_warning_is_said_once_while_other_files_change(edited: Edited) -> None:
    since = edited.up.mark
    edited.put(edited.good.replace("tier: t-b", "tier: t-x"))
    edited.up.said(f"{edited.name}: its last good version stays", since)
    other = edited.folder / "other.yaml"
    for name in ("other-1", "other-2"):
        save(other, policy(name, "a"))
        edited.up.until_served(ok, name)
    time.sleep(SAYS_NOTHING_MORE_S)
    assert len(edited.up.err.matching(f"{edited.name}: its last good version stays", since)) == 1
    other.unlink()


ODD: dict[str, Callable[[Path], object]] = {
    "a name that is not UTF-8": lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.yaml")).touch(),
    "a pipe": lambda folder: os.mkfifo(folder / "pipe.yaml"),
    "a loop of links": lambda folder: (folder / "loop.yaml").symlink_to("loop.yaml"),
    "bytes that are no text": lambda folder: (folder / "bytes.yaml").write_bytes(bytes(range(256))),
    "a folder that nobody may enter": lambda folder: (folder / "closed.yaml").mkdir(mode=0),
}


@pytest.mark.parametrize("what", ODD)
def test_edits_are_followed_whatever_else_lies_in_the_folder(edited: Edited, what: str) -> None:
    odd = edited.folder / f"odd-{edited.name}"
    odd.mkdir()
    ODD[what](odd)
    edited.mended()
    shutil.rmtree(odd)
    edited.mended()


def load(edited: Edited) -> Load:
    headers = {"content-type": "application/json", "x-feature": "b"}
    return Load(edited.up.address, lambda _: Request(CHAT, chat(edited.name), headers), rate=60, connections=4)


@pytest.mark.alone
def test_no_request_fails_during_fifty_edits(edited: Edited, evidence: Callable[..., None]) -> None:
    with load(edited) as requests:
        for number in range(50):
            content = edited.good.replace("first", f"edit-{number}")
            if number % 3:
                edited.put(content)
            else:
                edited.path.write_text(content)
            requests.wait_for(3)
        edited.until("edit-49 b")
    report = requests.report()
    evidence(edits=50, requests=len(report.outcomes), failed=len(report.failed))
    report.assert_none_lost(150)
