"""Images as archives, written without a builder: layers that are there already, and what is started of them."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
EARLIEST = "1970-01-01T00:00:00Z"


def write_archive(path: Path, name: str, layers: Sequence[Path], config: Mapping[str, Any]) -> None:
    """An image of this name, of layers that are plain tar files; docker, podman, buildah and containerd read it."""
    digests = [hashlib.sha256(layer.read_bytes()).hexdigest() for layer in layers]
    root = {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}
    head = {"architecture": ARCHITECTURES[platform.machine()], "os": "linux", "created": EARLIEST}
    # Who builds on it counts the layers by their history.
    history = [{"created": EARLIEST, "created_by": layer.name} for layer in layers]
    image = json.dumps({**head, "config": dict(config), "rootfs": root, "history": history}).encode()
    image_name = f"{hashlib.sha256(image).hexdigest()}.json"
    manifest = [{"Config": image_name, "RepoTags": [name], "Layers": [f"{digest}.tar" for digest in digests]}]
    with tarfile.open(path, "w") as archive:
        _add(archive, image_name, image)
        for digest, layer in zip(digests, layers, strict=True):
            archive.add(layer, f"{digest}.tar")
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def write_layer(path: Path, files: Mapping[str, Path], links: Mapping[str, str] | None = None) -> None:
    """A layer with these programs, by their place in the image, and with these symbolic links."""
    with tarfile.open(path, "w") as layer:
        for place, source in files.items():
            entry = tarfile.TarInfo(place.lstrip("/"))
            entry.mode, entry.size = 0o755, source.stat().st_size
            with source.open("rb") as content:
                layer.addfile(entry, content)
        for place, target in (links or {}).items():
            entry = tarfile.TarInfo(place.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            layer.addfile(entry)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
