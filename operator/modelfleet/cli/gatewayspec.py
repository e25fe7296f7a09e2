"""What an installer says of a gateway in one option: `edge=0.0.0.0:8080,max-body=8Mi,records=PATH,roots=PATH`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from modelfleet.fleet.world import Gateway

OPTION = "'--gateway'"
FORM = "NAME[=ADDR:PORT][,KEY=VALUE]..."
KEYS = ("max-body", "records", "roots", "tls-secrets", "tls-min")
VERSIONS = ("TLSv1.2", "TLSv1.3")
SMALLEST, LARGEST = 1024, 64 * 1024 * 1024
"""A policy may not ask for less or more either."""


def read_gateways(texts: Iterable[str]) -> "tuple[Gateway, ...]":
    """The gateways of these options, one for each; that of the name default where there is none."""
    from modelfleet.fleet.world import Gateway

    found: dict[str, Gateway] = {}
    for text in texts:
        gateway = _gateway(text)
        if gateway.name in found:
            raise _wrong(f'the gateway "{gateway.name}" is given twice: remove one of the two')
        found[gateway.name] = gateway
    return tuple(found.values()) or (Gateway("default"),)


def _gateway(text: str) -> "Gateway":
    from modelfleet.cli.lint import check_label
    from modelfleet.fleet.world import Gateway

    first, *rest = text.split(",")
    name, equals, address = first.partition("=")
    check_label(name, OPTION)
    gateway, said = Gateway(name), _said(rest)
    if equals:
        host, port = _address(address)
        gateway = replace(gateway, address=host, port=port)
    if "max-body" in said:
        gateway = replace(gateway, max_body_bytes=_bytes(said["max-body"]))
    gateway = replace(gateway, secrets=_folder(said), tls_minimum=_version(said) or gateway.tls_minimum)
    return replace(gateway, record=said.get("records") or gateway.record, roots=said.get("roots") or gateway.roots)


def _folder(said: Mapping[str, str]) -> str:
    folder = said.get("tls-secrets", "")
    if folder and not folder.startswith("/"):
        raise _wrong(f"tls-secrets={folder} must be a path from the root on, the folder where Envoy runs")
    return folder.rstrip("/") or folder[:1]


def _version(said: Mapping[str, str]) -> str:
    version = said.get("tls-min", "")
    if version and version not in VERSIONS:
        raise _wrong(f"tls-min={version} must be one of {', '.join(VERSIONS)}")
    if version and "tls-secrets" not in said:
        raise _wrong("tls-min is for a port with TLS: add tls-secrets=DIR")
    return version


def _said(parts: Iterable[str]) -> Mapping[str, str]:
    said: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if key not in KEYS or not equals or not value:
            raise _wrong(f"{part!r} must be one of {', '.join(f'{one}=VALUE' for one in KEYS)}")
        if key in said:
            raise _wrong(f"{key} is given twice: remove one of the two")
        said[key] = value
    return said


def _address(text: str) -> tuple[str, int]:
    from modelfleet.findings import Unusable
    from modelfleet.fleet.world import Gateway
    from modelfleet.local.ports import parse_address

    try:
        host, port = parse_address(f"{Gateway('').address}{text}" if text.startswith(":") else text)
    except Unusable as error:
        raise _wrong(str(error)) from None
    if port == 0:
        raise _wrong("a gateway needs a port that its users know: such as 8080")
    return host, port


def _bytes(text: str) -> int:
    from pydantic_core import PydanticCustomError

    from modelfleet.api.scalars.quantity import Quantity

    try:
        amount = Quantity.read(text).amount
    except PydanticCustomError:
        raise _wrong(f"max-body={text} must be a quantity of bytes such as 4Mi") from None
    if not (SMALLEST <= amount <= LARGEST and amount.denominator == 1):
        raise _wrong(f"max-body={text} must be from 1Ki to 64Mi")
    return int(amount)


def _wrong(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint=OPTION)
