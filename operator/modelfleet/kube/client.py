"""The API server as a few plain calls: JSON in, JSON out, and of exceptions only KubeError."""

import json
import logging
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from kubernetes.client import ApiClient, Configuration
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, SSLError

from modelfleet.findings import Unusable, one_line
from modelfleet.kube.errors import Gone, Unauthorized, Unreachable, Untrusted, error_of

T = TypeVar("T")

_log = logging.getLogger(__name__)

OLDEST: Final = (1, 30)
"""The oldest server that takes our Deployments: a container that sleeps before it ends, without a shell."""

TIMEOUT_S: Final = 30.0
CONNECT_WITHIN_S: Final = 10.0
PAGE: Final = 200
"""Whole objects are large: so many of them at a time are held while a list is read."""
_RESTARTS: Final = 3
_CONNECTIONS: Final = 32
"""More than threads that ask at once: each beyond would make a connection for every request, and the log says so."""
_PIECE: Final = 65536
_HEADER: Final = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
_SOCKET_OPTIONS: Final = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # What a request that timed out has not yet sent is dropped with its connection. Otherwise the kernel goes on
    # sending, and a write may arrive when another than us holds the Lease.
    (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)),
]


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """All the objects of a kind, and the version to watch from."""

    items: list[T]
    version: str


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]
    deadline: float

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"


class Client:
    """A client for any number of threads. Raises only KubeError.

    Credentials are read again whenever they ask for it, and loaded anew after a 401 or a failed handshake.
    """

    def __init__(self, load: Callable[[], Configuration], user_agent: str) -> None:
        self._load = load
        self._user_agent = user_agent
        self._lock = threading.Lock()
        self._session = _Session(load())

    @property
    def server(self) -> str:
        """Where the API server is."""
        return self._session.server

    def headers(self) -> dict[str, str]:
        """The headers that say who we are, as of now. For others who speak to the same server."""
        return self._session.headers()

    def ssl_context(self) -> ssl.SSLContext | None:
        """What others who speak to the same server trust, with our certificate if we have one; None for http.

        The kubeconfig's tls-server-name and proxy-url are not in it: a context has no place for them.
        """
        return self._session.ssl_context()

    def reload(self) -> None:
        """Loads the credentials anew. Those in use are kept where that fails."""
        self._renewed(self._session)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content: str = "application/json",
        timeout: float = TIMEOUT_S,
    ) -> dict[str, Any]:
        """Sends the request and reads the object that answers it.

        Once the time is up nothing is begun, sent or waited for any more; only an answer that has begun, and comes in
        drops, may take twice as long.
        """
        headers = {"User-Agent": self._user_agent, "Accept": "application/json"}
        call = _Call(
            method,
            f"{path}?{urlencode(query)}" if query else path,
            None if body is None else json.dumps(body).encode(),
            headers if body is None else {**headers, "Content-Type": content},
            time.monotonic() + timeout,
        )
        session = self._session
        try:
            return session.exchange(call)
        except (Unauthorized, Untrusted):
            renewed = self._renewed(session)
            if renewed is session:
                raise
        return renewed.exchange(call)

    def list(
        self, made_of: Callable[[dict[str, Any]], T], path: str, selector: str = "", page: int = PAGE
    ) -> Listing[T]:
        """What is made of all objects at a path, of one moment, read page by page. Half a list is never returned.

        Never more than a page of them is held whole.
        """
        for _ in range(_RESTARTS):
            with suppress(Gone):
                return self._pages(made_of, path, selector, page)
        return self._pages(made_of, path, selector, page)

    def server_version(self) -> tuple[int, int]:
        """The server's version."""
        found = self.request("GET", "/version", timeout=5)
        numbers = [re.match(r"\d{1,4}", str(found.get(part))) for part in ("major", "minor")]
        if None in numbers:
            raise Unreachable("GET /version: could not read the answer: it names no version")
        major, minor = (int(number[0]) for number in numbers if number)
        return major, minor

    def _pages(self, made_of: Callable[[dict[str, Any]], T], path: str, selector: str, page: int) -> Listing[T]:
        query = {"limit": str(page)} | ({"labelSelector": selector} if selector else {})
        found: Listing[T] | None = None
        while True:
            answer = self.request("GET", path, query=query)
            part = _parse_page(path, answer)
            found = found or Listing([], part.version)
            found.items.extend(made_of(item) for item in part.items)
            more = answer["metadata"].get("continue")
            if not more:
                return found
            if not isinstance(more, str) or more == query.get("continue"):
                raise Unreachable(f"GET {path}: could not read the list: its pages do not go on")
            query["continue"] = more

    def _renewed(self, used: "_Session") -> "_Session":
        with self._lock:
            # Of many threads that were refused together, one loads.
            if self._session is used:
                try:
                    self._session = _Session(self._load())
                except Unusable as reason:
                    _log.warning("The credentials could not be loaded again: %s", reason)
            return self._session


_sending = threading.local()
"""By `until`, until when the request of this thread may be sent."""


class _Punctual(HTTPConnection):
    """Sends nothing once the time of a request is up.

    The whole process may stand still between a look at the clock and the next instruction, longer than its Lease lasts.
    This look is the last thing before the system is called.
    """

    def send(self, data: Any) -> None:
        if time.monotonic() > _sending.until:
            raise TimeoutError("the time was up before it was sent")
        super().send(data)


class _PunctualTls(_Punctual, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Punctual


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PunctualTls


class _Session:
    """One loading of the credentials, and the connections that were made with them."""

    def __init__(self, configuration: Configuration) -> None:
        # Whoever calls knows what may be sent twice, and when.
        configuration.retries = False
        configuration.socket_options = _SOCKET_OPTIONS
        configuration.connection_pool_maxsize = _CONNECTIONS
        self.server = str(configuration.host)
        self._configuration = configuration
        self._pool = ApiClient(configuration).rest_client.pool_manager
        self._pool.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        try:
            # The hook behind this reads files, runs programs, and changes the configuration.
            with self._lock:
                setting = self._configuration.auth_settings().get("BearerToken")
        except Exception as error:
            raise Unreachable(f"the credentials could not be read: {type(error).__name__}") from None
        scheme, _, secret = str(setting["value"] or "").partition(" ") if setting else ("", "", "")
        # A file with a token in it often ends with a line break.
        value = f"{scheme} {secret.strip()}".strip()
        if value and not _HEADER.fullmatch(value):
            # The words of http.client would hold the token.
            raise Unreachable("the credentials hold characters that cannot be sent")
        return {"Authorization": value} if value else {}

    def ssl_context(self) -> ssl.SSLContext | None:
        chosen = self._configuration
        if not self.server.startswith("https"):
            return None
        try:
            context = ssl.create_default_context(cafile=chosen.ssl_ca_cert, cadata=chosen.ca_cert_data)
            if chosen.cert_file:
                context.load_cert_chain(chosen.cert_file, chosen.key_file)
        except OSError as error:
            raise Unreachable(f"the certificates could not be read: {type(error).__name__}") from error
        if not chosen.verify_ssl or chosen.assert_hostname is False:
            context.check_hostname = False
        if not chosen.verify_ssl:
            context.verify_mode = ssl.CERT_NONE
        return context

    def exchange(self, call: _Call) -> dict[str, Any]:
        headers = {**call.headers, **self.headers()}
        left = call.deadline - time.monotonic()
        if left <= 0:
            raise Unreachable(f"{call}: no answer in time")
        _sending.until = call.deadline
        try:
            response = self._pool.request(
                call.method,
                f"{self.server}{call.path}",
                body=call.body,
                headers=headers,
                timeout=Timeout(connect=min(left, CONNECT_WITHIN_S), total=left),
                preload_content=False,
                redirect=False,
            )
            data = _read(response, call)
        except (HTTPError, OSError) as error:
            kind = Untrusted if isinstance(error, SSLError) else Unreachable
            raise kind(f"{call}: no answer that could be read: {one_line(str(error))}") from error
        return _parse(call, response, data)


def check_version(version: tuple[int, int]) -> str | None:
    """What is wrong with a server of this version; None where nothing is."""
    if version >= OLDEST:
        return None
    return f"Kubernetes {version[0]}.{version[1]} is not supported: modelfleet needs {OLDEST[0]}.{OLDEST[1]} or newer"


def _read(response: BaseHTTPResponse, call: _Call) -> bytes:
    pieces = []
    try:
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            if time.monotonic() > call.deadline:
                raise Unreachable(f"{call}: no whole answer in time")
    except BaseException:
        # Nobody else may find the rest of this answer on the connection.
        response.close()
        raise
    finally:
        response.release_conn()
    return b"".join(pieces)


def _parse(call: _Call, response: BaseHTTPResponse, data: bytes) -> dict[str, Any]:
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise error_of(response.status, data, response.headers)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreachable(f"{call}: could not read the answer: it is not JSON") from None
    if not isinstance(found, dict):
        raise Unreachable(f"{call}: could not read the answer: it is no object")
    return found


def _parse_page(path: str, answer: dict[str, Any]) -> Listing[dict[str, Any]]:
    """One page. Whatever is not a list is unreadable, and never an empty list."""
    items, metadata = answer.get("items"), answer.get("metadata")
    api, kind = str(answer.get("apiVersion") or ""), str(answer.get("kind") or "")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    wrong = f"GET {path}: could not read the list: "
    if not api or kind.removesuffix("List") in {"", kind}:
        raise Unreachable(f"{wrong}the answer is of kind {one_line(kind, 80) or 'none'}")
    if not isinstance(version, str) or not version:
        raise Unreachable(f"{wrong}it has no version")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Unreachable(f"{wrong}its items are no objects")
    # Of built-in kinds only the list says what its items are.
    common = {"apiVersion": api, "kind": kind.removesuffix("List")}
    return Listing([common | item for item in items], version)
