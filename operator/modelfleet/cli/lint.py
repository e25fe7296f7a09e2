"""`modelfleet lint`: what the API server, the compiler and experience would say of manifests, without a cluster."""

import sys
from typing import Literal

import click

EXIT_ERRORS, EXIT_ABSENT = 1, 2


@click.command("lint")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(allow_dash=True))
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option(
    "-n", "--namespace", default="default", show_default=True, help="The namespace of objects that name none."
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)
def command(paths: tuple[str, ...], strict: bool, namespace: str, output: Literal["text", "json"]) -> None:
    r"""Check manifests, without a cluster.

    PATH is a file, a folder (searched for *.yaml, *.yml and *.json) or - for standard input. Objects of other groups
    are skipped; Secrets and ConfigMaps serve references. Findings go to standard output, one a line:

    \b
    FILE:LINE:COLUMN: SEVERITY: PATH: MESSAGE

    Exit codes: 0 no errors, 1 errors, 2 a path is absent or may not be read.
    """
    from modelfleet.cli.report import as_json, as_text, summary
    from modelfleet.findings import Severity
    from modelfleet.sources.files import read_paths
    from modelfleet.sources.review import review_sources

    review = review_sources(read_paths(paths, sys.stdin.buffer), namespace)
    if strict:
        review.findings = [finding._replace(severity=Severity.ERROR) for finding in review.findings]
    click.echo(as_json(review) if output == "json" else as_text(review), nl=False)
    for sentence in review.absent:
        click.echo(f"modelfleet lint: {sentence}", err=True)
    click.echo(summary(review), err=True)
    if review.absent:
        sys.exit(EXIT_ABSENT)
    sys.exit(EXIT_ERRORS if review.count(Severity.ERROR) else 0)
