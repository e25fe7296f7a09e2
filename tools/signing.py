"""Sign what `make image` made, with cosign: `python -m tools.signing`; with `verify`, look whether that is good.

What is signed is SHA256SUMS, which names the archive and its bill of materials by their hashes. COSIGN_KEY names the
private key, as a file or as cosign calls one that a cloud holds; COSIGN_PASSWORD is its password. Without it the
identity signs that GitHub gives to a job, and the entry in the public log comes in a bundle beside the signature.
Where there is neither, a key is made for a dry run, which shows that all works and nothing else.

Who verifies a key's signature names the public key in COSIGN_PUB: the one beside the files may have come with them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

OUTPUT = Path(__file__).resolve().parent.parent / "build" / "image"
SUMS = "SHA256SUMS"
SIGNATURE, BUNDLE, PUBLIC = f"{SUMS}.sig", f"{SUMS}.bundle", "cosign.pub"
DRY = "dry-run"
# Where a job may ask for an identity.
IDENTITY = "ACTIONS_ID_TOKEN_REQUEST_URL"
ISSUER = "https://token.actions.githubusercontent.com"
SIGNER = "https://github.com/modelfleet/modelfleet/.github/workflows/release.yml@refs/tags/"
"""Who signs a release: that workflow, run for a tag."""
SIGNERS = f"^{SIGNER.replace('.', '[.]')}v[0-9]+[.][0-9]+[.][0-9]+$"


class Unsigned(Exception):
    """It could not be signed, or is not what was signed; the text says why and what to do."""


def write_sums(files: Iterable[Path]) -> None:
    """Writes their hashes, as `sha256sum --check` reads them. What was signed before is signed no more."""
    lines = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in files]
    (OUTPUT / SUMS).write_text("".join(lines), encoding="utf-8")
    _unsign()


def _unsign() -> None:
    for name in (SIGNATURE, BUNDLE, PUBLIC):
        (OUTPUT / name).unlink(missing_ok=True)


def compare() -> str:
    """Whether the files are those whose hashes are listed, and the list the one that was signed, if it was."""
    for line in (OUTPUT / SUMS).read_text(encoding="utf-8").splitlines():
        stated, _, name = line.partition("  ")
        file = OUTPUT / name
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != stated:
            raise Unsigned(f"{name} is not the file that {SUMS} names: make image makes both anew")
    if (OUTPUT / BUNDLE).exists():
        _cosign(verification(""))
        return f"as in {SUMS}, whose signature is that of a release of ours"
    key = os.environ.get("COSIGN_PUB", "")
    if not (OUTPUT / SIGNATURE).exists():
        if key:
            raise Unsigned(f"there is no {SIGNATURE}, and COSIGN_PUB says that there is to be one")
        return f"as in {SUMS}, which is not signed"
    _cosign(verification(_found(key) if key else PUBLIC))
    if key:
        return f"as in {SUMS}, whose signature is by the key {key}"
    return f"as in {SUMS}, signed by the {PUBLIC} beside it. Whose key that is, it cannot say: name yours in COSIGN_PUB"


def verification(key: str) -> list[str]:
    """What looks at the signature: one by this public key, or by an identity where there is none."""
    if not key:
        who = ["--certificate-oidc-issuer", ISSUER, "--certificate-identity-regexp", SIGNERS]
        return ["verify-blob", "--bundle", BUNDLE, *who, SUMS]
    return ["verify-blob", "--key", key, "--signature", SIGNATURE, "--insecure-ignore-tlog=true", SUMS]


def signature(key: str) -> list[str]:
    """What makes it. A key signs without a word to the public log, an identity only with its entry there."""
    if not key:
        return ["sign-blob", "--yes", "--bundle", BUNDLE, SUMS]
    return ["sign-blob", "--yes", "--key", key, "--tlog-upload=false", "--output-signature", SIGNATURE, SUMS]


def sign() -> str:
    """Signs it; how that was done."""
    if not (OUTPUT / SUMS).exists():
        raise Unsigned(f"there is no {SUMS} yet: make image first")
    _unsign()
    key = os.environ.get("COSIGN_KEY", "")
    if not key and os.environ.get(IDENTITY):
        _cosign(signature(""))
        return "by the identity of this job"
    if key:
        key = _found(key)
        _cosign(["public-key", "--key", key, "--outfile", PUBLIC])
        _cosign(signature(key))
        return f"by the key {key}"
    return _dry_run()


def _found(key: str) -> str:
    """A file is named as seen from where this was started, and a key in a cloud by an address."""
    return key if "://" in key else str(Path(key).resolve())


def _dry_run() -> str:
    for name in (f"{DRY}.key", f"{DRY}.pub"):
        (OUTPUT / name).unlink(missing_ok=True)
    _cosign(["generate-key-pair", "--output-key-prefix", DRY])
    (OUTPUT / f"{DRY}.pub").rename(OUTPUT / PUBLIC)
    _cosign(signature(f"{DRY}.key"))
    # It has done what it is for, and nobody is to take it for a key of ours.
    (OUTPUT / f"{DRY}.key").unlink()
    return "for a dry run, by a key of which nothing is left: COSIGN_KEY names a true one"


def _cosign(arguments: list[str]) -> None:
    program = os.environ.get("COSIGN") or shutil.which("cosign")
    if not program:
        get = "go install github.com/sigstore/cosign/v2/cmd/cosign@v2.6.5"
        raise Unsigned(f"signatures take cosign, which is not on the path: `{get}`, or name the program in COSIGN")
    environment = {"COSIGN_PASSWORD": "", **os.environ}
    command = [program, *arguments]
    done = subprocess.run(command, cwd=OUTPUT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unsigned(f"{done.stderr.strip()[-2000:]}\n`cosign {' '.join(arguments)}` failed with {done.returncode}")


def main(arguments: list[str]) -> int:
    try:
        told = f"files     {compare()}" if arguments == ["verify"] else f"signed    {sign()}\nfiles     {compare()}"
    except Unsigned as reason:
        print(f"signature: {reason}", file=sys.stderr)
        return 1
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
