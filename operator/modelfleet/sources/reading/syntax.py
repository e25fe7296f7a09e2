"""libyaml's complaints as sentences that say what to do."""

import re
from typing import Final

import yaml

from modelfleet.sources.reading.problems import Origin

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_CHECK_INDENTATION: Final = "check the indentation of this line"
_CLOSE_BRACKET: Final = "separate the items with commas and close the bracket"
_CLOSE_QUOTE: Final = "close the quote"
_ADVICE: Final = {
    "mapping values are not allowed in this context": f'quote a value that holds ": ", or {_CHECK_INDENTATION}',
    "did not find expected key": _CHECK_INDENTATION,
    "did not find expected '-' indicator": _CHECK_INDENTATION,
    "block sequence entries are not allowed in this context": _CHECK_INDENTATION,
    "could not find expected ':'": 'a key needs ": " after it on its own line',
    "did not find expected ',' or ']'": _CLOSE_BRACKET,
    "did not find expected ',' or '}'": _CLOSE_BRACKET,
    "did not find expected node content": "write a value here, or remove what is left over",
    "found unexpected end of stream": _CLOSE_QUOTE,
    "found character that cannot start any token": "quote a value that begins with this character",
    "found unknown escape character": "double the backslash, or use single quotes",
    "found invalid Unicode character escape code": "write the character itself, for YAML has no surrogate pairs",
    "did not find expected alphabetic or numeric character": 'quote a value that begins with "*" or "&"',
    "found undefined tag handle": "remove the tag, or quote a value that begins with an exclamation mark",
}


def explain(error: yaml.YAMLError, origin: Origin) -> tuple[int, str]:
    """Where in the text the error is, as an index, and what to tell the user."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return _forbidden_character(origin.text)
    index = marked_index(error, origin.text)
    tab = _indenting_tab(origin.text, index)
    if tab is not None:
        return tab, "a tab may not indent YAML; use spaces"
    opening = error.context_mark.index if error.context_mark else index
    advice = _ADVICE.get(error.problem or "")
    if advice == _CLOSE_QUOTE:
        return opening, f"this is not YAML: the quote that opens here has no end; {_CLOSE_QUOTE}"
    message = f"this is not YAML: {error.problem}"
    line = origin.position(opening).line
    if error.context and line != origin.position(index).line:
        message += f" {error.context} that starts on line {line}"
    return index, f"{message}; {advice}" if advice else message


def marked_index(error: yaml.MarkedYAMLError, text: str) -> int:
    """The index of the text that the error points at; its end where the parser ran out of text."""
    mark = error.problem_mark or error.context_mark
    return min(mark.index, len(text)) if mark else 0


def _forbidden_character(text: str) -> tuple[int, str]:
    match = _FORBIDDEN.search(text)
    if not match:
        return 0, "this is not YAML: it is no text"
    return match.start(), f"the character U+{ord(match[0]):04X} may not stand in YAML; remove it"


def _indenting_tab(text: str, index: int) -> int | None:
    """The first tab among the blanks that begin the line, if the error is among them too."""
    start = text.rfind("\n", 0, index) + 1
    indentation = text[start : index + 1]
    tab = indentation.find("\t")
    return start + tab if tab >= 0 and not indentation.strip(" \t") else None
