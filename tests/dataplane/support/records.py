"""The decision records that a gateway writes: found by id, and waited for, since a file comes a little later."""

import json
from pathlib import Path
from typing import Any

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.process import wait_for

Record = dict[str, Any]
ID = "x-modelfleet-request-id"


class Records:
    """A file of records that still grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: list[Record] = []
        self._at = 0

    def text(self) -> str:
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""

    def all(self) -> list[Record]:
        """All that were written so far, in that order."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._at)
                for line in file:
                    # The last line may still be on its way; what is read behind it is its rest, and no line.
                    if not line.endswith(b"\n"):
                        break
                    self._found.append(json.loads(line))
                    self._at += len(line)
        return list(self._found)

    def of(self, answer: Answer) -> Record:
        """The record of the request that got this answer."""
        id_ = answer.header(ID)
        assert id_, f"the answer names no request: {answer}"
        return self.by_id(id_)

    def by_id(self, id_: str) -> Record:
        def found() -> list[Record]:
            return [record for record in self.all() if record["id"] == id_]

        wait_for(lambda: bool(found()), f"the record of {id_}")
        (record,) = found()
        return record

    def wait_for(self, n: int) -> list[Record]:
        """All, once there are so many."""
        wait_for(lambda: len(self.all()) >= n, f"{n} records")
        return self.all()
