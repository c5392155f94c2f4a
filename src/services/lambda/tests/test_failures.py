"""Functions that fail: what the caller is answered, what stands in the log, what is counted."""

import base64
import re

import pytest

from tests.support.daemon import wait_for
from tests.support.functions import function, invoke, lambda_, role  # noqa: F401 (fixtures)

CASES = {
    'timeout': ('import time\ndef handler(event, context):\n    time.sleep(30)\n', {'Timeout': 1}, 'Sandbox.Timedout', 'Error: Task timed out after 1.00 seconds',
                [r'\S+Z {id} Task timed out after 1\.00 seconds', r'REPORT RequestId: {id}\tDuration: 1000\.00 ms\tBilled Duration: \d+ ms\t.*Status: timeout']),
    'exit': ('import os\ndef handler(event, context):\n    os._exit(7)\n', {}, 'Runtime.ExitError', 'Error: Runtime exited with error: exit status 7',
             [r'RequestId: {id} Error: Runtime exited with error: exit status 7', r'Runtime\.ExitError',
              r'REPORT RequestId: {id}\t.*Status: error\tError Type: Runtime\.ExitError']),
    'leaves': ('import os\ndef handler(event, context):\n    os._exit(0)\n', {}, 'Runtime.ExitError', 'Error: Runtime exited without providing a reason',
               [r'REPORT RequestId: {id}\t.*Status: error\tError Type: Runtime\.ExitError']),
    'signal': ('import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), signal.SIGSEGV)\n', {}, 'Runtime.ExitError',
               'Error: Runtime exited with error: signal: segmentation fault', []),
    'memory': ('def handler(event, context):\n    return len(bytearray(400 << 20))\n', {'Timeout': 30}, 'Runtime.OutOfMemory',
               'Error: Runtime exited with error: signal: killed',
               [r'REPORT RequestId: {id}\t.*Memory Size: 128 MB\tMax Memory Used: 128 MB\t.*Status: error\tError Type: Runtime\.OutOfMemory']),
    'init-exit': ('import os\nos._exit(3)\n', {}, 'Runtime.ExitError', 'Error: Runtime exited with error: exit status 3',
                  [r'INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: error\tError Type: Runtime\.ExitError',
                   r'INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke\tStatus: error\tError Type: Runtime\.ExitError', r'START RequestId: {id} Version: \$LATEST']),
    'init-raise': ('raise ValueError("at import")\n', {}, 'ValueError', 'at import',
                   [r'INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: error\tError Type: \S+', r'REPORT RequestId: {id}\t']),
    'init-timeout': ('import time\ntime.sleep(60)\n', {'Timeout': 1}, 'Sandbox.Timedout', 'Error: Task timed out after 1.00 seconds',
                     [r'INIT_REPORT Init Duration: 1\d{{4}}\.\d\d ms\tPhase: init\tStatus: timeout', r'INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke\tStatus: timeout',
                      r'REPORT RequestId: {id}\tDuration: 1000\.00 ms\t.*Status: timeout']),
}


def log_of(client, name, last):
    """All of the function's log once its REPORT is there."""
    try:
        lines = [e['message'].rstrip('\n') for e in client('logs').filter_log_events(logGroupName=f'/aws/lambda/{name}')['events']]
    except client('logs').exceptions.ResourceNotFoundException:
        return None
    return lines if any(line.startswith(f'REPORT RequestId: {last}') for line in lines) else None


@pytest.mark.parametrize('case', CASES)
def test_failure(lambda_, function, client, case):
    text, settings, kind, message, patterns = CASES[case]
    name = function(f'bad-{case}', text, **settings)
    answer, value = invoke(lambda_, name, LogType='Tail')
    request = answer['ResponseMetadata']['RequestId']
    assert answer['StatusCode'] == 200 and answer['FunctionError'] == 'Unhandled' and answer['ExecutedVersion'] == '$LATEST'
    assert value['errorType'] == kind
    assert value['errorMessage'] == (f'RequestId: {request} {message}' if message.startswith('Error: ') else message)
    lines = wait_for(lambda: log_of(client, name, request), 'the report is in the log')
    for pattern in patterns:
        assert any(re.fullmatch(pattern.format(id=request) + '.*', line) for line in lines), (pattern, lines)
    assert f'END RequestId: {request}' in lines
    assert f'REPORT RequestId: {request}' in base64.b64decode(answer['LogResult']).decode()


def test_metrics_of_failures(lambda_, function, client):
    """Errors counts the calls that failed; Duration is what REPORT says, without INIT."""
    import datetime
    name = function('counted', 'import time\ntime.sleep(0.5)\ndef handler(event, context):\n    if event.get("fail"):\n        raise ValueError()\n'
                    '    time.sleep(event.get("s", 0))\n', Timeout=1)
    for event in ({}, {'fail': True}, {'s': 30}):
        invoke(lambda_, name, event)
    now = datetime.datetime.utcnow()
    ask = lambda metric, statistic: client('cloudwatch').get_metric_statistics(
        Namespace='AWS/Lambda', MetricName=metric, Dimensions=[{'Name': 'FunctionName', 'Value': name}], StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(hours=1), Period=3600, Statistics=[statistic])['Datapoints']
    total = lambda metric: sum(p['Sum'] for p in ask(metric, 'Sum'))
    assert wait_for(lambda: total('Invocations') == 3, 'the invocations are counted') and total('Errors') == 2 and total('Throttles') == 0
    assert [p['Maximum'] for p in ask('Duration', 'Maximum')] == [1000]
    assert min(p['Minimum'] for p in ask('Duration', 'Minimum')) < 500  # the half second of INIT is not in it
