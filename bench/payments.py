#!/usr/bin/python3
"""The payment stack: from template to first paid payment; payments on a warm stack, over one connection as a client keeps it; its update and deletion."""

import http.client
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tests.payments.stack import Stack  # noqa: E402
from tests.support.daemon import Haar  # noqa: E402


class Payer:
    def __init__(self, stack):
        outputs = stack.outputs
        self.path = f"/{outputs['ApiStageName']}/payment"
        self.host = f"{outputs['ApiId']}.execute-api.us-east-1.amazonaws.com"
        self.connection = http.client.HTTPConnection('127.0.0.1', stack.haar.port, timeout=60)

    def pay(self, key):
        """Milliseconds."""
        body = json.dumps({'amount': '12.34', 'currency': 'EUR'})
        began = time.monotonic()
        self.connection.request('POST', self.path, body, {'Host': self.host, 'Idempotency-Key': key, 'Content-Type': 'application/json'})
        answer = self.connection.getresponse()
        text = answer.read()
        took = (time.monotonic() - began) * 1000
        if answer.status != 200:
            raise SystemExit(f'a payment failed: {answer.status} {text.decode()}')
        return took


def line(name, times):
    ordered = sorted(times)
    print(f'{name:26} p50 {statistics.median(ordered):.2f} ms   p99 {ordered[int(len(ordered) * 0.99)]:.2f} ms   ({len(ordered)} payments)', flush=True)


def change(stack, up):
    """The stack's own times. The bucket is emptied before it is deleted, as it must be on AWS; that is not counted."""
    began = time.monotonic()
    stack.deploy(GreenRelease='2')
    green = time.monotonic()
    stack.update(CandidateWeight=50)
    shifted = time.monotonic()
    stack.empty_bucket()
    emptied = time.monotonic()
    done = stack.haar.run('down', stack.name)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    for name, seconds, aim in (('stack up', up, 10), ('updated to green', green - began, 5), ('half of the traffic moved', shifted - green, 5),
                               ('stack deleted', time.monotonic() - emptied, 3)):
        print(f'{name:26} {seconds:.2f} s (the aim is under {aim} s)', flush=True)


def measure(payments=500):
    haar = Haar().start()
    try:
        began = time.monotonic()
        stack = Stack(haar).deploy()
        up = time.monotonic()
        payer = Payer(stack)
        first = payer.pay('first')
        print(f'template to first payment  {(time.monotonic() - began) * 1000:.0f} ms (stack {(up - began) * 1000:.0f} ms, of which the database engine\'s '
              f'first installation; payment {first:.0f} ms)', flush=True)
        line('payment, warm', [payer.pay(f'key-{i}') for i in range(payments)])
        line('the same payment again', [payer.pay('first') for _ in range(payments)])
        change(stack, up - began)
    finally:
        haar.close()


if __name__ == '__main__':
    measure()
