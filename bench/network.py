#!/usr/bin/python3
"""The network at 10, 100 and 1,000 interfaces of a VPC: what one more costs, what a connection and a request cost, and the same way through the
kernel without a rule beside it. Figures are what the fastest fifth took at most; ratios are what counts."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNITS = {'add': 'ms', 'change': 'ms', 'connect': 'us', 'requests': 'a second'}
NAMES = {'add': 'an interface more', 'change': 'a rule of a group changed', 'connect': 'connect', 'requests': 'requests on a connection'}


def measure():
    build = os.path.join(ROOT, 'build')
    subprocess.run(['ninja', '-C', build, '--quiet', 'src/bench_network'], check=True)
    lines = subprocess.run([os.path.join(build, 'src', 'bench_network')], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    figures = {}
    for line in lines:
        kind, way, count, value = line.split()
        figures[kind, way, int(count)] = float(value)
    return figures


def show(figures):
    for (kind, way, count), value in figures.items():
        what = f'{NAMES[kind]}, {count} interfaces' if way == 'rules' else f'{NAMES[kind]}, {count} interfaces, no rules'
        print(f'{what:55} {value:9.2f} {UNITS[kind]}', flush=True)
    for kind, other in (('add', 'rules'), ('change', 'rules'), ('connect', 'rules'), ('requests', 'rules')):
        print(f'{NAMES[kind]}: 1,000 interfaces over 10: {figures[kind, "rules", 1000] / figures[kind, other, 10]:.2f}')


if __name__ == '__main__':
    show(measure())
    sys.exit(0)
