"""Certificates for a test, made by openssl and gone with its folder."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

DAYS = "2"


class Authority:
    """A certificate authority of its own, which nobody else trusts."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self._key, self.roots = self._folder / "ca.key", self._folder / "ca.pem"
        self._openssl("req", "-x509", *_new_key(self._key), "-subj", f"/CN={name}", "-days", DAYS, "-out", self.roots)

    def context(self, *names: str) -> ssl.SSLContext:
        """What a server needs that goes by these names, such as DNS:localhost or IP:127.0.0.1."""
        key, wish, signed, words = (self._folder / f"server.{kind}" for kind in ("key", "csr", "pem", "cnf"))
        words.write_text(f"subjectAltName={','.join(names)}\n")
        self._openssl("req", *_new_key(key), "-subj", "/CN=server", "-out", wish)
        authority = ("-CA", self.roots, "-CAkey", self._key, "-CAcreateserial", "-extfile", words)
        self._openssl("x509", "-req", "-in", wish, *authority, "-days", DAYS, "-out", signed)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, key)
        return context

    def _openssl(self, *words: object) -> None:
        program = shutil.which("openssl")
        if program is None:
            pytest.skip("there is no openssl to make certificates with")
        done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def _new_key(path: Path) -> tuple[object, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)
