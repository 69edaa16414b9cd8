#!/usr/bin/env python3
"""A complete receiver of apono's webhook integration, to start your own from; docs/webhook.md explains it.

    RECEIVER_SECRET=whsec_… python3 receiver.py 127.0.0.1:8000

It keeps who has what in memory; put your system in the place of `access`. A test runs it against the driver.
"""
import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["RECEIVER_SECRET"].removeprefix("whsec_"))
RESOURCES = [
    {"id": "prod", "name": "prod", "type": "environment", "path": ["cluster-1"], "tags": {"env": "prod"}},
    {"id": "test", "name": "test", "type": "environment", "tags": {"env": "test"}},
]
PERMISSIONS = [{"id": "deploy", "name": "Deploy"}]

lock = threading.Lock()  # one act at a time
answers = {}  # by webhook-id: a repeat gets the answer that it had; forget them after a day
access = set()  # (username, resource, permission)


def act(event, params):
    """Does what is asked. Granting what is granted and revoking what is gone is well done."""
    units = {(params.get("username"), r, params.get("permission")) for r in params.get("resources", [])}
    match event:
        case "get-status":
            return {"status": "ok"}
        case "list-resources":
            wanted = params.get("resource_type")
            return {"status": "ok", "resources": [r for r in RESOURCES if wanted in (None, r["type"])], "permissions": PERMISSIONS}
        case "grant-access":
            if unknown := {r for _, r, _ in units} - {r["id"] for r in RESOURCES}:
                return {"status": "error", "message": f"There is no {', '.join(sorted(unknown))}.", "retry": False}
            access.update(units)
            return {"status": "ok"}
        case "revoke-access":
            access.difference_update(units)
            return {"status": "ok"}
        case "create-credentials" | "reset-credentials":
            return {"status": "unsupported"}  # people sign in with what they have
        case "delete-credentials":
            return {"status": "ok"}  # there are none
    return {"status": "error", "message": f"{event} is not known here.", "retry": False}


def genuine(headers, body):
    """Signed with our secret, less than five minutes ago: https://www.standardwebhooks.com"""
    sent = headers.get("webhook-timestamp", "")
    if not sent.isdigit() or abs(time.time() - int(sent)) > 300:
        return False
    text = f"{headers.get('webhook-id')}.{sent}.".encode() + body
    want = "v1," + base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(want, got) for got in headers.get("webhook-signature", "").split())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not genuine(self.headers, body):
            self.answer(401, {"status": "error", "message": "The signature is not right.", "retry": False})
            return
        call = json.loads(body)
        with lock:
            identity = self.headers["webhook-id"]
            if identity not in answers:
                answer = act(call["event_type"], call["params"])
                if answer["status"] == "error":  # may be gone at the next try
                    self.answer(200, answer)
                    return
                answers[identity] = answer
            self.answer(200, answers[identity])

    def answer(self, status, value):
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


if __name__ == "__main__":
    host, port = sys.argv[1].rsplit(":", 1)
    server = ThreadingHTTPServer((host, int(port)), Receiver)
    print(f"listens on http://{host}:{server.server_port}/", flush=True)
    server.serve_forever()
