"""The options of every role that watches a cluster: what it sees of it, how often anew, and how it tells of itself."""

from collections.abc import Callable

import click

Command = Callable[..., None]


def scope_options(function: Command) -> Command:
    """Adds what is watched, given as `namespaces`, `secrets` and `resync`."""
    for option in reversed(_SCOPE):
        option(function)
    return function


def log_options(function: Command) -> Command:
    """Adds the form of the log and how much of it is written, given as `log_format` and `log_level`."""
    for option in reversed(_LOG):
        option(function)
    return function


def _names(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """In a namespace that there cannot be nothing would ever be found, and nobody would know why."""
    from modelfleet.cli.lint import check_label

    for name in values:
        check_label(name, " / ".join(f"'{form}'" for form in option.opts))
    return values


_SCOPE = (
    click.option(
        "-n",
        "--namespace",
        "namespaces",
        multiple=True,
        metavar="NAME",
        callback=_names,
        help="Serve this namespace only; may be repeated.  [default: all]",
    ),
    click.option(
        "--secrets-namespace",
        "secrets",
        multiple=True,
        metavar="NAME",
        callback=_names,
        help="Read Secrets in this namespace only; may be repeated.  [default: all that are served]",
    ),
    click.option(
        "--resync",
        type=click.FloatRange(5, 3600),
        default=150.0,
        show_default=True,
        metavar="SECONDS",
        help="List everything anew about this often, to find what the watches missed.",
    ),
)
_LOG = (
    click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True),
    click.option(
        "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
    ),
)
