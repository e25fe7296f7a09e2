"""Images made on this machine, where no registry is to be had: what ours is built from, Envoy's, and a pod's pause.

The base of the last stage is unpacked packages without their scripts, as public distroless images are: it has no shell,
and notes of each package that it was made of.
"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.cached import kept, place
from tests.testbed.archives import write_archive, write_layer
from tests.testbed.binaries import Unavailable
from tests.testbed.programs import pause
from tests.testbed.runtime import PAUSE

RELEASE, PYTHON = "bookworm", "python3.11"
NOTES = (
    'mkdir "$1/var/lib/dpkg/status.d"; for deb in "$1"/var/cache/apt/archives/*.deb; do '
    'dpkg-deb --field "$deb" > "$1/var/lib/dpkg/status.d/$(dpkg-deb --field "$deb" Package)"; done'
)
LAST = ("--variant=extract", f"--include={PYTHON},lib{PYTHON}-stdlib,libstdc++6", f"--extract-hook={NOTES}")
FIRST = ("--variant=minbase", "--include=python3,python3-pip,ca-certificates")
ENVOY_AT = "/usr/local/bin/envoy"
# A machine that trusts others beside the public authorities does so during a build, too.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def base() -> Path:
    """What the image is built on: Python and what it needs."""
    folder = kept(_place("base", LAST), lambda made: _packed(made / "packages.tar", LAST))
    return _archive(folder, {"links": {"/usr/bin/python3": PYTHON}})


def build_base() -> Path:
    """What the image is built in: the same Python, with pip and a shell."""
    folder = kept(_place("build-base", FIRST), lambda made: _packed(made / "packages.tar", FIRST))
    authorities = Path(AUTHORITIES)
    files = {AUTHORITIES: authorities} if authorities.exists() else {}
    return _archive(folder, {"files": files})


def envoy(name: str) -> Path:
    """Envoy under this name: the program that the other tests run, on the base of ours."""
    program = Path(sys.prefix) / "bin" / "envoy"
    binary = next(Path(sys.prefix).glob("lib/python*/site-packages/envoy/_bin/envoy"), program)
    base()
    lowest = _place("base", LAST) / "packages.tar"

    def make(folder: Path) -> None:
        # As in the public image, the authorities are there.
        authorities = {AUTHORITIES: Path(AUTHORITIES)} if Path(AUTHORITIES).exists() else {}
        write_layer(folder / "envoy.layer", {ENVOY_AT: binary, **authorities})
        config = {"Entrypoint": [ENVOY_AT], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "User": "101:101"}
        write_archive(folder / "envoy.tar", name, [lowest, folder / "envoy.layer"], config)
        (folder / "envoy.layer").unlink()

    pins = [name.encode(), str(binary.stat().st_size).encode(), str(binary.stat().st_mtime_ns).encode(), *_pins(LAST)]
    return kept(place("images", "envoy", pins), make) / "envoy.tar"


def pause_image() -> Path:
    """What a pod's namespaces are held by."""
    program = pause()

    def make(folder: Path) -> None:
        write_layer(folder / "pause.layer", {"/pause": program})
        config = {"Entrypoint": ["/pause"], "User": "65535:65535"}
        write_archive(folder / "pause.tar", PAUSE, [folder / "pause.layer"], config)

    return kept(place("images", "pause", [program.parent.name.encode()]), make) / "pause.tar"


def _packed(tar: Path, how: Sequence[str]) -> None:
    if shutil.which("mmdebstrap") is None:
        raise Unavailable("a base is made of Debian's packages, which needs mmdebstrap: install it")
    done = subprocess.run(["mmdebstrap", *how, RELEASE, str(tar)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"no base could be made of Debian's packages:\n{done.stderr[-2000:]}")


def name_of(archive: Path) -> str:
    """What the image in such an archive is called: another one has another name."""
    return f"localhost/modelfleet-{archive.parent.name}:1"


def _archive(folder: Path, content: Mapping[str, Mapping[str, Path | str]]) -> Path:
    layer, archive = folder / "ours.tar", folder / "image.tar"
    if not archive.exists():
        files = {place: Path(source) for place, source in content.get("files", {}).items()}
        links = {place: str(target) for place, target in content.get("links", {}).items()}
        write_layer(layer, files, links)
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        write_archive(archive, name_of(archive), [folder / "packages.tar", layer], {"Env": [path]})
    return archive


def _place(name: str, how: Sequence[str]) -> Path:
    return place("images", name, _pins(how))


def _pins(how: Sequence[str]) -> list[bytes]:
    return [RELEASE.encode(), platform.machine().encode(), *(part.encode() for part in how)]
