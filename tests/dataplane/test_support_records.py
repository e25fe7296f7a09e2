import io
from pathlib import Path
from typing import Any

from tests.dataplane.support.records import Records


class Growing(io.BytesIO):
    """A file whose last line is completed between two reads of it."""

    def __next__(self) -> bytes:
        line = super().__next__()
        if not line.endswith(b"\n"):
            at = self.tell()
            self.seek(0, io.SEEK_END)
            self.write(b'"b"}\n')
            self.seek(at)
        return line


class Place:
    """Stands for the path of such a file."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def exists(self) -> bool:
        return True

    def open(self, _mode: str) -> Any:
        return Growing(self.content)


def test_a_line_that_is_completed_while_it_is_read_is_left_for_the_next_time() -> None:
    records = Records(Path("unused"))
    records.path = Place(b'{"id": "a"}\n{"id": ')  # type: ignore[assignment]
    assert records.all() == [{"id": "a"}]
    records.path = Place(b'{"id": "a"}\n{"id": "b"}\n')  # type: ignore[assignment]
    assert records.all() == [{"id": "a"}, {"id": "b"}]
