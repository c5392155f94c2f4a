#!/usr/bin/python3
"""haar check of the payment stack: from the start of the process to its end."""

import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
from tests.support.daemon import BINARY  # noqa: E402

RUNS = 50


def once():
    """Milliseconds: of the clock, and of the processor."""
    began = time.monotonic()
    process = subprocess.Popen([BINARY, 'check', os.path.join(ROOT, 'stacks', 'payments', 'template.yaml')], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    if status:
        raise SystemExit('haar check found something in the payment stack')
    return took * 1000, (used.ru_utime + used.ru_stime) * 1000


def main():
    times = [once() for _ in range(RUNS)]
    clock, processor = sorted(t[0] for t in times), sorted(t[1] for t in times)
    print(f'haar check of the payments p50 {statistics.median(clock):.1f} ms   max {clock[-1]:.1f} ms   processor p50 {statistics.median(processor):.1f} ms'
          f'   ({RUNS} runs)', flush=True)


if __name__ == '__main__':
    main()
