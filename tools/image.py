"""Build the image with docker, podman or buildah, whichever works here; say its name, digest and size.

`python -m tools.image` builds it, with `verify` twice, from nothing, to compare. The environment may name IMAGE (its
name and tag), BASE and BUILD_BASE (what it is built from), and BUILDER (one of the three). build/image/ then has the
image as an archive, its bill of materials, and the hashes of both, which tools/signing.py signs.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from modelfleet import __version__
from modelfleet.workloads.options import OURS
from tools.archive import BILL, Contents, contents, read_from
from tools.signing import OUTPUT, SUMS, Unsigned, compare, write_sums

ROOT = Path(__file__).resolve().parent.parent
BUILDERS = ("docker", "podman", "buildah")
LABEL = "org.opencontainers.image"
# Zip files, which wheels are, know no earlier time.
EARLIEST = 315532800


class Unbuilt(Exception):
    """The image could not be built; the text says why and what to do."""


@dataclass(frozen=True)
class Order:
    """What is to be built."""

    name: str
    epoch: int
    arguments: tuple[str, ...]
    labels: tuple[str, ...] = ()
    fresh: bool = False
    """Whether nothing of an earlier build is to be used."""


def builder() -> str:
    """The builder that is asked for, else the first that works."""
    asked = os.environ.get("BUILDER")
    candidates = (asked,) if asked else BUILDERS
    if asked and asked not in BUILDERS:
        raise Unbuilt(f"BUILDER is {asked!r}: name one of {', '.join(BUILDERS)}")
    there = [one for one in candidates if shutil.which(one)]
    if found := next((one for one in there if not _obstacle(one)), None):
        return found
    told = "; ".join(f"{one} cannot be used: {_obstacle(one)}" for one in there) or "none is installed"
    raise Unbuilt(f"an image takes {' or '.join(candidates)}, and {told}. On Debian and Ubuntu: apt install buildah")


def _obstacle(name: str) -> str:
    """What keeps it from building here; nothing where it can."""
    if _fails(name, "info"):
        return f"`{name} info` says why"
    if name == "docker" and _fails("docker", "buildx", "version"):
        return "it has no buildx, which is a plugin (docker-buildx-plugin, in some distributions docker-buildx)"
    return ""


def _fails(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


def commands(name: str, order: Order, archive: Path) -> list[list[str]]:
    """What builds the image and writes it into the archive."""
    given = [part for argument in order.arguments for part in ("--build-arg", argument)]
    labels = [part for label in order.labels for part in ("--label", label)]
    common = [*given, *labels, *(["--no-cache"] if order.fresh else []), "--tag", order.name]
    stamp = f"--timestamp={order.epoch}"
    if name == "docker":
        # Its own builder writes archives only where it keeps images as containerd does, and rewrites no times there:
        # the daemon is asked for the archive, and the times are those that the Dockerfile sets.
        build = ["docker", "buildx", "build", *common, "--output=type=docker", "."]
        return [build, ["docker", "save", "--output", str(archive), order.name]]
    if name == "podman":
        save = ["podman", "save", "--format", "docker-archive", "--output", str(archive), order.name]
        return [["podman", "build", stamp, *common, "."], save]
    # Isolation by chroot works for who is not root, and within containers, too. A stage that is only mounted in another
    # one would leave its container behind.
    build = ["buildah", "bud", "--layers", "--force-rm", "--isolation", "chroot", stamp, *common, "."]
    return [build, ["buildah", "push", order.name, f"docker-archive:{archive}:{order.name}"]]


def order_of_this_tree(*, fresh: bool = False) -> Order:
    """The image of what lies in the working tree, made at the time of its last commit."""
    stated = _git("log", "-1", "--format=%ct")
    epoch = max(int(os.environ.get("SOURCE_DATE_EPOCH") or stated or EARLIEST), EARLIEST)
    revision = _git("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*") or "unknown"
    arguments = {"SOURCE_DATE_EPOCH": str(epoch)}
    arguments |= {key: os.environ[key] for key in ("BASE", "BUILD_BASE") if os.environ.get(key)}
    labels = {f"{LABEL}.version": __version__, f"{LABEL}.revision": revision}
    stated_arguments, stated_labels = (
        tuple(f"{key}={value}" for key, value in one.items()) for one in (arguments, labels)
    )
    return Order(os.environ.get("IMAGE") or OURS, epoch, stated_arguments, stated_labels, fresh)


def load(archive: Path, name: str) -> None:
    """Gives the builder an image of an archive, such as a base that no registry has; nothing where it has it."""
    used = builder()
    if subprocess.run([used, "inspect", name], capture_output=True, check=False).returncode == 0:
        return
    command = (
        ["buildah", "pull", f"docker-archive:{archive}"] if used == "buildah" else [used, "load", "-i", str(archive)]
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unbuilt(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def _git(*arguments: str) -> str:
    if shutil.which("git") is None:
        return ""
    said = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() if said.returncode == 0 else ""


def build(order: Order, archive: Path) -> Contents:
    """Builds it into this archive; what the builder says is told only where it fails."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.unlink(missing_ok=True)
    # A statement of where an image comes from has the time of its build in it. Old versions of buildx know no option.
    plain = {"SOURCE_DATE_EPOCH": str(order.epoch), "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    environment = {**os.environ, **plain}
    for command in commands(builder(), order, archive):
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stdout + done.stderr)[-4000:]
            raise Unbuilt(f"{said}\n`{' '.join(command)}` failed with {done.returncode}")
    return contents(archive)


def make() -> None:
    """Build it, put its bill of materials beside it, and say what it is."""
    began, order, archive = time.monotonic(), order_of_this_tree(), OUTPUT / "modelfleet.tar"
    made, bill = build(order, archive), OUTPUT / Path(BILL).name
    bill.write_bytes(read_from(archive, BILL))
    write_sums([archive, bill])
    print(f"image     {order.name}")
    print(f"digest    {made.digest}")
    print(f"size      {made.size / 1e6:.1f} MB, of it {made.sizes[-1] / 1e6:.1f} MB over its base")
    print(f"builder   {builder()}, {time.monotonic() - began:.0f} s")
    print(f"contents  {parts(bill)}")
    print(f"files     {', '.join(str(one.relative_to(ROOT)) for one in (archive, bill, OUTPUT / SUMS))}")


def parts(bill: Path) -> str:
    """How many packages the bill has, of which kind."""
    listed = [one.get("purl", "") for one in json.loads(bill.read_text())["components"]]
    python, base = (sum(purl.startswith(f"pkg:{kind}/") for purl in listed) for kind in ("pypi", "deb"))
    return f"{python} packages of Python and {base or 'an unknown number'} of the base"


def verify() -> None:
    """Build it twice, from nothing."""
    order = order_of_this_tree(fresh=True)
    found = [build(order, OUTPUT / f"verify-{number}.tar").digest for number in (1, 2)]
    for number in (1, 2):
        (OUTPUT / f"verify-{number}.tar").unlink()
    if len(set(found)) > 1:
        raise Unbuilt(f"two builds of the same source differ: {' and '.join(found)}")
    print(f"image     two builds from nothing give one digest: {found[0]}")
    if (OUTPUT / SUMS).exists():
        print(f"files     {compare()}")


def main(arguments: list[str]) -> int:
    try:
        verify() if arguments == ["verify"] else make()
    except (Unbuilt, Unsigned) as reason:
        print(f"image: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
