"""`make image-sign`: what was built is signed by its hashes, and what was changed afterwards is found out.

With a stand-in for cosign everywhere, and with cosign itself where it is on the path or named in COSIGN.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tools import signing
from tools.signing import (
    BUNDLE,
    PUBLIC,
    SIGNATURE,
    SIGNER,
    SIGNERS,
    SUMS,
    Unsigned,
    compare,
    sign,
    verification,
    write_sums,
)

STAND_IN = """\
#!/usr/bin/env python3
import hashlib, os, pathlib, sys, uuid
command, *words = sys.argv[1:]
given = {word: words[at + 1] for at, word in enumerate(words[:-1]) if word.startswith("--")}
def key():
    file = pathlib.Path(given.get("--key", "none"))
    return file.read_text() if file.exists() else "a key"
said = lambda: hashlib.sha256(pathlib.Path(words[-1]).read_bytes() + key().encode()).hexdigest()
pathlib.Path("asked").open("a").write(" ".join(sys.argv[1:]) + "\\n")
if command == "generate-key-pair":
    made = uuid.uuid4().hex
    for end in ("key", "pub"):
        pathlib.Path(given["--output-key-prefix"] + "." + end).write_text(made)
elif command == "public-key":
    pathlib.Path(given["--outfile"]).write_text("a key")
elif command == "sign-blob":
    pathlib.Path(given.get("--output-signature") or given["--bundle"]).write_text(said())
elif pathlib.Path(given.get("--signature") or given["--bundle"]).read_text() != said():
    sys.exit("invalid signature")
"""
REAL = os.environ.get("COSIGN") or shutil.which("cosign")


@pytest.fixture(autouse=True)
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the build has left an archive, its bill and their hashes."""
    for name in ("COSIGN", "COSIGN_KEY", "COSIGN_PUB", signing.IDENTITY):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "image"
    folder.mkdir()
    monkeypatch.setattr(signing, "OUTPUT", folder)
    for name in ("modelfleet.tar", "sbom.cdx.json"):
        (folder / name).write_text(name)
    write_sums([folder / "modelfleet.tar", folder / "sbom.cdx.json"])
    return folder


@pytest.fixture(params=["a stand-in", "cosign"])
def cosign(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What signs."""
    program = tmp_path / "cosign"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    if request.param == "cosign" and not REAL:
        pytest.skip("cosign is not on the path")
    monkeypatch.setenv("COSIGN", str(program) if request.param == "a stand-in" else str(REAL))


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "cosign"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("COSIGN", str(program))


def test_hashes_are_those_that_sha256sum_checks(output: Path) -> None:
    assert re.fullmatch(
        r"([0-9a-f]{64}  modelfleet\.tar\n)([0-9a-f]{64}  sbom\.cdx\.json\n)", (output / SUMS).read_text()
    )
    assert compare() == "as in SHA256SUMS, which is not signed"


@pytest.mark.usefixtures("cosign")
def test_a_dry_run_signs_and_leaves_no_key(output: Path) -> None:
    assert "for a dry run" in sign()
    assert "signed by the cosign.pub beside it" in compare()
    assert not list(output.glob("*.key"))
    assert (output / PUBLIC).exists()


@pytest.mark.usefixtures("cosign")
@pytest.mark.parametrize("name", ["modelfleet.tar", "sbom.cdx.json"])
def test_a_file_that_was_changed_is_found_out_and_so_is_a_list_that_was_changed_with_it(
    output: Path, name: str
) -> None:
    sign()
    (output / name).write_text("another")
    with pytest.raises(Unsigned, match=f"{re.escape(name)} is not the file that SHA256SUMS names"):
        compare()
    kept = {one.name: one.read_bytes() for one in output.iterdir()}
    write_sums([output / "modelfleet.tar", output / "sbom.cdx.json"])
    for signed in (SIGNATURE, PUBLIC):
        (output / signed).write_bytes(kept[signed])
    with pytest.raises(Unsigned, match="invalid signature"):
        compare()


@pytest.mark.usefixtures("stand_in")
def test_what_is_built_anew_is_signed_no_more(output: Path) -> None:
    sign()
    write_sums([output / "modelfleet.tar"])
    assert not (output / SIGNATURE).exists()
    assert "not signed" in compare()


@pytest.mark.usefixtures("stand_in")
def test_a_key_that_is_named_signs_wherever_it_is(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.key").write_text("a key")
    for key, known_as in (("own.key", str(tmp_path / "own.key")), ("gcpkms://a/b", "gcpkms://a/b")):
        monkeypatch.setenv("COSIGN_KEY", key)
        assert sign() == f"by the key {known_as}"
        assert f"--key {known_as} --tlog-upload=false" in (output / "asked").read_text()


@pytest.mark.usefixtures("stand_in")
def test_a_job_of_a_release_signs_by_its_identity_and_nobody_else_s_is_believed(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(signing.IDENTITY, "https://token.example.com")
    assert sign() == "by the identity of this job"
    assert compare() == "as in SHA256SUMS, whose signature is that of a release of ours"
    asked = verification("")
    pattern = asked[asked.index("--certificate-identity-regexp") + 1]
    assert f"--certificate-identity-regexp '{SIGNERS}'" in (ROOT / "docs" / "image.md").read_text()
    assert re.match(pattern, f"{SIGNER}v1.2.3")
    for other in (
        f"{SIGNER}v1.2.3/x",
        f"{SIGNER}v1.2.3-rc.1",
        SIGNER.replace("release.yml", "release-yml") + "v1.2.3",
        SIGNER.replace("modelfleet/modelfleet", "x/modelfleet") + "v1.2.3",
        "refs/heads/main",
    ):
        assert not re.match(pattern, other)
    assert (output / BUNDLE).exists()


@pytest.mark.usefixtures("cosign")
def test_a_signature_by_another_key_is_refused_where_it_is_said_whose_it_is_to_be(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign()
    ours = tmp_path / "ours.pub"
    ours.write_bytes((output / PUBLIC).read_bytes())
    monkeypatch.setenv("COSIGN_PUB", str(ours))
    assert compare() == f"as in SHA256SUMS, whose signature is by the key {ours}"
    # Somebody exchanges a file, and signs it with a key of his own, which he lays beside it.
    (output / "modelfleet.tar").write_text("another")
    write_sums([output / "modelfleet.tar"])
    with pytest.raises(Unsigned, match=r"there is no SHA256SUMS\.sig"):
        compare()
    sign()
    with pytest.raises(Unsigned, match="invalid signature"):
        compare()


@pytest.mark.usefixtures("stand_in")
def test_who_signs_anew_leaves_no_signature_of_before(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signing.IDENTITY, "https://token.example.com")
    sign()
    monkeypatch.delenv(signing.IDENTITY)
    sign()
    assert not (output / BUNDLE).exists()
    (output / "modelfleet.tar").unlink()
    with pytest.raises(Unsigned, match=r"modelfleet\.tar is not the file that SHA256SUMS names"):
        compare()


def test_without_cosign_it_says_how_it_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unsigned, match="which is not on the path: `go install github"):
        sign()


def test_without_an_image_it_says_what_comes_first(output: Path) -> None:
    (output / SUMS).unlink()
    with pytest.raises(Unsigned, match="make image first"):
        sign()
