"""haar serve, stop, env, clock: messages and exit codes."""

import os
import re
import subprocess
import tempfile

import pytest
from tests.support.daemon import BINARY, wait_for

HAAR_OPTIONS = ['--network=off']


def run(*arguments, **environment):
    return subprocess.run([BINARY, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False)


def test_ready_line(haar):
    wait_for(lambda: 'ready' in haar.log, 'the ready line')
    assert re.search(r'^haar \d+\.\d+\.\d+ ready on http://127\.0\.0\.1:\d+ and https \(data .*, network off\)$', haar.log, re.M)


def test_port_in_use(haar):
    with tempfile.TemporaryDirectory() as data:
        result = run('serve', '--network=off', '--port', str(haar.port), '--data', data)
    assert result.returncode == 1
    assert result.stderr == f'haar: port {haar.port} is in use; another haar, or choose one with --port\n'


def test_data_directory_in_use(haar):
    result = run('serve', '--network=off', '--port', '0', '--data', haar.data)
    assert result.returncode == 1
    assert f'is in use by process {haar.process.pid}' in result.stderr
    assert result.stderr.count('\n') == 1


def test_data_directory_cannot_be_made():
    result = run('serve', '--network=off', '--port', '0', '--data', '/proc/none')
    assert result.returncode == 1 and result.stderr.startswith('haar: cannot make the data directory /proc/none')


@pytest.mark.parametrize('arguments', [['serve', '--nonsense'], ['serve', 'word'], ['serve', '--port', '70000'], ['serve', '--durability=some'],
                                       ['serve', '--network=maybe'], ['nonsense'], [], ['env', '--shell', 'basic'], ['clock', 'back']])
def test_wrong_usage_is_2(arguments):
    result = run(*arguments)
    assert result.returncode == 2 and result.stderr and not result.stdout


def test_help_lists_every_command():
    result = run('help')
    assert result.returncode == 0
    for command in ('serve', 'stop', 'env', 'clock', 'version'):
        assert re.search(rf'^  {command} +\S', result.stdout, re.M)


def test_sigterm_and_sigint_end_cleanly(new_haar):
    import signal
    for number in (signal.SIGTERM, signal.SIGINT):
        haar = new_haar('--network=off')
        haar.process.send_signal(number)
        assert haar.process.wait(timeout=30) == 0
        assert not os.path.exists(os.path.join(haar.data, 'haar.json'))


def test_killed_haar_starts_again(new_haar):
    haar = new_haar('--network=off')
    haar.client('iam').create_user(UserName='kept')
    haar.kill()
    haar.start()
    assert haar.client('iam').get_user(UserName='kept')['User']['UserName'] == 'kept'


def test_detach_and_stop():
    with tempfile.TemporaryDirectory() as directory:
        data = os.path.join(directory, 'data')
        started = run('serve', '--detach', '--network=off', '--port', '0', '--data', data)
        assert started.returncode == 0 and ' ready on ' in started.stdout
        assert run('stop', '--data', data).stdout == 'haar has stopped\n'
        again = run('stop', '--data', data)
        assert again.returncode == 1 and 'none is running' in again.stderr


def test_env_for_shells(haar):
    script = 'eval "$(haar env)"; echo "$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID $AWS_DEFAULT_REGION $AWS_CA_BUNDLE"'
    path = os.path.dirname(BINARY) + ':' + os.environ['PATH']
    result = subprocess.run(['sh', '-c', script], env={'PATH': path, 'HAAR_DATA': haar.data}, capture_output=True, text=True, check=True)
    assert result.stdout == f'{haar.url} test us-east-1 {haar.ca}\n'
    assert f"set -gx AWS_ENDPOINT_URL '{haar.url}'" in haar.run('env', '--shell', 'fish').stdout
    assert f"$Env:AWS_ENDPOINT_URL = '{haar.url}'" in haar.run('env', '--shell', 'powershell').stdout


def test_nothing_runs():
    with tempfile.TemporaryDirectory() as data:
        result = run('env', '--data', data, HAAR_ENDPOINT='http://127.0.0.1:1')
    assert result.returncode == 1
    assert result.stderr == 'haar: no haar answers at http://127.0.0.1:1; `haar serve` starts one\n'


def test_clock_moves_and_stays_moved(new_haar):
    haar = new_haar('--network=off')
    before = haar.call('GET', 'clock')['time']
    assert haar.run('clock', 'advance', '90d').returncode == 0
    haar.restart()
    after = haar.run('clock').stdout.strip()
    assert after[:10] > before[:10]
    assert haar.run('clock', 'advance', 'soon').stderr == 'haar: "soon" is no duration; write 90d, 1h30m, 45s or 2w\n'
    assert haar.run('clock', 'reset').returncode == 0
    assert haar.call('GET', 'clock')['offset_ms'] == 0


def test_clock_runs_faster(new_haar):
    haar = new_haar('--network=off')
    answer = haar.run('clock', 'speed', '3600')
    assert answer.returncode == 0 and answer.stdout.endswith(' (3600 times as fast)\n')
    wait_for(lambda: haar.call('GET', 'clock')['offset_ms'] > 600_000, 'ten minutes are over')
    assert haar.run('clock', 'speed', '0').stderr == 'haar: The speed is a number from 1 to 100000: how many seconds pass in one\n'
    assert haar.run('clock', 'speed', '1').stdout.endswith('Z\n')
    assert haar.run('clock', 'reset').returncode == 0
    assert haar.call('GET', 'clock')['offset_ms'] == 0


def test_aws_cli(haar):
    command = ['aws', '--endpoint-url', haar.url, 'sts', 'get-caller-identity', '--query', 'Account', '--output', 'text']
    environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': 'us-east-1'}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == '000000000000\n'


def test_where_namespaces_are_forbidden_the_setting_is_named():
    with tempfile.TemporaryDirectory() as data:
        forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all "$0" serve --port 0 --data "$1"'
        daemon = subprocess.Popen(['unshare', '-Ur', 'sh', '-c', forbid, BINARY, data], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            ready = daemon.stdout.readline()
            if not ready:
                pytest.skip(f'user namespaces are forbidden here: {daemon.stderr.read()}')
            assert ready.endswith(', network off)\n')
            warning = daemon.stderr.readline()
        finally:
            daemon.kill()
            daemon.communicate()
    assert warning.split(' warning haar: ')[1] == (
        'the network is off: no user namespaces are allowed (user.max_user_namespaces is 0); `sudo sysctl -w user.max_user_namespaces=10000` allows them; '
        'without it there are no VPCs, functions and databases, and --network=off says that this is meant\n')
