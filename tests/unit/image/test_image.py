"""`make image`: the builder that works is used, what cannot be done is said, and an archive is read as it is."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.testbed.archives import write_archive, write_layer
from tools.archive import contents, read_from
from tools.image import Order, Unbuilt, builder, commands

ORDER = Order("name:1", 400000000, ("BASE=b:1",), ("revision=abc",))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BUILDER", raising=False)
    return tmp_path


def add(folder: Path, name: str, *, works: bool) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\nexit {0 if works else 1}\n")
    program.chmod(0o755)


def test_a_docker_without_its_daemon_is_passed_over(programs: Path) -> None:
    add(programs, "docker", works=False)
    add(programs, "buildah", works=True)
    assert builder() == "buildah"


def test_a_docker_without_buildx_is_passed_over_and_complained_of_where_it_is_all(programs: Path) -> None:
    program = programs / "docker"
    program.write_text('#!/bin/sh\n[ "$1" = info ]\n')
    program.chmod(0o755)
    with pytest.raises(Unbuilt, match=r"docker cannot be used: it has no buildx.*apt install buildah"):
        builder()
    add(programs, "buildah", works=True)
    assert builder() == "buildah"


def test_without_any_it_says_what_to_install(programs: Path) -> None:
    with pytest.raises(Unbuilt, match=r"docker or podman or buildah, and none is installed.*apt install buildah"):
        builder()
    add(programs, "docker", works=False)
    with pytest.raises(Unbuilt, match="docker cannot be used: `docker info` says why"):
        builder()


def test_a_builder_that_is_asked_for_is_used_or_complained_of(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(programs, "docker", works=True)
    add(programs, "podman", works=True)
    monkeypatch.setenv("BUILDER", "podman")
    assert builder() == "podman"
    monkeypatch.setenv("BUILDER", "kaniko")
    with pytest.raises(Unbuilt, match="BUILDER is 'kaniko': name one of docker, podman, buildah"):
        builder()


@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_every_builder_gets_the_arguments_and_one_time(name: str) -> None:
    build, second = commands(name, ORDER, Path("/x.tar"))
    assert build[:1] == second[:1] == [name]
    assert build[build.index("--build-arg") :][:2] == ["--build-arg", "BASE=b:1"]
    assert build[build.index("--label") :][:2] == ["--label", "revision=abc"]
    # docker has it from the environment, and the files from the Dockerfile.
    assert ("--timestamp=400000000" in build) == (name != "docker")
    # Each build would leave a container of the base behind.
    assert ("--force-rm" in build) == (name == "buildah")
    assert "--no-cache" not in build
    assert "--no-cache" in commands(name, Order("name:1", 1, (), fresh=True), Path("/x.tar"))[0]


def test_an_archive_tells_its_digest_its_size_and_its_files(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"x" * 2000)
    write_layer(tmp_path / "low", {"/bin/program": program})
    write_layer(tmp_path / "high", {"/etc/of-it": program}, {"/bin/python3": "python3.11"})
    write_archive(tmp_path / "a.tar", "name:1", [tmp_path / "low", tmp_path / "high"], {"User": "65532"})
    found = contents(tmp_path / "a.tar")
    assert found.digest.startswith("sha256:")
    assert found.config["config"] == {"User": "65532"}
    assert found.size == (tmp_path / "low").stat().st_size + (tmp_path / "high").stat().st_size
    assert read_from(tmp_path / "a.tar", "bin/program") == program.read_bytes()
    with pytest.raises(FileNotFoundError, match="no such/file"):
        read_from(tmp_path / "a.tar", "such/file")


def test_docker_builds_into_its_daemon_since_not_every_builder_of_it_writes_archives() -> None:
    build, save = commands("docker", ORDER, Path("/x.tar"))
    assert not any("dest=" in part or "rewrite-timestamp" in part for part in build)
    assert save == ["docker", "save", "--output", "/x.tar", "name:1"]


def test_layers_that_a_builder_packed_are_read_too(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as layer:
        entry = tarfile.TarInfo("a/file")
        entry.size = 2
        layer.addfile(entry, io.BytesIO(b"hi"))
    manifest = json.dumps([{"Config": "aa.json", "Layers": ["l.tar"], "RepoTags": []}]).encode()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in {"manifest.json": manifest, "l.tar": packed.getvalue(), "aa.json": b"{}"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert read_from(tmp_path / "a.tar", "a/file") == b"hi"
    found = contents(tmp_path / "a.tar")
    assert found.digest == "sha256:aa"
    assert found.size == len(gzip.decompress(packed.getvalue()))


def test_what_the_image_leaves_out_is_imported_by_no_module_of_ours() -> None:
    look = (
        "import importlib, pkgutil, sys, modelfleet\n"
        "for one in pkgutil.walk_packages(modelfleet.__path__, 'modelfleet.'):\n"
        "    if not one.name.endswith('__main__'): importlib.import_module(one.name)\n"
        "sys.exit([name for name in sys.modules if name.startswith('kubernetes.aio')] or 0)\n"
    )
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def test_the_context_of_the_build_has_what_the_dockerfile_copies() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set()
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= set(line.split()[1:-1])
    assert copied == kept


def test_the_last_stage_begins_with_what_differs_with_each_commit_and_has_no_arguments() -> None:
    last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2].splitlines()[1:]
    words = [line.split(" ")[0] for line in last if line.strip() and line[0] not in " #"]
    assert words[0] == "COPY"
    # A builder that keeps layers compares the line as it is written, and not what an argument makes of it.
    assert "ARG" not in words
