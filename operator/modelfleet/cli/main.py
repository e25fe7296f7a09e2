"""`modelfleet`, also as `kubectl modelfleet`: the group that finds its commands when they are asked for."""

import io
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from modelfleet import __version__

EXIT_UNWRITTEN = 2
COMMANDS = {
    "bootstrap": "Print what an Envoy is started with to join a gateway.",
    "completion": "Print the completion script of a shell.",
    "crds": "Print the CustomResourceDefinitions.",
    "demo": "Show one routed answer, and why it went where it went.",
    "drain": "Tell the Envoy beside this to let go of its clients.",
    "lint": "Check manifests, without a cluster.",
    "operator": "Watch a cluster, and write what is true of each object into its status.",
    "records": "Read decision records: list, sum up, explain one.",
    "render": "Print what a fleet becomes, without sending it.",
    "up": "Serve a fleet on this machine, without a cluster.",
    "xds": "Program gateways from what a cluster holds, and tell what they acknowledged.",
}
"""Each command and its help in a line; its file has its name, and is not imported for the list."""


class Commands(click.Group):
    """A group whose commands are imported when they run, so that `--help` and completion stay quick."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Runs a command, whatever letters its output has, and also where the output cannot be written."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # names come from files, and Latin-1 has few letters
        try:
            return super().main(*args, **extra)
        except OSError as error:
            # What click lets through (it knows of closed pipes), and of no file by name: it is a stream of ours.
            if error.filename is not None:
                raise
            _give_up(error)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"modelfleet.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _give_up(error: OSError) -> NoReturn:
    with suppress(OSError):
        click.echo(f"modelfleet: the output cannot be written: {error.strerror or error}", err=True)
    # Python flushes both once more at the end, which would fail once more, and loudly.
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere.fileno(), stream.fileno())
    sys.exit(EXIT_UNWRITTEN)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="modelfleet")
def main() -> None:
    """Declare models, hardware and how requests may be routed; check it, and see why it does what it does."""
