"""A haar that a test starts, asks, kills and starts again."""

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get('HAAR_BINARY', os.path.join(ROOT, 'build', 'src', 'haar'))
READY_SECONDS = 30


def wait_for(condition, what, seconds=30):
    """Calls condition until it is true and returns what it answered; fails with what after a generous time."""
    until = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > until:
            raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(0.02)


class Haar:
    """One data directory and the daemon on it. Port 0: any free one, kept over restarts."""

    def __init__(self, data=None, options=(), command=(BINARY,)):
        self.directory = None if data else tempfile.TemporaryDirectory(prefix='haar-test-', ignore_cleanup_errors=True)
        self.data = data or os.path.join(self.directory.name, 'data')
        self.options, self.command = list(options), list(command)
        self.environment = {}  # beside the test's own, from the next start on
        self.log_path = os.path.join(self.directory.name if self.directory else os.path.dirname(self.data), 'haar.log')
        self.process, self.port = None, 0

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    @property
    def https_url(self):
        return f'https://localhost:{self.port}'

    @property
    def ca(self):
        return os.path.join(self.data, 'ca', 'ca.pem')

    @property
    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as log:
            return log.read()

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(('AWS_', 'HAAR_'))}
        environment.update({k: v for k, v in os.environ.items() if k.startswith('HAAR_SOURCE')})
        environment.update(self.environment)
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([*self.command, 'serve', '--port', str(self.port), '--data', self.data, *self.options],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        wait_for(self._ready, f'haar is ready ({self.log_path})', READY_SECONDS)
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f'haar ended with {self.process.returncode}:\n{self.log}')
        try:
            with open(os.path.join(self.data, 'haar.json'), encoding='utf-8') as state:
                state = json.load(state)
        except (OSError, ValueError):
            return False
        if state['pid'] != self.process.pid:
            return False
        self.port = state['port']
        return True

    def stop(self):
        """Ends it in the ordinary way; answers the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait(timeout=30)

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        if self.directory:
            self.directory.cleanup()

    def call(self, method, path, body=None):
        """haar's own API: call('GET', 'status')."""
        data = None if body is None and method == 'GET' else json.dumps(body or {}).encode()
        request = urllib.request.Request(f'{self.url}/_haar/{path}', data=data, method=method, headers={'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f'{method} {path}: {error.code} {error.read().decode()}') from error

    def run(self, *arguments, **environment):
        """A haar command against this daemon."""
        return subprocess.run([BINARY, *arguments], env={**os.environ, 'HAAR_DATA': self.data, 'HAAR_ENDPOINT': self.url, **environment},
                              capture_output=True, text=True, timeout=120, check=False)

    def client_settings(self, **settings):
        """What boto3.client needs to speak to it."""
        import botocore.config
        given = settings.pop('config', None)
        config = botocore.config.Config(retries={'total_max_attempts': 1}, read_timeout=60, s3={'addressing_style': 'path'},
                                        parameter_validation=settings.pop('parameter_validation', True))
        return {'endpoint_url': self.url, 'region_name': 'us-east-1', 'aws_access_key_id': 'test', 'aws_secret_access_key': 'test',
                **settings, 'config': config.merge(given) if given else config}

    def client(self, service, **settings):
        import boto3.session
        return boto3.session.Session().client(service, **self.client_settings(**settings))

    def resource(self, service, **settings):
        import boto3.session
        return boto3.session.Session().resource(service, **self.client_settings(**settings))
