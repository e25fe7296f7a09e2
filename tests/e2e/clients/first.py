"""Asks until it is answered, and prints the answer: status, headers, body, and how long it took. Runs in a pod."""

import json
import ssl
import sys
import time
import urllib.error
import urllib.request

address, model, patience = sys.argv[1], sys.argv[2], float(sys.argv[3])
trusted = ssl.create_default_context(cadata=sys.argv[4]) if len(sys.argv) > 4 else None
body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]}).encode()
began, answer = time.time(), {}
while time.time() - began < patience:
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=trusted) as response:
            answer = {"status": response.status, "headers": dict(response.headers), "body": response.read().decode()}
        break
    except urllib.error.HTTPError as error:
        answer = {"status": error.code, "headers": dict(error.headers), "body": error.read().decode()}
    except OSError as error:
        answer = {"status": 0, "headers": {}, "body": str(error)}
    time.sleep(0.1)
sys.stdout.write(json.dumps({**answer, "at": time.time()}) + "\n")
