"""The simulator as a process of its own, driven over HTTP alone."""

import json
import os
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from urllib import error, request

WORKSPACE = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("SPG_TEST_BINARIES", WORKSPACE / "target" / "debug"))

TOKEN = "simulated-token"
CLIENT_ID = "simulated-client"
TERMINAL = "50994"
# SIBS's published key: the simulator and the vector share it, so that one secret opens both.
VECTOR = json.loads((WORKSPACE / "tests" / "vectors" / "webhook-card-success.json").read_text())
SECRET = VECTOR["secret"]

STOP_SECONDS_MAX = 10
REQUEST_SECONDS_MAX = 10


class Simulator:
    """Started on a free loopback port; stopped with `stop`."""

    def __init__(self, *arguments):
        command = [str(BINARIES / "spg-simulator"), "serve", "--port", "0", "--key", SECRET, *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        # The first lines say where it listens. What follows is read by nobody, so it must not fill the pipe.
        self.base_url = None
        for line in self._process.stdout:
            if line.startswith("orders"):
                self.base_url = line.split()[-1].removesuffix("/payments")
            if line.startswith("control"):
                self._control = line.split()[-1]
            if line.startswith("webhooks to"):
                break
        if self.base_url is None:
            raise RuntimeError("the simulator did not say where it listens")
        self._drain = subprocess.Popen(["cat"], stdin=self._process.stdout, stdout=subprocess.DEVNULL)
        self._process.stdout.close()

    def stop(self):
        self._process.terminate()
        self._process.wait(STOP_SECONDS_MAX)
        self._drain.wait(STOP_SECONDS_MAX)

    def control(self, method, path, body=None):
        """An order under /control; its answer as JSON, money and all other numbers as decimals."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        order = request.Request(f"{self._control}/{path}", data=data, headers=headers, method=method)
        with request.urlopen(order, timeout=REQUEST_SECONDS_MAX) as answer:
            text = answer.read()
        return json.loads(text, parse_float=Decimal) if text else None

    def post(self, path, body, token=TOKEN):
        """An order to the payments API, as a client other than pysibs would send it: HTTP status and JSON."""
        headers = {"Authorization": f"Bearer {token}", "X-IBM-Client-Id": CLIENT_ID, "Content-Type": "application/json"}
        order = request.Request(f"{self.base_url}{path}", json.dumps(body).encode(), headers, method="POST")
        try:
            with request.urlopen(order, timeout=REQUEST_SECONDS_MAX) as answer:
                return answer.status, json.loads(answer.read())
        except error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def webhooks_to(self, url):
        self.control("PUT", "webhook", {"url": url})

    def ends(self, ending):
        """How the payments end that begin from now on."""
        self.control("PUT", "ending", {"ending": ending})

    def payment(self, transaction_id):
        """What the simulator itself says about a payment."""
        payments = self.control("GET", "report")["payments"]
        return next(payment for payment in payments if payment["transactionID"] == transaction_id)


def eventually(what, find, seconds_max=15):
    """The first result that is true; fails after the given time."""
    deadline = time.monotonic() + seconds_max
    while not (found := find()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never: {what}")
        time.sleep(0.02)
    return found
