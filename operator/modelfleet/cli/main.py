"""`modelfleet`, also as `kubectl modelfleet`: the group that finds its commands when they are asked for."""

from importlib import import_module

import click

from modelfleet import __version__

COMMANDS = {
    "completion": "Print the completion script of a shell.",
    "crds": "Print the CustomResourceDefinitions.",
    "lint": "Check manifests, without a cluster.",
}
"""Each command and its help in a line; its file has its name, and is not imported for the list."""


class Commands(click.Group):
    """A group whose commands are imported when they run, so that `--help` and completion stay quick."""

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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="modelfleet")
def main() -> None:
    """Declare models, hardware and how requests may be routed; check it, and see why it does what it does."""
