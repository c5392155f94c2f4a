"""The two accounts of the payment stack's team, checked: with AWS's behaviour both stacks pass all tests; under the profiles late-eni and stateless-groups the
one as first written fails exactly its four connectivity tests, and the corrected one passes all."""

import concurrent.futures
import json
import uuid

import pytest

from tests.accounts.variants import variant
from tests.support.daemon import Haar

CONNECTIVITY = {'function to DynamoDB', 'function to S3', 'function to Secrets Manager', 'the payment workflow'}
PROFILES = ((), ('late-eni',), ('stateless-groups',), ('late-eni', 'stateless-groups'))


class Stack:
    """A variant, deployed."""

    def __init__(self, corrected, directory):
        self.haar = Haar().start()
        done = self.haar.run('up', variant(corrected, directory), '--stack', 'pay')
        assert done.returncode == 0, done.stdout + done.stderr
        stack = self.haar.client('cloudformation').describe_stacks(StackName='pay')['Stacks'][0]
        self.outputs = {o['OutputKey']: o['OutputValue'] for o in stack['Outputs']}

    def invoke(self, reach):
        payload = json.dumps({'reach': reach, 'key': f'key-{uuid.uuid4()}'})
        answer = self.haar.client('lambda').invoke(FunctionName=self.outputs['PaymentFunction'], Payload=payload)
        return json.loads(answer['Payload'].read())

    # -- the tests of the stack

    def tests(self):
        client, out = self.haar.client, self.outputs
        ec2 = client('ec2')
        config = client('lambda').get_function_configuration(FunctionName=out['PaymentFunction'])
        return {
            'function to DynamoDB': lambda: self.invoke('dynamodb') == 'processing',
            'function to S3': lambda: self.invoke('s3') == 200,
            'function to Secrets Manager': lambda: self.invoke('secretsmanager') == 32,
            'the payment workflow': lambda: self.invoke('payment') == ['processing', 32, 200],
            'subnets over two zones': lambda: len({s['AvailabilityZone'] for s in ec2.describe_subnets(SubnetIds=config['VpcConfig']['SubnetIds'])['Subnets']}) == 2,
            'function in the VPC': lambda: config['VpcConfig']['VpcId'] == out['Vpc'] and config['State'] == 'Active',
            'endpoints are available': lambda: [e['State'] for e in ec2.describe_vpc_endpoints(Filters=[{'Name': 'vpc-id', 'Values': [out['Vpc']]}])['VpcEndpoints']]
            == ['available'] * 3,
            'table takes items': lambda: client('dynamodb').put_item(TableName=out['SessionTable'], Item={'sessionId': {'S': 'x'}})['ResponseMetadata']['HTTPStatusCode'] == 200,
            'objects are encrypted': lambda: client('s3').put_object(Bucket=out['LogBucket'], Key='elsewhere', Body=b'x')['ServerSideEncryption'] == 'aws:kms',
            'password of 32 characters': lambda: len(json.loads(client('secretsmanager').get_secret_value(SecretId=out['DatabaseSecret'])['SecretString'])['password']) == 32,
        }

    def failed(self, at_once):
        """The names of the tests that fail. at_once: they will hang, so that they wait together."""
        def good(test):
            try:
                return test()
            except Exception:  # noqa: BLE001 - whatever it is, the test has failed
                return False

        tests = self.tests()
        with concurrent.futures.ThreadPoolExecutor(len(tests) if at_once else 1) as pool:
            return {name for name, passed in zip(tests, pool.map(good, tests.values())) if not passed}

    def rehearse(self, profiles):
        for profile in profiles:
            done = self.haar.run('fault', profile, 'pay')
            assert done.returncode == 0, done.stderr


@pytest.fixture(scope='module', params=['first', 'corrected'])
def stack(request, tmp_path_factory):
    stack = Stack(request.param == 'corrected', str(tmp_path_factory.mktemp(request.param)))
    stack.corrected = request.param == 'corrected'
    yield stack
    stack.haar.close()


@pytest.fixture
def rehearsed(stack, request):
    stack.rehearse(request.param)
    yield stack
    stack.haar.run('fault', 'lift', 'all')


@pytest.mark.parametrize('rehearsed', PROFILES, indirect=True, ids=lambda p: ' and '.join(p) or 'as AWS documents')
def test_what_fails_is_what_the_account_says(rehearsed, request):
    profiles = request.node.callspec.params['rehearsed']
    expected = CONNECTIVITY if profiles and not rehearsed.corrected else set()
    assert rehearsed.failed(at_once=bool(expected)) == expected
    causes = {e['cause'] for e in rehearsed.haar.call('GET', f"why?of={rehearsed.outputs['PaymentFunction']}&since_ms=60000")['entries']}
    if 'stateless-groups' in profiles and 'late-eni' not in profiles and not rehearsed.corrected:
        assert 'group-reply' in causes
    if 'late-eni' in profiles and not rehearsed.corrected:
        assert 'fault' in causes


def test_the_profiles_go_with_the_stack(stack):
    stack.rehearse(('late-eni', 'stateless-groups'))
    assert stack.haar.run('fault').stdout.count(', of stack pay\n') == 2
    client, bucket = stack.haar.client('s3'), stack.outputs['LogBucket']
    for version in client.list_object_versions(Bucket=bucket).get('Versions', []):
        client.delete_object(Bucket=bucket, Key=version['Key'], VersionId=version['VersionId'])
    done = stack.haar.run('down', 'pay')
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.haar.run('fault').stdout == 'No fault is on.\n'
