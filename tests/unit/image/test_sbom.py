"""The bill of materials names everything that is installed, and the same content is the same bytes."""

import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tools.sbom import bill, normal, reference_of

PLACE = str(next(Path(sys.prefix).glob("lib/python*/site-packages")))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Two packages, as pip leaves them."""
    for name, lines in {"modelfleet": "Requires-Dist: Some.Part>=1\n", "Some.Part": "License: MIT\n"}.items():
        place = tmp_path / f"{name}-1.2.dist-info"
        place.mkdir()
        (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n{lines}")
        (place / "RECORD").write_text(f"{name}/__init__.py,sha256=abc,3\n")
    return str(tmp_path)


def test_it_covers_every_distribution_that_is_installed() -> None:
    found = bill(PLACE, "")
    named = {found["metadata"]["component"]["purl"], *(part["purl"] for part in found["components"])}
    assert named == {reference_of(one) for one in distributions(path=[PLACE])}
    assert len(named) > 40


def test_each_part_has_what_scanners_look_for(folder: str) -> None:
    (part,) = bill(folder, "base:1")["components"]
    assert part["purl"] == "pkg:pypi/some-part@1.2"
    assert part["licenses"] == [{"license": {"name": "MIT"}}]
    assert len(part["properties"][0]["value"]) == 64


def test_it_tells_what_needs_what_and_on_what_it_stands(folder: str) -> None:
    found = bill(folder, "base:1")
    whole, part = "pkg:pypi/modelfleet@1.2", "pkg:pypi/some-part@1.2"
    assert found["dependencies"] == [{"ref": whole, "dependsOn": [part]}, {"ref": part, "dependsOn": []}]
    assert found["metadata"]["properties"] == [
        {"name": "modelfleet:base-image", "value": "base:1"},
        {"name": "modelfleet:base-packages", "value": "unknown"},
    ]


def test_the_same_content_is_the_same_bill_and_another_is_another(folder: str) -> None:
    assert bill(folder, "base:1") == bill(folder, "base:1")
    assert bill(folder, "base:1")["serialNumber"] != bill(folder, "base:2")["serialNumber"]


def test_names_are_compared_as_indexes_do() -> None:
    assert normal("Some_Part.of--it") == "some-part-of-it"
