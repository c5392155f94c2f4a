"""The payment stack, deployed: what the tests of this folder ask and do."""

import contextlib
import datetime
import http.client
import io
import json
import os
import socket
import ssl
import uuid
import zipfile

from tests.support.daemon import ROOT, wait_for

TEMPLATE = os.environ.get('PAYMENTS_TEMPLATE') or os.path.join(ROOT, 'stacks', 'payments', 'template.yaml')
DOMAIN = 'example.com'
CARD = {'number': '4242 4242 4242 4242', 'expiryMonth': 12, 'expiryYear': 2090, 'cvc': '123'}

PROBE = '''
import json, socket
import boto3, botocore.config, botocore.exceptions

def handler(event, context):
    try:
        if event["kind"] == "call":
            config = botocore.config.Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
            answer = getattr(boto3.client(event["service"], config=config), event["operation"])(**event["arguments"])
            return {"ok": json.loads(json.dumps(answer, default=str))}
        if event["kind"] == "resolve":
            return {"ok": sorted({a[4][0] for a in socket.getaddrinfo(event["host"], None, socket.AF_INET)})}
        with socket.create_connection((event["host"], event["port"]), timeout=event.get("timeout", 2)):
            return {"ok": True}
    except botocore.exceptions.ClientError as error:
        return {"error": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}
'''


def template_with(directory, *changes):
    """A copy of the template with changes, (old, new), that finds the functions where they are; answers its path."""
    with open(TEMPLATE, encoding='utf-8') as template:
        text = template.read()
    for old, new in (*changes, ('../../build', os.path.join(ROOT, 'build'))):
        assert old in text, old
        text = text.replace(old, new)
    path = os.path.join(directory, 'changed.yaml')
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    return path


def chi_squared(counts, shares):
    """How far counts are from shares: by chance beyond 20 once in 130,000, with two of them."""
    total = sum(counts.values())
    return sum((counts[name] - total * share) ** 2 / (total * share) for name, share in shares.items())


class Stack:
    """A deployed stack: its daemon, outputs, resources, and payments."""

    def __init__(self, haar, name='payments'):
        self.haar, self.name = haar, name
        self._resources = None
        self._clients = {}

    def deploy(self, template=TEMPLATE, **parameters):
        """haar up: creates or updates it. A parameter that is not given keeps its value."""
        options = [option for name, value in parameters.items() for option in ('--parameter', f'{name}={value}')]
        done = self.haar.run('up', template, '--stack', self.name, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        self._resources = None
        return self

    def update(self, settled='UPDATE_COMPLETE', **parameters):
        """Updates parameters of the template as it is; answers the stack."""
        self.start_update(**parameters)
        stack = self.settle()
        assert stack['StackStatus'] == settled, self.failures()
        return stack

    def start_update(self, RollbackConfiguration=None, **parameters):
        formation = self.client('cloudformation')
        declared = formation.describe_stacks(StackName=self.name)['Stacks'][0]['Parameters']
        given = [{'ParameterKey': p['ParameterKey'], 'ParameterValue': str(parameters[p['ParameterKey']])} if p['ParameterKey'] in parameters
                 else {'ParameterKey': p['ParameterKey'], 'UsePreviousValue': True} for p in declared]
        formation.update_stack(StackName=self.name, UsePreviousTemplate=True, Capabilities=['CAPABILITY_IAM'], Parameters=given,
                               RollbackConfiguration=RollbackConfiguration or {})
        self._resources = None

    def settle(self, seconds=60):
        def look():
            stack = self.client('cloudformation').describe_stacks(StackName=self.name)['Stacks'][0]
            return None if stack['StackStatus'].endswith('IN_PROGRESS') else stack
        return wait_for(look, f'{self.name} settles', seconds)

    def events(self):
        """The stack's events, the oldest first."""
        pages = self.client('cloudformation').get_paginator('describe_stack_events').paginate(StackName=self.name)
        return [event for page in pages for event in page['StackEvents']][::-1]

    def failures(self):
        return [(e['LogicalResourceId'], e.get('ResourceStatusReason')) for e in self.events() if e['ResourceStatus'].endswith('FAILED')]

    def client(self, service):
        if service not in self._clients:
            self._clients[service] = self.haar.client(service)
        return self._clients[service]

    @property
    def outputs(self):
        stack = self.client('cloudformation').describe_stacks(StackName=self.name)['Stacks'][0]
        return {o['OutputKey']: o['OutputValue'] for o in stack['Outputs']}

    def id(self, logical_id):
        """The physical id of a resource."""
        if self._resources is None:
            pages = self.client('cloudformation').get_paginator('list_stack_resources').paginate(StackName=self.name)
            self._resources = {r['LogicalResourceId']: r['PhysicalResourceId'] for page in pages for r in page['StackResourceSummaries']}
        return self._resources[logical_id]

    # -- requests

    def request(self, host, path, method='GET', body=None, headers=None, tls=False):
        """A request to a host that the daemon serves; answers (status, headers, body)."""
        given = {'Host': host, **(headers or {})}
        if tls:
            connection = http.client.HTTPSConnection(host, timeout=60)
            context = ssl.create_default_context(cafile=self.haar.ca)
            connection.sock = context.wrap_socket(socket.create_connection(('127.0.0.1', self.haar.port), 60), server_hostname=host)
        else:
            connection = http.client.HTTPConnection('127.0.0.1', self.haar.port, timeout=60)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def health(self, colour):
        """(status, body) of a colour's own API."""
        status, _, body = self.request(self.colour_host(colour), '/release/health')
        return status, json.loads(body)

    def colour_host(self, colour):
        return self.outputs[f'{colour.capitalize()}Url'].split('/')[2]

    @property
    def distribution_host(self):
        return self.outputs['DistributionUrl'].split('/')[2]

    def advance(self, time):
        done = self.haar.run('clock', 'advance', time)
        assert done.returncode == 0, done.stderr

    def begin_minute(self):
        """Moves the clock to a minute's beginning: what happens in the next seconds lies in that minute, and `advance 1m` ends it and no other."""
        now = datetime.datetime.fromisoformat(self.haar.call('GET', 'clock')['time'].replace('Z', '+00:00'))
        self.advance(f'{61 - now.second}s')

    # -- releases

    def live(self):
        """(version, {version: weight}) of the alias that payments go to."""
        alias = self.client('lambda').get_alias(FunctionName=self.outputs['FunctionName'], Name='live')
        return alias['FunctionVersion'], alias.get('RoutingConfig', {}).get('AdditionalVersionWeights', {})

    @contextlib.contextmanager
    def broken_origin(self, colour):
        """While the API of a colour may not invoke it."""
        lambda_, function = self.client('lambda'), self.outputs['FunctionName']
        statement = json.loads(lambda_.get_policy(FunctionName=function, Qualifier=colour)['Policy'])['Statement'][0]
        lambda_.remove_permission(FunctionName=function, Qualifier=colour, StatementId=statement['Sid'])
        try:
            yield
        finally:
            lambda_.add_permission(FunctionName=function, Qualifier=colour, StatementId=statement['Sid'], Action='lambda:InvokeFunction',
                                   Principal='apigateway.amazonaws.com', SourceArn=statement['Condition']['ArnLike']['AWS:SourceArn'])

    # -- payments

    def post(self, body, key=None, path=None):
        """POSTs to the API; answers (status, headers, decoded body)."""
        outputs = self.outputs
        host = f"{outputs['ApiId']}.execute-api.us-east-1.amazonaws.com"
        headers = {'Host': host, 'Content-Type': 'application/json'}
        if key:
            headers['Idempotency-Key'] = key
        connection = http.client.HTTPConnection('127.0.0.1', self.haar.port, timeout=60)
        try:
            connection.request('POST', path or f"/{outputs['ApiStageName']}/payment", json.dumps(body) if not isinstance(body, str) else body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(text) if text else None
        finally:
            connection.close()

    def pay(self, key=None, **members):
        """A payment that must succeed; answers its body."""
        status, _, body = self.post({'amount': '12.34', 'currency': 'EUR', 'card': CARD, **members}, key or self.key())
        assert status == 200, body
        return body

    @staticmethod
    def key():
        return f'key-{uuid.uuid4()}'

    def invoke(self, event, function=None, qualifier=None):
        arguments = {'Qualifier': qualifier} if qualifier else {}
        answer = self.client('lambda').invoke(FunctionName=function or self.outputs['FunctionName'], Payload=json.dumps(event), **arguments)
        payload = json.loads(answer['Payload'].read())
        assert 'FunctionError' not in answer, payload
        return payload

    def session(self, key, user='guest'):
        item = self.client('dynamodb').get_item(TableName=self.outputs['SessionTableName'], Key={'sessionId': {'S': f'{user}:{key}'}},
                                                ConsistentRead=True).get('Item')
        return item and {k: next(iter(v.values())) for k, v in item.items()}

    def ledger(self, payment_id):
        """The ledger's rows of a payment, or None."""
        answer = self.invoke({'action': 'ledger', 'paymentId': payment_id})
        body = json.loads(answer['body'])
        return body if answer['statusCode'] == 200 else None

    def log_object(self, payment):
        bucket, _, key = payment['transactionLog'].removeprefix('s3://').partition('/')
        return json.loads(self.client('s3').get_object(Bucket=bucket, Key=key)['Body'].read())

    def empty_bucket(self):
        """Every version of every transaction log: a bucket that is not empty cannot be deleted."""
        s3, bucket = self.client('s3'), self.outputs['LogBucketName']
        for page in s3.get_paginator('list_object_versions').paginate(Bucket=bucket):
            gone = [{'Key': v['Key'], 'VersionId': v['VersionId']} for v in page.get('Versions', []) + page.get('DeleteMarkers', [])]
            if gone:
                assert 'Errors' not in s3.delete_objects(Bucket=bucket, Delete={'Objects': gone, 'Quiet': True})

    # -- looking from inside

    def make_role(self, name):
        """A role that functions may take and that may do nothing; answers its ARN."""
        iam = self.client('iam')
        trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
        iam.attach_role_policy(RoleName=name, PolicyArn='arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole')
        return arn

    def make_probe(self, name='probe', vpc=True, role=None):
        """A function that is where the payment function is (or in no VPC), and may what it may (or another role): it does as it is told."""
        code = io.BytesIO()
        with zipfile.ZipFile(code, 'w') as archive:
            archive.writestr('probe.py', PROBE)
        lambda_, function = self.client('lambda'), f'{self.name}-{name}'
        config = lambda_.get_function_configuration(FunctionName=self.outputs['FunctionName'])
        place = {'VpcConfig': {'SubnetIds': [self.id('PrivateSubnetA'), self.id('PrivateSubnetB')], 'SecurityGroupIds': [self.id('FunctionSecurityGroup')]}}
        lambda_.create_function(FunctionName=function, Runtime='python3.9', Handler='probe.handler', Role=role or config['Role'], Timeout=30,
                                MemorySize=512, Code={'ZipFile': code.getvalue()}, **(place if vpc else {}))
        wait_for(lambda: lambda_.get_function_configuration(FunctionName=function)['State'] == 'Active', f'{function} is active')

    def probe(self, kind, probe='probe', **event):
        return self.invoke({'kind': kind, **event}, function=f'{self.name}-{probe}')

    def probe_call(self, service, operation, probe='probe', **arguments):
        return self.probe('call', probe, service=service, operation=operation, arguments=arguments)
