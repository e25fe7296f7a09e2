"""Says when files may have changed: nothing depends on what exactly was seen, since everything is read again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from watchfiles import awatch

QUIET_MS: Final = 30
"""An editor saves in several steps; so long without another one, it is done."""
LONGEST_MS: Final = 500
LOOK_AGAIN_S: Final = 5.0
"""Some file systems tell nobody. They are looked at now and then."""


async def changes(paths: Sequence[Path], stop: asyncio.Event) -> AsyncIterator[None]:
    """Yields whenever one of the paths, or something below it, may have changed; ends when stopped."""
    while not stop.is_set():
        watcher = awatch(
            *sorted({_watched(path) for path in paths}),
            watch_filter=lambda _, name: _concerns(Path(name), paths),
            debounce=LONGEST_MS,
            step=QUIET_MS,
            stop_event=stop,
            rust_timeout=int(LOOK_AGAIN_S * 1000),
            yield_on_timeout=True,
            recursive=True,
            ignore_permission_denied=True,
        )
        try:
            async for _ in watcher:
                yield
        except Exception:
            # It cannot tell of a name that is not UTF-8, for one. Something has changed, and that is all we ask.
            await asyncio.sleep(LONGEST_MS / 1000)
            yield


def _watched(path: Path) -> Path:
    # Editors put another file in the place of the one that they save, so a file is watched from above.
    found = path.absolute()
    while not found.is_dir():
        found = found.parent
    return found


def _concerns(changed: Path, paths: Sequence[Path]) -> bool:
    return any(changed == path.absolute() or path.absolute() in changed.parents for path in paths)
