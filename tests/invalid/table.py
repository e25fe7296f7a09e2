"""The cases of the YAML files beside this one: what is wrong, and every word that is said of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from modelfleet.findings import Severity
from modelfleet.sources.files import Source
from modelfleet.sources.review import Located, review_sources
from tests.support.documents import document

HERE = Path(__file__).parent
KIND_OF = {"hardwareclass": "HardwareClass", "modeldeployment": "ModelDeployment", "routingpolicy": "RoutingPolicy"}
INPUTS = {"change", "documents", "fleet", "text"}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
KNOWN = {"name", "finds", "server", "encoding", *INPUTS}

Said = tuple[str, str, str, str, str]
"""Of which object, path, reason, severity, message."""


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    file: str
    name: str
    data: bytes
    finds: tuple[Said, ...]
    server: Literal["same", "other", "lint"]
    names_objects: bool
    """Whether the findings say of which object they are."""

    def review(self) -> list[Located]:
        """What lint says."""
        return review_sources([Source(f"{self.name}.yaml", self.data)], "default").findings

    def said(self) -> list[Said]:
        """What lint says, as far as the row has it."""
        return sorted(
            (
                str(one.subject) if self.names_objects else "",
                one.path,
                one.reason.value,
                str(one.severity),
                one.message,
            )
            for one in self.review()
        )


def cases() -> list[Case]:
    """Every row of every file."""
    return [case for path in sorted(HERE.glob("*.yaml")) for case in _cases_of(path)]


def _cases_of(path: Path) -> Iterator[Case]:
    for raw in yaml.load(path.read_text(encoding="utf-8"), LOADER):
        unknown, given = set(raw) - KNOWN, INPUTS & set(raw)
        assert not unknown, f"{path.name}: {raw['name']}: unknown {unknown}"
        assert len(given) == 1, f"{path.name}: {raw['name']}: needs one of {INPUTS}"
        assert raw["server"] in ("same", "other", "lint"), raw["name"]
        text = _text(raw, KIND_OF.get(path.stem, ""))
        finds = tuple(_said(one) for one in raw["finds"])
        data = text.encode(raw.get("encoding", "utf-8"))
        yield Case(path.stem, raw["name"], data, finds, raw["server"], names_objects=path.stem == "fleet")


def _said(one: dict[str, Any]) -> Said:
    severity = str(Severity[one.get("severity", "error").upper()])
    return one.get("of", ""), one["path"], one["reason"], severity, one["message"]


def _text(raw: dict[str, Any], kind: str) -> str:
    if "text" in raw:
        return str(raw["text"])
    if "change" in raw:
        documents: list[Any] = [document(kind, **raw["change"])]
    elif "fleet" in raw:
        documents = [one if "apiVersion" in one else _of_fleet(**one) for one in raw["fleet"]]
    else:
        documents = raw["documents"]
    # With a comment in front it is read as YAML, and the first object stands on the second line.
    return "# made\n" + "\n---\n".join(json.dumps(one, ensure_ascii=False) for one in documents) + "\n"


def _of_fleet(kind: str, name: str, namespace: str = "", change: dict[str, Any] | None = None) -> dict[str, Any]:
    return document(kind, name=name, namespace=namespace, **(change or {}))
