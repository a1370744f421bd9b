"""A merchant's webhook on loopback, made of nothing but pysibs: decrypt, parse, acknowledge."""

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from pysibs import webhooks
from pysibs.exceptions import SIBSError
from pysibs.models import WebhookEvent

from simulator import SECRET


@dataclass
class Received:
    """A webhook as it came, and what pysibs made of it (nothing, if it could not open it)."""

    iv: str | None
    tag: str | None
    body: str
    event: WebhookEvent | None


class Merchant:
    """Acknowledges with this statusCode; with None, with what pysibs says by itself."""

    def __init__(self, status_code="000"):
        self.status_code = status_code
        self._received = []
        self._lock = Lock()
        merchant = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                iv, tag = self.headers["X-Initialization-Vector"], self.headers["X-Authentication-Tag"]
                status, answer = merchant._take(iv, tag, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhook"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, iv, tag, body):
        try:
            event = webhooks.parse_webhook(webhooks.decrypt_webhook(body, iv, tag, SECRET))
        except SIBSError:
            event = None
        with self._lock:
            self._received.append(Received(iv, tag, body, event))
        if event is None:
            return 401, b""
        chosen = {} if self.status_code is None else {"status_code": self.status_code}
        return 200, json.dumps(webhooks.build_acknowledgement(event, **chosen)).encode()

    def received(self):
        with self._lock:
            return list(self._received)

    def events(self, transaction_id):
        """What pysibs understood about one transaction, in order of arrival."""
        return [one.event for one in self.received() if one.event and one.event.payment_id == transaction_id]
