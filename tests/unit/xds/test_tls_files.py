"""Which TLS files are taken, and what is said of those that are not."""

import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from modelfleet.envoy.mtls import TlsFiles
from modelfleet.findings import Unusable
from modelfleet.xds.tls import RenewingTls
from tests.support.authority import Authority, Mounted


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    authority = Authority(tmp_path, "ours")
    return Mounted(tmp_path / "files", authority, authority.issue("xds.test", ends=timedelta(hours=1)))


def taken(files: TlsFiles, *, serves: bool = True) -> RenewingTls:
    return RenewingTls(files, serves=serves, count=lambda _: None)


@pytest.mark.parametrize("serves", [True, False])
@pytest.mark.parametrize("hours", [1, -1], ids=["valid", "expired"])
def test_the_end_of_a_certificate_is_known_also_after_it(tmp_path: Path, serves: bool, hours: int) -> None:
    authority = Authority(tmp_path, "ours")
    files = Mounted(tmp_path / "files", authority, authority.issue("a", ends=timedelta(hours=hours))).files
    assert abs(taken(files, serves=serves).latest().expires - (time.time() + 3600 * hours)) < 10


@pytest.mark.parametrize(
    ("option", "name"), [("--tls-cert", "tls.crt"), ("--tls-key", "tls.key"), ("--tls-ca", "ca.crt")]
)
def test_a_file_that_cannot_be_read_is_named_with_its_option(mounted: Mounted, option: str, name: str) -> None:
    path = Path(mounted.files.cert).with_name(name)
    path.unlink()
    with pytest.raises(Unusable, match=rf"^{option} {re.escape(str(path))}: cannot be read: No such file"):
        taken(mounted.files)
    path.mkdir()
    with pytest.raises(Unusable, match=rf"^{option} {re.escape(str(path))}: cannot be read: Is a directory"):
        taken(mounted.files)


@pytest.mark.parametrize("serves", [True, False])
def test_a_key_that_wants_a_password_is_refused_and_nobody_is_asked_for_it(mounted: Mounted, serves: bool) -> None:
    path = Path(mounted.files.key)
    key = load_pem_private_key(path.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    path.write_bytes(locked)
    with pytest.raises(Unusable, match=r"its own key without a password.*encrypted"):
        taken(mounted.files, serves=serves)


def test_files_that_are_given_in_the_wrong_order_are_refused(mounted: Mounted) -> None:
    files = mounted.files
    with pytest.raises(
        Unusable, match=r"^--tls-cert .*--tls-key .*must be a certificate that may be used as serverAuth"
    ):
        taken(TlsFiles(files.key, files.cert, files.ca))
    with pytest.raises(Unusable, match=r"^--tls-ca .*must be certificates of authorities, in PEM"):
        taken(TlsFiles(files.cert, files.key, files.key))


def test_files_that_are_the_same_again_are_no_renewal(mounted: Mounted) -> None:
    told: list[bool] = []
    tls = RenewingTls(mounted.files, serves=True, count=told.append)
    before = tls.latest()
    for name in ("cert", "key", "ca"):
        path = Path(getattr(mounted.files, name))
        path.write_bytes(path.read_bytes())
    assert tls.latest() is before
    assert told == []
