"""The end of a thread. Who could not start at all is stopped like everybody else, and then has none to wait for."""

from threading import Thread


def wait_for_end(thread: Thread, patience: float) -> None:
    """Waits so many seconds for it to end. One that never began has ended."""
    if thread.is_alive():
        thread.join(patience)
