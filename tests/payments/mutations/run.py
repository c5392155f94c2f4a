"""Deploys the payment stack with one defect and demands that the named tests fail, each by an assertion that shows the defect.

/usr/bin/python3 -m tests.payments.mutations.run [NAME...] runs all defects or the named ones and prints what caught each.
"""

import copy
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

from tests.payments.mutations.change import read
from tests.payments.mutations.defects import DEFECTS
from tests.payments.stack import Stack
from tests.support.daemon import ROOT, Haar

ASSERTED = ('AssertionError', 'assert ', 'Failed: DID NOT RAISE')
FOLDER = os.path.join(ROOT, 'tests', 'payments')
TEMPLATE = os.path.join(ROOT, 'stacks', 'payments', 'template.yaml')


@functools.cache
def original():
    with open(TEMPLATE, encoding='utf-8') as file:
        return read(file.read())


def mutated(defect):
    """The template with the defect, as JSON. A defect that changes nothing is a mistake of the table."""
    template, whole = copy.deepcopy(original()), original()
    for patch in defect.patches:
        patch(template)
    assert template != whole, f'{defect.name}: the template is as it was'
    for resource in template['Resources'].values():
        code = resource.get('Properties', {}).get('Code')
        if isinstance(code, str):
            resource['Properties']['Code'] = os.path.normpath(os.path.join(os.path.dirname(TEMPLATE), code))
    return json.dumps(template, indent=1)


def results(report):
    """{test: None if it passed, or (kind, message, text)}."""
    found = {}
    for case in ElementTree.parse(report).iter('testcase'):
        bad = [(child.tag, child.get('message', ''), child.text or '') for child in case if child.tag in ('failure', 'error', 'skipped')]
        name = f"{case.get('classname', '').split('.')[-1]}::{case.get('name')}"
        found[name] = bad[0] if bad else None
    return found


def judge(defect, found, output):
    """Why the defect is not caught as the table says, or None."""
    for test in defect.caught:
        if test not in found:
            return f'{test} did not run:\n{output[-3000:]}'
        if found[test] is None:
            return f'{test} passes: nothing catches the defect'
        kind, message, text = found[test]
        if kind != 'failure' or not message.startswith(ASSERTED):
            return f'{test} ends by {kind}, not by an assertion:\n{message}\n{text[-3000:]}'
        if not re.search(defect.shows, message + text):
            return f'{test} fails, but shows no {defect.shows!r}:\n{message}\n{text[-3000:]}'
    for test in defect.stands:
        if found.get(test, 'not run') is not None:
            return f'{test} should stand, but: {found.get(test)}'
    return None


def refused(defect, path):
    """A defect that the deployment itself must refuse, at the named resource."""
    haar = Haar()
    try:
        done = haar.start().run('up', path, '--stack', 'payments')
        told = done.stdout + done.stderr
        if done.returncode == 0:
            return 'the stack was deployed'
        events = Stack(haar).client('cloudformation').get_paginator('describe_stack_events').paginate(StackName='payments')
        first = [(e['LogicalResourceId'], e.get('ResourceStatusReason', '')) for page in events for e in page['StackEvents']
                 if e['ResourceStatus'].endswith('_FAILED')][-1:]
        if not first or first[0][0] != defect.refused or not re.search(defect.shows, first[0][1]):
            return f'{defect.refused} should fail and show {defect.shows!r}, but {first}\n{told[-2000:]}'
        return None
    finally:
        haar.close()


def run(defect):
    """Deploys it, runs its tests in a process of their own; answers None if it is caught, or why not."""
    with tempfile.TemporaryDirectory(prefix='haar-mutation-') as folder:
        path, report = os.path.join(folder, 'template.json'), os.path.join(folder, 'report.xml')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(mutated(defect))
        if defect.refused:
            return refused(defect, path)
        environment = {k: v for k, v in os.environ.items() if not k.startswith('PYTEST_')}
        tests = [os.path.join(FOLDER, test.replace('::', '.py::')) for test in (*defect.caught, *defect.stands)]
        done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '--no-header', '-p', 'no:cacheprovider', '--tb=short', f'--junitxml={report}', *tests],
                              cwd=ROOT, env={**environment, 'PAYMENTS_TEMPLATE': path, 'PAYMENTS_COLOURS': defect.colours}, capture_output=True, text=True, timeout=300, check=False)
        if not os.path.exists(report):
            return f'no report: {done.stdout[-3000:]}{done.stderr[-3000:]}'
        return judge(defect, results(report), done.stdout)


def main(names):
    missed = 0
    for defect in DEFECTS:
        if names and defect.name not in names:
            continue
        began = time.monotonic()
        reason = run(defect)
        by = f'the deployment, at {defect.refused}' if defect.refused else ', '.join(defect.caught)
        print(f'{defect.name:34} {"MISSED" if reason else "caught by " + by} ({time.monotonic() - began:.0f} s)', flush=True)
        if reason:
            missed += 1
            print('    ' + reason.replace('\n', '\n    '), flush=True)
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
