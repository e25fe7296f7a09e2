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
    """Check manifests, without a cluster.

    PATH is a file, a folder (searched for *.yaml, *.yml and *.json) or - for standard input. Objects of other groups
    are skipped; Secrets and ConfigMaps serve references. Findings go to standard output, one a line:

    \b
    FILE:LINE:COLUMN: SEVERITY: PATH: MESSAGE

    Of each policy without errors, standard error then says how many tries one request can cause at most.

    Exit codes: 0 no errors, 1 errors, 2 a path is absent or may not be read.
    """  # noqa: D301 - click wants the very character
    from modelfleet.cli.report import absences, as_json, as_text, notes, summary
    from modelfleet.cli.tries import worst_cases
    from modelfleet.findings import Severity
    from modelfleet.sources.files import STDIN, read_paths
    from modelfleet.sources.review import review_sources

    check_label(namespace, "'-n' / '--namespace'")
    # A process may have been started without a standard input, which is nobody's business unless it is to be read.
    stdin = sys.stdin.buffer if STDIN in paths and sys.stdin else None
    review = review_sources(read_paths(paths, stdin), namespace)
    if strict:
        review.findings = [finding._replace(severity=Severity.ERROR) for finding in review.findings]
    worst = worst_cases(review)
    click.echo(as_json(review, worst) if output == "json" else as_text(review), nl=False)
    click.echo((notes(worst) if output == "text" else "") + absences(review), err=True, nl=False)
    click.echo(summary(review), err=True)
    if review.absent:
        sys.exit(EXIT_ABSENT)
    sys.exit(EXIT_ERRORS if review.count(Severity.ERROR) else 0)


def check_label(text: str, option: str) -> None:
    """The same rule as for the field of an object: else each object would be blamed for the option."""
    from pydantic import TypeAdapter, ValidationError

    from modelfleet.api.scalars.names import DnsLabel

    try:
        TypeAdapter(DnsLabel).validate_python(text)
    except ValidationError as error:
        (wrong,) = error.errors(include_url=False)
        is_long = wrong["type"] == "string_too_long"
        message = f"must have at most {wrong['ctx']['max_length']} characters" if is_long else wrong["msg"]
        raise click.BadParameter(message, param_hint=option) from None
