"""Runs a Python handler: the runtime of python3.* functions.

Asks the Runtime API for an event, calls the handler, answers. What is printed or logged goes to the log; log records are written with
the time and the request's id, as AWS's own runtime does.
"""

import decimal
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

API = os.environ['AWS_LAMBDA_RUNTIME_API']
BASE = '/2018-06-01/runtime/'
OWN_FILE = os.path.abspath(__file__)


class Connection:
    """The one connection to the Runtime API; made again where it was lost."""

    def __init__(self):
        self.http = http.client.HTTPConnection(API)

    def request(self, method, path, body=None, headers=None):
        self.http.request(method, BASE + path, body, headers or {})
        response = self.http.getresponse()
        return response, response.read()


class CognitoIdentity:
    __slots__ = ('cognito_identity_id', 'cognito_identity_pool_id')

    def __init__(self):
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None


class Client:
    __slots__ = ('installation_id', 'app_title', 'app_version_name', 'app_version_code', 'app_package_name')

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))


class ClientContext:
    __slots__ = ('custom', 'env', 'client')

    def __init__(self, values):
        self.custom = values.get('custom')
        self.env = values.get('env')
        self.client = Client(values['client']) if values.get('client') else None


class LambdaContext:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, headers):
        environment = os.environ
        self.aws_request_id = headers['Lambda-Runtime-Aws-Request-Id']
        self.log_group_name = environment.get('AWS_LAMBDA_LOG_GROUP_NAME')
        self.log_stream_name = environment.get('AWS_LAMBDA_LOG_STREAM_NAME')
        self.function_name = environment.get('AWS_LAMBDA_FUNCTION_NAME')
        self.memory_limit_in_mb = environment.get('AWS_LAMBDA_FUNCTION_MEMORY_SIZE')
        self.function_version = environment.get('AWS_LAMBDA_FUNCTION_VERSION')
        self.invoked_function_arn = headers.get('Lambda-Runtime-Invoked-Function-Arn')
        self.client_context = None
        if headers.get('Lambda-Runtime-Client-Context'):
            import base64
            self.client_context = ClientContext(json.loads(base64.b64decode(headers['Lambda-Runtime-Client-Context'])))
        self.identity = CognitoIdentity()
        self._deadline_ms = int(headers.get('Lambda-Runtime-Deadline-Ms', 0))

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, text):
        sys.stdout.write(str(text))

    def __repr__(self):
        shown = ','.join(f'{name}={getattr(self, name)}' for name in (
            'aws_request_id', 'log_group_name', 'log_stream_name', 'function_name', 'memory_limit_in_mb', 'function_version',
            'invoked_function_arn', 'client_context', 'identity'))
        return f'LambdaContext([{shown}])'


class RequestFilter(logging.Filter):
    """Gives each record the id of the request that it was logged in."""

    current = None

    def filter(self, record):
        record.aws_request_id = RequestFilter.current or ''
        return True


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter('[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s', '%Y-%m-%dT%H:%M:%S'))
    handler.addFilter(RequestFilter())
    logging.getLogger().addHandler(handler)
    level = os.environ.get('AWS_LAMBDA_LOG_LEVEL')
    if level:
        logging.getLogger().setLevel(level)


class HandlerError(Exception):
    """The handler cannot be loaded: error_type and message are the answer."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type, self.trace = error_type, list(trace)


def load_handler(name):
    module_name, _, function = name.rpartition('.')
    if not module_name:
        raise HandlerError('Runtime.MalformedHandlerName', f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    try:
        module = importlib.import_module(module_name.replace('/', '.'))
    except ImportError as error:
        raise HandlerError('Runtime.ImportModuleError', f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        where = [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").rstrip()}\n']
        raise HandlerError('Runtime.UserCodeSyntaxError', f"Syntax error in module '{module_name}': {error}", where) from error
    if not hasattr(module, function):
        raise HandlerError('Runtime.HandlerNotFound', f"Handler '{function}' missing on module '{module_name}'")
    return getattr(module, function)


def encode(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f'Object of type {type(value).__name__} is not JSON serializable')


def user_frames(error):
    """The traceback without the frames of this file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if os.path.abspath(frame.filename) != OWN_FILE
              and 'importlib' not in frame.filename]
    return traceback.format_list(frames)


def error_of(error, request_id=None):
    if isinstance(error, HandlerError):
        result = {'errorMessage': str(error), 'errorType': error.error_type}
        if request_id:
            result['requestId'] = request_id
        result['stackTrace'] = error.trace
        return result
    result = {'errorMessage': str(error), 'errorType': type(error).__name__}
    if request_id:
        result['requestId'] = request_id
    result['stackTrace'] = user_frames(error)
    return result


def log_error(result):
    text = f"[ERROR] {result['errorType']}: {result['errorMessage']}"
    trace = ''.join(result['stackTrace']).rstrip('\n')
    if trace:
        text += '\nTraceback (most recent call last):\n' + trace
    print(text.replace('\n', '\r'), flush=True)


def fail_init(connection, error):
    result = error_of(error)
    log_error(result)
    sys.stdout.flush()
    connection.request('POST', 'init/error', json.dumps(result), {'Lambda-Runtime-Function-Error-Type': result['errorType']})
    sys.exit(1)


def run_one(connection, handler):
    response, event = connection.request('GET', 'invocation/next')
    request_id = response.headers['Lambda-Runtime-Aws-Request-Id']
    RequestFilter.current = request_id
    if response.headers.get('Lambda-Runtime-Trace-Id'):
        os.environ['_X_AMZN_TRACE_ID'] = response.headers['Lambda-Runtime-Trace-Id']
    try:
        try:
            loaded = json.loads(event)
        except ValueError as error:
            raise HandlerError('Runtime.UnmarshalError', f'Unable to unmarshal input: {error}') from error
        answer = handler(loaded, LambdaContext(response.headers))
        try:
            body = json.dumps(answer, default=encode, ensure_ascii=False).encode()
        except (TypeError, ValueError) as error:
            raise HandlerError('Runtime.MarshalError', f'Unable to marshal response: {error}') from error
    except Exception as error:
        result = error_of(error, request_id)
        log_error(result)
        sys.stdout.flush()
        sys.stderr.flush()
        connection.request('POST', f'invocation/{request_id}/error', json.dumps(result), {'Lambda-Runtime-Function-Error-Type': 'Unhandled'})
        return
    sys.stdout.flush()
    sys.stderr.flush()
    connection.request('POST', f'invocation/{request_id}/response', body, {'Content-Type': 'application/json'})


def main():
    sys.stdout.reconfigure(line_buffering=True)
    sys.path[:] = [os.environ.get('LAMBDA_TASK_ROOT', '/var/task'), '/opt/python', '/opt'] + [p for p in sys.path if p != os.path.dirname(OWN_FILE)]
    sys.path.append(os.path.dirname(OWN_FILE))
    set_up_logging()
    connection = Connection()
    try:
        handler = load_handler(os.environ.get('_HANDLER', ''))
    except SystemExit:
        raise
    except BaseException as error:
        fail_init(connection, error)
    while True:
        run_one(connection, handler)


if __name__ == '__main__':
    main()
