"""The file that keeps a gateway's last good state: private, whole or not at all, and never believed unchecked.

The first line says what follows, then comes one DeltaDiscoveryResponse with every resource. It may hold keys.
"""

import logging
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import DecodeError

from modelfleet.findings import printable
from modelfleet.xds.incoming import resource_in
from modelfleet.xds.state import GatewayResources, gateway_resources
from modelfleet.xds.types import PUSH_ORDER

FORMAT: Final = 1
MAGIC: Final = "modelfleet-gateway-state"
LARGEST: Final = 1 << 30
"""Bytes. What is larger is no state of a gateway, and is not read."""

_log = logging.getLogger(__name__)


class Damaged(Exception):
    """What is in the file is not what was once written for this gateway; the message says why."""


def render_state(gateway: str, state: GatewayResources) -> bytes:
    """The content of the file."""
    message = discovery_pb2.DeltaDiscoveryResponse(system_version_info=state.version)
    message.control_plane.identifier = gateway
    for of_type in state.by_type.values():
        for name, it in of_type.items():
            entry = message.resources.add(name=name, version=it.version)
            entry.resource.type_url, entry.resource.value = it.type_url, it.body
    body: bytes = message.SerializeToString(deterministic=True)
    return _header(body) + body


def read_state(gateway: str, data: bytes) -> GatewayResources:
    """The state in the content of a file. Raises Damaged."""
    header, end, body = data.partition(b"\n")
    words = header.split(b" ")
    if not end or words[0] != MAGIC.encode():
        raise Damaged("it is no state of a gateway")
    if words[1:2] != [str(FORMAT).encode()]:
        version = printable(b" ".join(words[1:2])[:20].decode(errors="replace"))
        raise Damaged(f"it is of format {version}, and this version reads {FORMAT}")
    if header + end != _header(body):
        raise Damaged("it is cut short, or its checksum is wrong")
    message = discovery_pb2.DeltaDiscoveryResponse()
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise Damaged("it cannot be read, though its checksum is right") from None
    if message.control_plane.identifier != gateway:
        raise Damaged(f"it is of another gateway, {message.control_plane.identifier!r}")
    seen: set[tuple[str, str]] = set()
    for sent in message.resources:
        reference = (sent.resource.type_url, sent.name)
        if reference in seen or reference[0] not in PUSH_ORDER or not sent.version:
            raise Damaged(f"{sent.name!r} in it is no resource that a gateway can be sent")
        seen.add(reference)
    return gateway_resources(map(resource_in, message.resources))


def _header(body: bytes) -> bytes:
    return f"{MAGIC} {FORMAT} {sha256(body).hexdigest()} {len(body)}\n".encode()


class CacheFile:
    """The file of one gateway in a folder of ours. Writing raises OSError, loading never raises."""

    def __init__(self, folder: Path, gateway: str) -> None:
        self._gateway = gateway
        self.path = folder / f"{quote(gateway, safe='')}.xds"

    def prepare(self) -> None:
        """Makes the folder, for nobody else to look into. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def load(self) -> GatewayResources | None:
        """What was written last. What cannot be believed is put aside and said once, and counts as nothing."""
        try:
            state = read_state(self._gateway, self._bytes())
        except FileNotFoundError:
            return None
        except Damaged as reason:
            _log.warning("%s is not used, %s: %s", self.path, self._set_aside(), reason)
        except OSError as error:
            _log.warning("%s cannot be read and is not used: %s", self.path, error.strerror or error)
        else:
            _log.info("%s holds %d resources", self.path, sum(map(len, state.by_type.values())))
            return state
        return None

    def save(self, state: GatewayResources) -> None:
        """Takes the place of what was there, as a whole or not at all. Raises OSError."""
        self.prepare()
        new = self.path.with_name(f".{self.path.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(render_state(self._gateway, state))
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self.path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _bytes(self) -> bytes:
        # Whatever else goes by this name, a pipe for example, must not keep us waiting.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                raise Damaged("it is no file, or larger than any state")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                return stream.read()
        finally:
            os.close(descriptor)

    def _set_aside(self) -> str:
        damaged = self.path.with_name(f"{self.path.name}.damaged")
        try:
            self.path.replace(damaged)
        except OSError as error:
            return f"and stays where it is ({error.strerror})"
        return f"and is now {damaged.name}"
