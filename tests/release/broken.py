#!/usr/bin/python3
"""A release that looks good and cannot pay: it answers validations and GET health, and dies of every payment. Speaks Lambda's runtime API."""

import json
import os
import urllib.request

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def put(url, body):
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), {'Content-Type': ''}, method='PUT'), timeout=10).close()


def validate(event):
    answer = {name: event[name] for name in ('StackId', 'RequestId', 'LogicalResourceId')}
    put(event['ResponseURL'], {**answer, 'Status': 'SUCCESS', 'PhysicalResourceId': event.get('PhysicalResourceId', f"broken-{event['RequestId']}")})
    return {}


def run(event):
    if 'ResponseURL' in event:
        return validate(event)
    if event.get('httpMethod') == 'GET':
        return {'statusCode': 200, 'body': json.dumps({'status': 'ok', 'version': os.environ['AWS_LAMBDA_FUNCTION_VERSION'], 'release': 'broken'})}
    os._exit(1)


while True:
    with urllib.request.urlopen(f'{RUNTIME}/next') as incoming:
        request, payload = incoming.headers['Lambda-Runtime-Aws-Request-Id'], json.load(incoming)
    data = json.dumps(run(payload)).encode()
    urllib.request.urlopen(urllib.request.Request(f'{RUNTIME}/{request}/response', data), timeout=10).close()
