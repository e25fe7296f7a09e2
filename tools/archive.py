"""Read an image archive as docker, podman and buildah write it: its digest, its size, one of its files."""

import gzip
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BILL = "opt/modelfleet/sbom.cdx.json"
PACKED = b"\x1f\x8b"
"""What a layer begins with that gzip has packed."""


@dataclass(frozen=True)
class Contents:
    """What an archive has."""

    digest: str
    """Of the image's configuration, which names its layers by their content: the same in every builder's archive."""

    sizes: tuple[int, ...]
    """Of each layer, unpacked, the lowest first."""

    config: dict[str, Any]
    """What is started, as whom, with which labels."""

    @property
    def size(self) -> int:
        return sum(self.sizes)


def contents(archive: Path) -> Contents:
    """What the archive has."""
    with tarfile.open(archive) as opened:
        manifest = _manifest(opened)
        config = json.loads(_member(opened, manifest["Config"]))
        sizes = tuple(_unpacked(opened, layer) for layer in manifest["Layers"])
    digest = Path(manifest["Config"]).stem
    return Contents(f"sha256:{digest}", sizes, config)


def read_from(archive: Path, name: str) -> bytes:
    """A file of the image."""
    with tarfile.open(archive) as opened:
        for layer in reversed(_manifest(opened)["Layers"]):
            with opened.extractfile(layer) or _no(layer) as packed, tarfile.open(fileobj=packed) as files:
                if name in files.getnames():
                    return _member(files, name)
    raise FileNotFoundError(f"{archive} has no {name}")


def _unpacked(opened: tarfile.TarFile, layer: str) -> int:
    with opened.extractfile(layer) or _no(layer) as packed:
        is_packed = packed.read(2) == PACKED
        packed.seek(0)
        return gzip.GzipFile(fileobj=packed).seek(0, os.SEEK_END) if is_packed else opened.getmember(layer).size


def _manifest(opened: tarfile.TarFile) -> dict[str, Any]:
    manifests: list[dict[str, Any]] = json.loads(_member(opened, "manifest.json"))
    return manifests[0]


def _member(opened: tarfile.TarFile, name: str) -> bytes:
    found = opened.extractfile(name)
    return found.read() if found else _no(name)


def _no(name: str) -> Any:
    raise FileNotFoundError(f"{name} is no file")
