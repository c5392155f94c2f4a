#!/usr/bin/python3
"""From the SYN to its named cause in `haar why`: a function's shell connects to what no route leads to, and the admin API is asked until it tells.

Prints the median and the worst of the rounds, with an empty VPC's worth of names to resolve (10 functions). What is measured is what a user waits: the packet,
the kernel's log, the record, the owners of both ends, the explanation, HTTP and JSON."""

import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from tests.network.place import Place
from tests.support.daemon import BINARY, Haar

ROUNDS = 30
# Says when the SYN leaves, on the clock that all processes of a machine share.
SENDER = '''
import socket, sys, time
for line in sys.stdin:
    s = socket.socket()
    s.setblocking(False)
    began = time.monotonic()
    s.connect_ex((line.strip(), 443))
    print(began, flush=True)
    time.sleep(0.05)
    s.close()
'''


def measure(place, sender, address):
    sender.stdin.write(address + '\n')
    sender.stdin.flush()
    began = float(sender.stdout.readline())
    asked = 0
    while True:
        asked += 1
        answer = place.haar.call('GET', 'why?since_ms=5000')['entries']
        if any(e['kind'] == 'connection' and e['to']['address'] == address and e['cause'] for e in answer):
            return (time.monotonic() - began) * 1000, asked


def main():
    haar = Haar().start()
    try:
        place = Place(haar)
        for i in range(10):
            place.function(f'pay-{i}')
        sender = subprocess.Popen([BINARY, 'shell', '--function', 'pay-0', '--', 'python3', '-c', SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, 'HAAR_DATA': haar.data, 'HAAR_ENDPOINT': haar.url})
        times = [measure(place, sender, f'10.0.200.{i + 1}')[0] for i in range(ROUNDS)]
        sender.stdin.close()
        sender.wait()
        print(f'{"SYN to named cause":26} {statistics.median(times):>9.1f} ms   worst of {ROUNDS}: {max(times):.1f} ms   (target: under 100 ms)')
    finally:
        haar.close()


main()
