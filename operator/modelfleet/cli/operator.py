"""`modelfleet operator`: the role that writes to a cluster."""

import re
import sys

import click

from modelfleet.cli.addresses import read_metrics
from modelfleet.cli.roles import log_options, scope_options

EXIT_UNUSABLE = 2
URL = re.compile(r"http://((?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5})/?")


@click.command("operator")
@scope_options
@click.option("--metrics", metavar="ADDR:PORT", help="Serve /metrics, /healthz and /readyz there.  [default: nowhere]")
@click.option(
    "--kube-api-qps",
    "rate",
    type=click.FloatRange(0.1, 1000),
    default=50.0,
    show_default=True,
    help="Write no more often than this in a second.",
)
@click.option(
    "--kube-api-burst",
    "burst",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="So many writes may come at once.",
)
@click.option(
    "--prometheus",
    default="",
    metavar="URL",
    help="The Prometheus that KEDA is to ask, for models with autoscaler keda.  [default: none]",
)
@click.option(
    "--image", metavar="IMAGE", help="modelfleet's own image, which runs engine sim.  [default: the public one]"
)
@click.option(
    "--xds",
    multiple=True,
    metavar="http://ADDR:PORT",
    help="Ask this xds replica what gateways acknowledged: its --metrics address; may be repeated.  "
    "[default: those of the Service in its own namespace]",
)
@log_options
def command(  # noqa: PLR0913, PLR0917 - an option each
    namespaces: tuple[str, ...],
    secrets: tuple[str, ...],
    metrics: str | None,
    rate: float,
    burst: int,
    resync: float,
    prometheus: str,
    image: str | None,
    xds: tuple[str, ...],
    log_format: str,
    log_level: str,
) -> None:
    """Watch a cluster, and write what is true of each object into its status.

    The cluster is that of KUBECONFIG, of ~/.kube/config, or of the pod that this runs in. Any number of operators may
    run: one writes, by the Lease modelfleet-operator in its own namespace, and the others stand by. Nothing is written
    where nothing changed.

    SIGTERM or Ctrl-C hands the Lease over and ends. Exit codes: 0 ended, 2 it could not be started.
    """
    from modelfleet.app.logs import set_up
    from modelfleet.app.operator import OperatorOptions, run_operator
    from modelfleet.findings import Unusable
    from modelfleet.workloads.options import OURS, Options

    children = Options(prometheus, image or OURS)
    replicas = tuple(map(_replica, xds))
    address = read_metrics(metrics)
    set_up(log_format, log_level)
    try:
        run_operator(OperatorOptions(namespaces, secrets, address, rate, burst, resync, children, replicas))
    except Unusable as error:
        click.echo(f"modelfleet operator: {error}", err=True)
        sys.exit(EXIT_UNUSABLE)


def _replica(url: str) -> str:
    found = URL.fullmatch(url)
    if not found:
        raise click.BadParameter(
            f"{url!r} must be http://ADDR:PORT, such as http://127.0.0.1:18001", param_hint="'--xds'"
        )
    return found[1]
