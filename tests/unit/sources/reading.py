"""What the tests of the readers share."""

from modelfleet.sources.reading.documents import Document, read_documents


def read(text: str | bytes) -> list[Document]:
    return list(read_documents(text if isinstance(text, bytes) else text.encode()))


def only(text: str | bytes) -> Document:
    """The one document of the text."""
    (document,) = read(text)
    return document


def value(text: str | bytes) -> object:
    """The value of the one document of the text, which must have no problem."""
    document = only(text)
    assert document.problems == ()
    assert document.readable
    return document.value


def problem(text: str | bytes) -> tuple[int, int, str]:
    """Line, column and message of the one problem of the one document of the text."""
    (found,) = only(text).problems
    return (*found.position, found.message)
