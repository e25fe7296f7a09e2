"""Print what an image consists of, as CycloneDX: `sbom.py FOLDER [--base IMAGE] [--root FOLDER]`.

The first folder has Python's packages, the second one the files of the base that they are put on. From the metadata
that each package was installed with, so it names what is there and not what was asked for. The same folders give the
same bytes. Only the standard library: it runs where the image is built.
"""

import argparse
import hashlib
import json
import re
import sys
import uuid
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from tools.debian import operating_system, packages

ROOT = "modelfleet"
NAMESPACE = uuid.UUID("6f1c3b1e-0f4f-5d0a-9a55-3a1f0c6b2a11")


def normal(name: str) -> str:
    """A name as package indexes compare them."""
    return re.sub(r"[-_.]+", "-", name).lower()


def component(found: Distribution) -> dict[str, Any]:
    """One installed distribution."""
    name, reference = normal(found.name), reference_of(found)
    kind = "application" if name == ROOT else "library"
    record = found.read_text("RECORD") or ""
    entry: dict[str, Any] = {"type": kind, "bom-ref": reference, "name": name, "version": found.version}
    stated = found.metadata.json
    if expression := stated.get("license_expression"):
        entry["licenses"] = [{"expression": expression}]
    elif named := stated.get("license"):
        entry["licenses"] = [{"license": {"name": str(named).splitlines()[0]}}]
    # Of the list of its files, which has the hash of each.
    digest = hashlib.sha256(record.encode()).hexdigest()
    return {**entry, "purl": reference, "properties": [{"name": "modelfleet:record-sha256", "value": digest}]}


def reference_of(found: Distribution) -> str:
    """What identifies it everywhere."""
    return f"pkg:pypi/{normal(found.name)}@{found.version}"


def dependencies(all_of_them: Iterable[Distribution]) -> list[dict[str, Any]]:
    """Which of these needs which others of these."""
    found = {normal(one.name): one for one in all_of_them}
    edges = []
    for name in sorted(found):
        stated = found[name].requires or []
        wanted = {normal(re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0]) for line in stated if "extra ==" not in line}
        needs = sorted(reference_of(found[one]) for one in wanted & set(found))
        edges.append({"ref": reference_of(found[name]), "dependsOn": needs})
    return edges


def bill(folder: str, base: str = "", root: str = "") -> dict[str, Any]:
    """The bill of materials of all that is installed in this folder, and in the base whose files are in that one."""
    found = sorted(distributions(path=[folder]), key=lambda one: normal(one.name))
    parts = {normal(one.name): component(one) for one in found}
    metadata: dict[str, Any] = {"component": parts.pop(ROOT)}
    below, system = (packages(Path(root)), operating_system(Path(root))) if root else ([], None)
    metadata["properties"] = [
        {"name": "modelfleet:base-image", "value": base or "unknown"},
        # A base of which nothing is known is not one that has nothing.
        {"name": "modelfleet:base-packages", "value": str(len(below) or "unknown")},
    ]
    content = {
        "metadata": metadata,
        "components": [*parts.values(), *([system] if system else []), *below],
        "dependencies": [*dependencies(found), *_of_the_base(system, below)],
    }
    # A number of its own for each content, and no time: the same content is the same bill.
    number = uuid.uuid5(NAMESPACE, json.dumps(content, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{number}", "version": 1}
    return {**head, **content}


def _of_the_base(system: dict[str, Any] | None, below: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"ref": system["bom-ref"], "dependsOn": [one["bom-ref"] for one in below]}] if system else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="where the packages are installed")
    parser.add_argument("--base", default="", help="the image that they are put on")
    parser.add_argument("--root", default="", help="the folder with the files of that image")
    asked = parser.parse_args()
    print(json.dumps(bill(asked.folder, asked.base, asked.root), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
