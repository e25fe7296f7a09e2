"""`modelfleet render`: what a fleet becomes, so that a change can be read before it is sent anywhere."""

import sys
from typing import Literal

import click

EXIT_ERRORS, EXIT_ABSENT = 1, 2

PATHS = click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(allow_dash=True))
OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="How to print it."
)
NAMESPACE = click.option(
    "-n", "--namespace", default="default", show_default=True, help="The namespace of objects that name none."
)


@click.group("render")
def command() -> None:
    """Print what a fleet becomes, without sending it."""


@command.command("envoy")
@PATHS
@click.option("--gateway", default="default", show_default=True, help="The gateway that is rendered.")
@click.option("--script", is_flag=True, help="Print the whole Lua script, not a word about it.")
@NAMESPACE
@OUTPUT
def envoy(paths: tuple[str, ...], gateway: str, script: bool, namespace: str, output: Literal["yaml", "json"]) -> None:
    """Print the resources that a gateway is sent.

    PATH is a file, a folder (searched for *.yaml, *.yml and *.json) or - for standard input. What has errors, or asks
    for what cannot be enforced yet, is left out and told on standard error as lint tells it. Replicas are not known
    here, so models have no endpoints; Secrets are hidden, and one that is not among the manifests is taken to be there.

    Exit codes: 0 no errors, 1 errors, 2 a path is absent or may not be read.
    """
    from modelfleet.cli.lint import check_label
    from modelfleet.cli.rendering import Request, as_json, as_yaml, is_named, plan_of, refusals
    from modelfleet.cli.report import absences
    from modelfleet.envoy.display import display_resources
    from modelfleet.fleet.world import Gateway
    from modelfleet.sources.files import STDIN, read_paths
    from modelfleet.sources.review import review_sources

    check_label(namespace, "'-n' / '--namespace'")
    check_label(gateway, "'--gateway'")
    sources = list(read_paths(paths, sys.stdin.buffer if STDIN in paths and sys.stdin else None))
    review, plan = review_sources(sources, namespace), plan_of(Request(sources, namespace, Gateway(gateway)))
    shown = display_resources(plan.gateways[gateway], script=script)
    click.echo(as_json(gateway, shown) if output == "json" else as_yaml(shown), nl=False)
    wrong = list(refusals(review, plan.findings, plan.defects))
    if not is_named(gateway, plan):
        click.echo(f"modelfleet render: no policy that can be in force names the gateway {gateway}", err=True)
    click.echo("".join(f"{line}\n" for line in wrong) + absences(review, "render"), err=True, nl=False)
    if review.absent:
        sys.exit(EXIT_ABSENT)
    sys.exit(EXIT_ERRORS if wrong else 0)


@command.command("kubernetes")
@PATHS
@click.option("--prometheus", default="", metavar="URL", help="The Prometheus that KEDA is to ask.")
@click.option("--image", default=None, help="The image of modelfleet, which the simulated engine is in.")
@NAMESPACE
@OUTPUT
def kubernetes(
    paths: tuple[str, ...], prometheus: str, image: str | None, namespace: str, output: Literal["yaml", "json"]
) -> None:
    """Print the objects that the operator makes for models with an engine.

    PATH is a file, a folder (searched for *.yaml, *.yml and *.json) or - for standard input. Nodes are not known here,
    so placement is what it is where every class has room for as many units as it may have: replicas are on the
    preferred one. The operator adds the owner and a hash. What has errors, or asks for what cannot be made, is left out
    and told on standard error as lint tells it; policies are not looked at.

    Exit codes: 0 no errors, 1 errors, 2 a path is absent or may not be read.
    """
    from modelfleet.cli.lint import check_label
    from modelfleet.cli.manifests import as_list, children_of, without_policies
    from modelfleet.cli.rendering import as_yaml, refusals
    from modelfleet.cli.report import absences
    from modelfleet.sources.files import STDIN, read_paths
    from modelfleet.sources.review import review_sources
    from modelfleet.workloads.options import OURS, Options

    check_label(namespace, "'-n' / '--namespace'")
    sources = list(read_paths(paths, sys.stdin.buffer if STDIN in paths and sys.stdin else None))
    review = without_policies(review_sources(sources, namespace))
    shown, findings = children_of(sources, namespace, Options(prometheus, image or OURS))
    click.echo(as_list(shown) if output == "json" else as_yaml(shown), nl=False)
    wrong = list(refusals(review, findings))
    click.echo("".join(f"{line}\n" for line in wrong) + absences(review, "render"), err=True, nl=False)
    if review.absent:
        sys.exit(EXIT_ABSENT)
    sys.exit(EXIT_ERRORS if wrong else 0)
