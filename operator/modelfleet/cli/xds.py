"""`modelfleet xds`: the role that programs gateways, and the relay beside each of them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from modelfleet.cli.addresses import Reader, read_metrics
from modelfleet.cli.gatewayspec import FORM
from modelfleet.cli.roles import log_options, scope_options
from modelfleet.cli.tls import listener_options, tls_options
from modelfleet.findings import Unusable

if TYPE_CHECKING:
    from modelfleet.app.revival import Life
    from modelfleet.envoy.mtls import TlsFiles

EXIT_UNUSABLE = 2
HOST, PORT = "127.0.0.1", 18000
OF_CENTRAL = ("namespaces", "secrets", "resync")
OF_RELAY = ("node", "tls_server_name", "listener_cert", "listener_key", "again")

OTHERWISE = {"namespaces": "--namespace", "secrets": "--secrets-namespace", "again": "--restart"}
"""Options that are called otherwise than what they come to."""


class Served(NamedTuple):
    """What every server is told, a relay too."""

    listen: str
    gateways: tuple[str, ...]
    metrics: str | None
    tls: "TlsFiles | None"
    listener: "TlsFiles | None"


@click.command("xds")
@click.option(
    "--listen",
    default=f"{HOST}:{PORT}",
    show_default=True,
    metavar="ADDR:PORT|PATH",
    help="Where gateways connect; :PORT is all addresses, a path is a Unix socket.",
)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar=FORM,
    help="A gateway that is served, where its Envoys listen, and what they do: max-body, records (the file of decision "
    "records), roots (authorities for hosted models), tls-secrets (callers speak TLS; the folder that `modelfleet "
    "bootstrap` was given), tls-min (TLSv1.2 or TLSv1.3). May be repeated.  [default: default=0.0.0.0:8080,"
    "max-body=4Mi,records=/dev/stdout]",
)
@scope_options
@click.option(
    "--metrics", metavar="ADDR:PORT", help="Serve /metrics, /healthz, /readyz and /acks there.  [default: nowhere]"
)
@click.option(
    "--upstream",
    multiple=True,
    metavar="ADDR:PORT",
    help="Be a relay of this server, for one gateway beside it; may be repeated. Needs --cache.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where a relay keeps what its Envoy acknowledged last, to serve it when everything else is down.",
)
@click.option(
    "--node", metavar="ID", help="What a relay's Envoy is called.  [default: $POD_NAME, else the host's name]"
)
@click.option(
    "--restart",
    "again",
    is_flag=True,
    help="For a relay: start it anew when it crashes, in this process, since a pod is not ready while a container of "
    "it does not run.",
)
@tls_options
@listener_options(
    "For a relay: the certificate that its Envoy shows to callers, which is then told of in metrics.", "The key of it."
)
@log_options
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - an option each
    context: click.Context,
    listen: str,
    gateways: tuple[str, ...],
    namespaces: tuple[str, ...],
    secrets: tuple[str, ...],
    metrics: str | None,
    resync: float,
    upstream: tuple[str, ...],
    cache: Path | None,
    node: str | None,
    again: bool,
    log_format: str,
    log_level: str,
    tls: "TlsFiles | None",
    listener: "TlsFiles | None",
) -> None:
    """Program gateways from what a cluster holds, and tell what they acknowledged.

    The cluster is that of KUBECONFIG, of ~/.kube/config, or of the pod that this runs in. Any number may run: each
    serves the same, none writes anything. `modelfleet bootstrap` prints what an Envoy is started with to join.

    With --upstream it is a relay instead: the same server beside an Envoy, fed by another one, which it outlives.

    SIGTERM or Ctrl-C ends it, and gateways keep what they have. Exit codes: 0 ended, 2 it could not start.
    """
    from modelfleet.app.logs import set_up

    _check(context, relays=bool(upstream), has_cache=cache is not None)
    served = Served(Reader("--listen", HOST, PORT).read_own(listen), gateways, read_metrics(metrics), tls, listener)
    upstream = tuple(map(Reader("--upstream", "modelfleet-xds", PORT).read, upstream))
    set_up(log_format, log_level)
    try:
        if cache is not None:
            _relay(served, upstream, cache, node, again=again)
        else:
            _central(served, namespaces, secrets, resync)
    except Unusable as error:
        click.echo(f"modelfleet xds: {error}", err=True)
        sys.exit(EXIT_UNUSABLE)


def _check(context: click.Context, *, relays: bool, has_cache: bool) -> None:
    if relays != has_cache:
        raise click.UsageError(
            "--upstream and --cache belong together: a relay is fed by one, and keeps it in the other"
        )
    for name in OF_CENTRAL if relays else OF_RELAY:
        given = context.get_parameter_source(name)
        if given is click.core.ParameterSource.COMMANDLINE:
            option = OTHERWISE.get(name, f"--{name.replace('_', '-')}")
            why = (
                "is not for a relay, which sees no cluster" if relays else "is for a relay: add --upstream and --cache"
            )
            raise click.UsageError(f"{option} {why}")


def _central(served: Served, namespaces: tuple[str, ...], secrets: tuple[str, ...], resync: float) -> None:
    from modelfleet.app.xds import XdsOptions, run_xds
    from modelfleet.cli.gatewayspec import read_gateways

    listen, gateways, metrics, tls, _ = served
    if tls and listen.startswith("/"):
        raise click.UsageError(
            "--tls-cert and such are for a --listen ADDR:PORT: who may open the path of a socket is said by its rights"
        )
    listen = f"unix:{listen}" if listen.startswith("/") else listen
    run_xds(XdsOptions(listen, read_gateways(gateways), namespaces, secrets, metrics, resync, tls))


def _relay(served: Served, upstream: tuple[str, ...], cache: Path, node: str | None, *, again: bool) -> None:
    if not again:
        _run_relay(served, upstream, cache, node, None)
        return
    from modelfleet.app.revival import Life, run_again

    def work(life: Life) -> int:
        try:
            _run_relay(served, upstream, cache, node, life)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except Unusable as error:
            click.echo(f"modelfleet xds: {error}", err=True)
            return EXIT_UNUSABLE
        return 0

    # Before anything is imported that this process does not need, and that may have threads.
    sys.exit(run_again(work))


def _run_relay(served: Served, upstream: tuple[str, ...], cache: Path, node: str | None, life: "Life | None") -> None:
    from modelfleet.app.relay import RelayOptions, run_relay
    from modelfleet.cli.gatewayspec import read_gateways
    from modelfleet.cli.nodename import node_name
    from modelfleet.fleet.world import Gateway

    listen, gateways, metrics, tls, listener = served
    found = read_gateways(gateways)
    if len(found) > 1:
        raise click.UsageError("a relay is beside the Envoy of one gateway: give one --gateway")
    if found[0] != Gateway(found[0].name):
        raise click.UsageError(
            "--gateway: what an Envoy does is said where the relay is fed: give a relay the name alone"
        )
    run_relay(RelayOptions(upstream, cache, found[0].name, node or node_name(), listen, metrics, tls, listener, life))
