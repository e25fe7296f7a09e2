"""An engine of the user's own: `engine.py PORT [stubborn] [grandchild] [stray] [VARIABLE...]`, which starts in no time.

It answers with the values of the variables, and with the authorization that it was sent. A stubborn one does not end
on SIGTERM. A grandchild stays in its group; a stray has left group and session and forgotten its environment.
"""

import http.server
import json
import os
import signal
import subprocess
import sys

SLEEP = ["sleep", "1000"]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything alike."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        said = {name: os.environ.get(name) for name in sys.argv[2:]}
        words = json.dumps({**said, "pid": os.getpid(), "authorization": self.headers.get("authorization")})
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}
        body = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing: what a test looks for is not to drown."""


if __name__ == "__main__":
    if "stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "grandchild" in sys.argv:
        subprocess.Popen(SLEEP)
    if "stray" in sys.argv:
        subprocess.Popen(SLEEP, env={}, start_new_session=True, executable="/bin/sleep")
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
