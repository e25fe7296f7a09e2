"""The packages of the base are in the bill, from the notes of either kind that a Debian system keeps of itself."""

import json
from pathlib import Path

import pytest

from tools.debian import operating_system, packages
from tools.sbom import bill

OPENSSL = """\
Package: libssl3
Source: openssl (3.0.15-1~deb12u1)
Version: 3.0.15-1~deb12u1
Architecture: amd64
Description: Secure Sockets Layer toolkit
 shared libraries
 .
 Package: not-a-field
"""
COMPILER = "Package: libstdc++6\nVersion: 1:12.2.0-14+deb12u1\nArchitecture: amd64\nSource: gcc-12\n"
REMOVED = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n"
RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n\n# A comment\n'
FOUND = [
    "pkg:deb/debian/libssl3@3.0.15-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl",
    "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12&upstream=gcc-12",
]


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(params=["whole", "apart"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The files of a base."""
    if request.param == "whole":
        installed = [
            text.replace("\nVersion", "\nStatus: install ok installed\nVersion") for text in (COMPILER, OPENSSL)
        ]
        notes = {"var/lib/dpkg/status": "\n".join([*installed, REMOVED])}
    else:
        notes = {
            "var/lib/dpkg/status": "",
            "var/lib/dpkg/status.d/libstdc++6": COMPILER,
            "var/lib/dpkg/status.d/libstdc++6.md5sums": "00 usr/lib/libstdc++.so.6\n",
            "var/lib/dpkg/status.d/libssl3": OPENSSL,
        }
    return write(tmp_path / "base", {**notes, "usr/lib/os-release": RELEASE})


@pytest.fixture
def folder(tmp_path: Path) -> str:
    name = "modelfleet-1.2.dist-info"
    metadata = "Metadata-Version: 2.1\nName: modelfleet\nVersion: 1.2\n"
    return str(write(tmp_path / "lib", {f"{name}/METADATA": metadata, f"{name}/RECORD": ""}))


def test_it_names_the_packages_of_the_base(folder: str, base: Path) -> None:
    found = bill(folder, "base:1", str(base))
    assert [part["purl"] for part in found["components"] if part["type"] == "library"] == FOUND
    assert {"name": "modelfleet:base-packages", "value": "2"} in found["metadata"]["properties"]
    (system,) = (part for part in found["components"] if part["type"] == "operating-system")
    assert (system["name"], system["version"]) == ("debian", "12")
    assert {"ref": system["bom-ref"], "dependsOn": FOUND} in found["dependencies"]


def test_the_order_of_notes_changes_no_byte(folder: str, base: Path) -> None:
    before = json.dumps(bill(folder, "base:1", str(base)))
    for path in sorted((base / "var/lib/dpkg").rglob("*")):
        if path.is_file():
            path.write_text("\n\n".join(reversed(path.read_text().rstrip().split("\n\n"))))
    assert json.dumps(bill(folder, "base:1", str(base))) == before


def test_a_base_of_another_family_is_said_to_be_unknown(folder: str, tmp_path: Path) -> None:
    other = write(tmp_path / "other", {"etc/os-release": "ID=alpine\nVERSION_ID=3.22\n"})
    assert {"name": "modelfleet:base-packages", "value": "unknown"} in bill(folder, "b", str(other))["metadata"][
        "properties"
    ]


def test_without_a_name_of_the_system_packages_are_debians(base: Path) -> None:
    (base / "usr/lib/os-release").unlink()
    assert packages(base)[0]["purl"] == "pkg:deb/debian/libssl3@3.0.15-1~deb12u1?arch=amd64&upstream=openssl"
    assert operating_system(base) is None


def test_a_link_that_leads_out_of_the_base_is_not_followed(base: Path) -> None:
    (base / "etc").mkdir()
    (base / "etc/os-release").symlink_to(write(base / "host", {"os-release": "ID=host\nVERSION_ID=1\n"}) / "os-release")
    assert (operating_system(base) or {})["name"] == "debian"
