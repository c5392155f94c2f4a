"""Runs Python in the network namespace of an interface of a daemon's VPC, from outside. An ordinary user enters the warden's user namespace first."""

import json
import os
import subprocess
import textwrap

from tests.support.daemon import ROOT, wait_for
from tests.support.interfaces import address_of, enter, namespaces


class Inside:
    """inside = Inside(haar, '10.0.1.4'); inside.python('print(1)') -> '1'"""

    def __init__(self, haar, address):
        self.haar, self.address = haar, address
        self.namespace = wait_for(self._find, f'the interface {address} is up')

    def _find(self):
        pid = self.haar.process.pid
        return next((namespace for namespace in namespaces(pid) if address_of(pid, namespace) == self.address), None)

    def python(self, code, **variables):
        """What the code printed."""
        run = subprocess.run([*enter(self.haar.process.pid, self.namespace), '/usr/bin/python3', '-c', textwrap.dedent(code)], cwd=ROOT,
                             env={'PATH': os.environ['PATH'], **variables}, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    def ask(self, server, name, kind='A'):
        """(code, values) of a question to a DNS server."""
        text = self.python(f'''
            import json
            from tests.support.dns import ask
            answer = ask({server!r}, {name!r}, {kind!r})
            print(json.dumps([answer.code, answer.values]))
            ''')
        return tuple(json.loads(text))
