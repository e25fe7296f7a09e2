"""`modelfleet bootstrap`: what a stock Envoy is started with, so that it joins a gateway."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from modelfleet.cli.tls import NAME, PAIR, listener_options, tls_options

if TYPE_CHECKING:
    from modelfleet.envoy.mtls import TlsFiles

ADMIN = "127.0.0.1:9901"
LONGEST = 253


@click.command("bootstrap")
@click.option("--gateway", required=True, metavar="NAME", help="The gateway to join, one of those that xds serves.")
@click.option(
    "--xds",
    required=True,
    multiple=True,
    metavar="ADDR:PORT|PATH",
    help="Where a control plane listens. May be repeated: one is used, and another where that one is down. A name "
    "stands for all addresses that it has.",
)
@click.option(
    "--node", metavar="ID", help="A name that no other Envoy has.  [default: $POD_NAME, else the host's name]"
)
@click.option(
    "--admin",
    default=ADMIN,
    show_default=True,
    metavar="ADDR:PORT|PATH",
    help="Where Envoy's own interface is. Whoever reaches it can read everything, and stop the gateway.",
)
@click.option("--region", default="", metavar="NAME", help="The region that it runs in.")
@click.option("--zone", default="", metavar="NAME", help="The zone that it runs in.")
@tls_options
@listener_options(
    "The certificate that Envoy shows to callers, in PEM, with those between it and the authority. The gateway of "
    "`modelfleet xds` has to say tls-secrets=DIR.",
    "The key of it.",
)
@click.option(
    "--tls-secrets",
    metavar="DIR",
    help="Where small files are written by which Envoy reads those of TLS: only so it takes renewed ones.",
)
@click.option(
    "-o", "--output", type=click.Choice(["json", "yaml"]), default="json", show_default=True, help="How to print it."
)
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it to this file, where nobody is there to redirect what is printed.",
)
def command(  # noqa: PLR0913, PLR0917 - an option each
    gateway: str,
    xds: tuple[str, ...],
    node: str | None,
    admin: str,
    region: str,
    zone: str,
    tls_secrets: str | None,
    output: Literal["json", "yaml"],
    to: Path | None,
    tls: "TlsFiles | None",
    listener: "TlsFiles | None",
) -> None:
    """Print what an Envoy is started with to join a gateway.

    Everything else comes from the control plane: the Envoy is ready, and its port open, once it has all of that. The
    file that it is started with must be called as what is in it: .json or .yaml.

    \b
    modelfleet bootstrap --gateway default --xds modelfleet-xds:18000 > envoy.json
    envoy -c envoy.json
    """  # noqa: D301 - click wants the very character
    from modelfleet.cli.lint import check_label
    from modelfleet.cli.nodename import node_name
    from modelfleet.cli.quoted import quoted_yaml
    from modelfleet.envoy.bootstrap import Bootstrap, render_bootstrap

    check_label(gateway, "'--gateway'")
    node = _name(node or node_name(), "--node")
    region, zone = _name(region, "--region"), _name(zone, "--zone")
    addresses = _control_planes(xds)
    folder = _folder(tls, listener, tls_secrets)
    secured = _secured(tls, folder, addresses)
    rendered = render_bootstrap(Bootstrap(gateway, node, addresses, _admin(admin), region, zone, secured, folder))
    _write_secrets(secured, _shown(listener, folder), folder)
    text = quoted_yaml(rendered) if output == "yaml" else json.dumps(rendered, indent=2) + "\n"
    _write(to, text, output)


def _write(to: Path | None, text: str, output: str) -> None:
    if to is None:
        click.echo(text, nl=False)
        return
    if to.suffix != f".{output}":
        message = f"{str(to)!r} must end in .{output}, by which Envoy knows what is in it: rename it, or give --output"
        raise click.BadParameter(message, param_hint="'--to'")
    # Whoever reads it finds all of it or none: a container that starts anew may find an older one there.
    beside = to.with_name(f".{to.name}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(to)
    except OSError as error:
        message = f"{str(to)!r} cannot be written: {error.strerror or error}"
        raise click.BadParameter(message, param_hint="'--to'") from None


def _name(text: str, option: str) -> str:
    if not text.isprintable() or len(text) > LONGEST:
        message = f"must be a name on one line, of at most {LONGEST} characters"
        raise click.BadParameter(message, param_hint=f"'{option}'")
    return text


def _folder(tls: "TlsFiles | None", listener: "TlsFiles | None", secrets: str | None) -> str:
    """That of --tls-secrets, which is given where it is needed and nowhere else. Raises UsageError."""
    if bool(tls or listener) != bool(secrets):
        raise click.UsageError(
            "--tls-cert and such, or --listener-cert, and --tls-secrets belong together: Envoy reads the ones by the "
            "other"
        )
    return secrets or ""


def _secured(tls: "TlsFiles | None", secrets: str, addresses: tuple[str, ...]) -> "TlsFiles | None":
    """The files with the name of the server. Raises UsageError or BadParameter."""
    from modelfleet.cli.addresses import host_of
    from modelfleet.envoy.bootstrap import is_path

    if tls is None:
        return None
    if socket := next(filter(is_path, addresses), None):
        raise click.BadParameter(f"{socket!r} is a socket, which is without TLS: give HOST:PORT", param_hint="'--xds'")
    _check_paths({"--tls-cert": tls.cert, "--tls-key": tls.key, "--tls-ca": tls.ca, "--tls-secrets": secrets})
    hosts = set(map(host_of, addresses))
    if not tls.server_name and len(hosts) > 1:
        raise click.UsageError(f"{NAME}: say what all servers of --xds are called in their certificates")
    return replace(tls, server_name=tls.server_name or hosts.pop())


def _check_paths(files: Mapping[str, str]) -> None:
    """That they are from the root on, and the second, a key, beside the first."""
    for option, path in files.items():
        if not path.startswith("/"):
            message = f"{path!r} must be a path from the root on: Envoy may be started in another folder"
            raise click.BadParameter(message, param_hint=f"'{option}'")
    (cert, in_one), (key, in_other), *_ = files.items()
    if in_one.rpartition("/")[0] != in_other.rpartition("/")[0]:
        raise click.BadParameter(f"must be in the folder of {cert}, which Envoy watches", param_hint=f"'{key}'")


def _shown(listener: "TlsFiles | None", folder: str) -> "TlsFiles | None":
    """The pair, after a look into it: an Envoy that has none that is good opens its port, and ends each connection."""
    from modelfleet.findings import Unusable
    from modelfleet.xds.tls import RenewingTls

    if listener is None:
        return None
    _check_paths(dict(zip((*PAIR, "--tls-secrets"), (listener.cert, listener.key, folder), strict=True)))
    try:
        RenewingTls(listener, serves=True, count=lambda _: None, prefix="--listener")
    except Unusable as error:
        raise click.UsageError(str(error)) from None
    return listener


def _write_secrets(tls: "TlsFiles | None", listener: "TlsFiles | None", folder: str) -> None:
    from modelfleet.envoy.callers import certificate_file
    from modelfleet.envoy.mtls import secret_files

    of_xds = secret_files(tls, folder) if tls else {}
    of_callers = certificate_file(listener, folder) if listener else {}
    try:
        for path, content in {**of_xds, **of_callers}.items():
            Path(folder).mkdir(parents=True, exist_ok=True)
            Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        message = f"{folder!r} cannot be written: {error.strerror or error}"
        raise click.BadParameter(message, param_hint="'--tls-secrets'") from error


def _control_planes(texts: Iterable[str]) -> tuple[str, ...]:
    from modelfleet.cli.addresses import Reader
    from modelfleet.envoy.bootstrap import is_literal, is_path

    reader = Reader("--xds", "modelfleet-xds", 18000)
    addresses = tuple(dict.fromkeys(map(reader.read, texts)))
    names = [address for address in addresses if not is_literal(address)]
    if names and any(map(is_path, addresses)):
        message = f"{names[0]!r} is a name, which Envoy does not take beside the path of a socket: give its addresses"
        raise click.BadParameter(message, param_hint="'--xds'")
    return addresses


def _admin(text: str) -> str:
    from modelfleet.cli.addresses import Reader
    from modelfleet.envoy.bootstrap import is_literal

    host, _, port = ADMIN.rpartition(":")
    address = Reader("--admin", host, int(port)).read(text)
    if not is_literal(address):
        message = f"{text!r} is a name, and Envoy listens at an address: give one such as {ADMIN}"
        raise click.BadParameter(message, param_hint="'--admin'")
    return address
