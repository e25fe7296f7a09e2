"""The same fleets as files: YAML and JSON, whole and torn, through lint and render as a user runs them."""

import json
import re
import traceback
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from tests.support.hostile.dice import Dice
from tests.support.hostile.fleets import Fleet
from tests.support.hostile.words import TEXTS

PLACE = re.compile(r"^.*?:\d+:\d+: (error|warning): ")
BOMBS = (
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n",
    *(
        b"[" * 5000,
        b"{a: " * 5000,
        b"- " * 5000,
        b"&a [*a]\n",
        b"a: 1\na: 2\n",
        b"<<: {kind: x}\n",
        b"!!python/object:os {}\n",
    ),
    *(
        b"\xef\xbb\xbfkind: x\n",
        "kind: x\n".encode("utf-16"),
        b"\x00",
        b"%YAML 9.9\n---\n",
        b"kind: |\n\tx\n",
        b"\r\n---\r...\n",
    ),
)


def text_faults(fleet: Fleet, folder: Path) -> list[str]:
    """What is wrong with what the commands make of the fleet's text."""
    dice = Dice(f"{fleet.name} written")
    path = folder / "fleet.yaml"
    path.write_bytes(_torn(written(fleet.documents, dice), dice) if dice.often(0.4) else written(fleet.documents, dice))
    found = [*_lint_faults(path), *_render_faults(path, dice)]
    path.unlink()
    return found


def written(documents: list[Any], dice: Dice) -> bytes:
    """All of them, each in one of the ways in which people and programs write YAML."""
    return b"---\n".join(_one(raw, dice) for raw in documents)


def _one(raw: Any, dice: Dice) -> bytes:
    if dice.often(0.5):
        try:
            return yaml.safe_dump(raw, allow_unicode=dice.often(0.5), sort_keys=dice.often(0.5)).encode(
                errors="surrogatepass"
            )
        except ValueError:  # half a surrogate pair has no escape there
            pass
    return json.dumps(raw, ensure_ascii=dice.often(0.5)).encode(errors="surrogatepass") + b"\n"


def _torn(text: bytes, dice: Dice) -> bytes:
    """A text that an editor, a template or a transfer has spoilt."""
    at = dice.randrange(len(text) + 1)
    odd = dice.choice((*BOMBS, *(it.encode(errors="surrogatepass") for it in TEXTS)))
    ways = (
        lambda: text[:at],
        lambda: text[:at] + odd + text[at:],
        lambda: text + b"\n---\n" + odd,
        lambda: odd + b"\n---\n" + text,
        lambda: text.replace(b"\n", b"\r\n"),
        lambda: text.decode(errors="replace").encode("utf-16"),
        lambda: text[:at] + bytes(dice.randrange(256) for _ in range(8)) + text[at:],
    )
    return dice.choice(ways)()


def _run(*arguments: str) -> tuple[Result, list[str]]:
    result = CliRunner().invoke(main, list(arguments))
    if result.exception is None or isinstance(result.exception, SystemExit):
        return result, []
    told = "".join(traceback.format_exception(result.exception)[-3:])
    return result, [f"modelfleet {' '.join(arguments)}: {told}"]


def _lint_faults(path: Path) -> list[str]:
    (as_text, raised), (as_json, raised_too) = _run("lint", str(path)), _run("lint", "-o", "json", str(path))
    if raised or raised_too:
        return [*raised, *raised_too]
    findings = json.loads(as_json.stdout)["findings"]
    expected = 1 if any(it["severity"] == "error" for it in findings) else 0
    found = [
        f"lint exits with {it.exit_code}, and not {expected}" for it in (as_text, as_json) if it.exit_code != expected
    ]
    lines = [line for line in as_text.stdout.splitlines() if not (PLACE.match(line) and line.isprintable())]
    odd = [it for it in findings if not (it["line"] >= 1 and it["column"] >= 1 and it["message"].isprintable())]
    return [
        *found,
        *(f"lint says what is no finding: {line!r}" for line in lines),
        *(f"lint says of no place: {it}" for it in odd),
    ]


def _render_faults(path: Path, dice: Dice) -> list[str]:
    output = dice.choice(("yaml", "json"))
    result, raised = _run("render", "envoy", "-o", output, str(path))
    if raised:
        return raised
    found = [f"render says: {line}" for line in result.stderr.splitlines() if "a fault of modelfleet" in line]
    if result.exit_code not in (0, 1) or (result.exit_code == 1) != bool(_told(result.stderr)):
        found.append(f"render exits with {result.exit_code} and says {result.stderr[:300]!r}")
    if output == "json":
        json.loads(result.stdout)
    return found


def _told(stderr: str) -> list[str]:
    """What render says that keeps something out; that nobody names the gateway is a word by the way."""
    return [line for line in stderr.splitlines() if not line.startswith("modelfleet render: no policy")]
