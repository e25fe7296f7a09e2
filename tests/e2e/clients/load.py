"""Asks at a steady pace, over connections that are kept and over new ones; counts each second. Runs in a pod.

Of what fails it tells how far it had come: `connect`, where there was no connection yet, `answer`, where the request
was sent and the connection broke before the answer was whole, or `status`, where the answer was a failure.
"""

import http.client
import json
import select
import sys
import threading
import time
from urllib.parse import urlsplit

address, model, pace = urlsplit(sys.argv[1]), sys.argv[2], float(sys.argv[3])
CALLERS = 4
body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]})
lock, counts = threading.Lock(), {"asked": 0, "failed": 0}
wrong: list[dict[str, object]] = []


def connect() -> http.client.HTTPConnection:
    return http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=10)


def ask(connection: http.client.HTTPConnection) -> tuple[str, str]:
    """How far a request came that failed, and what was wrong; nothing where it was answered."""
    # As clients that keep connections do: one that the other side has closed meanwhile is not used again.
    if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
        connection.close()
    try:
        if connection.sock is None:
            connection.connect()
    except OSError as error:
        connection.close()
        return "connect", f"{type(error).__name__}: {error}"
    try:
        connection.request("POST", address.path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return "answer", f"{type(error).__name__}: {error}"
    return ("", "") if response.status == 200 else ("status", f"status {response.status}: {text[:200]!r}")


def caller(keeps: bool) -> None:
    connection = connect()
    while True:
        began, at = time.monotonic(), time.time()
        phase, found = ask(connection)
        if not keeps:
            connection.close()
            connection = connect()
        with lock:
            counts["asked"] += 1
            if phase:
                counts["failed"] += 1
                wrong.append({"from": at, "to": time.time(), "kept": keeps, "phase": phase, "what": found})
        time.sleep(max(0.0, CALLERS / pace - (time.monotonic() - began)))


for number in range(CALLERS):
    threading.Thread(target=caller, args=(number % 2 == 0,), daemon=True).start()
while True:
    time.sleep(1)
    with lock:
        sys.stdout.write(json.dumps({**counts, "wrong": wrong[-20:]}) + "\n")
        sys.stdout.flush()
