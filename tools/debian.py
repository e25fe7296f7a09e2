"""What a folder with a Debian system, such as the base of an image, has installed: a component for each package.

From dpkg's own notes: `status` of a whole system, `status.d` of an image without a package manager. A base of another
family has neither, and then nothing is known. Only the standard library: it runs where the image is built.
"""

from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any
from urllib.parse import quote

NOTES = Path("var/lib/dpkg")
RELEASES = ("etc/os-release", "usr/lib/os-release")


def stanzas(root: Path) -> Iterator[Message]:
    """The notes of each package that is installed."""
    whole, apart = root / NOTES / "status", root / NOTES / "status.d"
    texts = whole.read_text(encoding="utf-8").split("\n\n") if whole.is_file() else []
    if apart.is_dir():
        # Beside the notes of a package are hashes of its files.
        texts += [one.read_text(encoding="utf-8") for one in apart.iterdir() if one.suffix != ".md5sums"]
    for text in texts:
        stanza = Parser().parsestr(text.lstrip(), headersonly=True)
        # What was removed leaves its notes behind. In `status.d` nothing says so, since all of it is there.
        if stanza["Package"] and stanza["Version"] and (stanza["Status"] or "installed").split()[-1] == "installed":
            yield stanza


def system(root: Path) -> dict[str, str]:
    """What the system says of itself: ID, VERSION_ID and so on."""
    for name in RELEASES:
        # In an image it may be a link that leads out of the folder, as it looks from here.
        place = root / name
        if place.is_file() and not place.is_symlink():
            lines = place.read_text(encoding="utf-8").splitlines()
            return {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines) if key}
    return {}


def component(stanza: Message, about: dict[str, str]) -> dict[str, Any]:
    """One package. Weaknesses are listed by source, so that is told, too."""
    name, version, source = stanza["Package"], stanza["Version"], (stanza["Source"] or stanza["Package"]).split()[0]
    family = about.get("ID", "debian")
    told = {"arch": stanza["Architecture"], "upstream": source if source != name else ""}
    if "VERSION_ID" in about:
        told["distro"] = f"{family}-{about['VERSION_ID']}"
    qualifiers = "&".join(f"{key}={quote(told[key])}" for key in sorted(told) if told[key])
    reference = f"pkg:deb/{family}/{quote(name)}@{quote(version, safe=':~')}{'?' if qualifiers else ''}{qualifiers}"
    return {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}


def packages(root: Path) -> list[dict[str, Any]]:
    """A component for each package, in the order of their names."""
    about = system(root)
    found = {one["bom-ref"]: one for one in (component(stanza, about) for stanza in stanzas(root))}
    return [found[key] for key in sorted(found)]


def operating_system(root: Path) -> dict[str, Any] | None:
    """What scanners know a family of packages by."""
    about = system(root)
    if not {"ID", "VERSION_ID"} <= about.keys():
        return None
    name, version = about["ID"], about["VERSION_ID"]
    return {"type": "operating-system", "bom-ref": f"{name}@{version}", "name": name, "version": version}
