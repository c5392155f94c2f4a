"""Releases: colours, versions, aliases and weights; what has to be good before a colour is promoted."""

import collections
import json

import pytest

from tests.payments.stack import chi_squared, template_with
from tests.support.daemon import wait_for

COLOURS = {'blue': '1', 'green': '2'}


def function_call(stack, operation, **arguments):
    return getattr(stack.client('lambda'), operation)(FunctionName=stack.outputs['FunctionName'], **arguments)


@pytest.mark.parametrize('colour', COLOURS)
def test_colour_has_a_version_an_alias_and_an_api(stack, colour):
    version = stack.outputs[f'{colour.capitalize()}Version']
    assert function_call(stack, 'get_alias', Name=colour)['FunctionVersion'] == version == COLOURS[colour]
    assert stack.health(colour) == (200, {'status': 'ok', 'version': version, 'release': COLOURS[colour]})
    payment = json.loads(stack.invoke({'amount': '1.00', 'currency': 'EUR'}, qualifier=colour)['body'])
    assert payment['status'] == 'completed' and stack.ledger(payment['paymentId'])


def test_version_stays_what_it_was(stack):
    """What is published does not change with the function."""
    name = stack.outputs['FunctionName']
    before = stack.health('blue')
    latest = function_call(stack, 'get_function_configuration')['Environment']['Variables']
    function_call(stack, 'update_function_configuration', Environment={'Variables': {**latest, 'RELEASE': 'next'}})
    try:
        wait_for(lambda: function_call(stack, 'get_function_configuration')['LastUpdateStatus'] == 'Successful', 'the function is updated')
        assert stack.health('blue') == before
        answer = stack.invoke({'httpMethod': 'GET', 'path': '/health'}, function=name)
        assert json.loads(answer['body'])['release'] == 'next'
    finally:
        function_call(stack, 'update_function_configuration', Environment={'Variables': latest})
        wait_for(lambda: function_call(stack, 'get_function_configuration')['LastUpdateStatus'] == 'Successful', 'the function is as it was')


def test_live_alias_is_blue_and_green_gets_nothing(stack):
    assert stack.live() == (stack.outputs['BlueVersion'], {})
    ran = {function_call(stack, 'invoke', Qualifier='live', Payload=b'{"httpMethod":"GET","path":"/health"}')['ExecutedVersion'] for _ in range(20)}
    assert ran == {stack.outputs['BlueVersion']}


def test_weights_are_met_by_invocations(split):
    blue, green = split.outputs['BlueVersion'], split.outputs['GreenVersion']
    assert split.live() == (blue, {green: 0.3})
    counts = collections.Counter(function_call(split, 'invoke', Qualifier='live', Payload=b'{"httpMethod":"GET","path":"/health"}')['ExecutedVersion']
                                 for _ in range(400))
    assert set(counts) == {blue, green}
    assert chi_squared(counts, {blue: 0.7, green: 0.3}) < 20, counts  # one degree of freedom: by chance once in 130,000 runs


def test_weights_are_met_by_requests(split):
    host, stage = f"{split.outputs['ApiId']}.execute-api.us-east-1.amazonaws.com", split.outputs['ApiStageName']
    counts = collections.Counter(json.loads(split.request(host, f'/{stage}/health')[2])['release'] for _ in range(300))
    assert set(counts) == {'1', '2'} and chi_squared(counts, {'1': 0.7, '2': 0.3}) < 20, counts


def test_candidate_alarm_watches_the_candidate(split):
    alarm = split.client('cloudwatch').describe_alarms(AlarmNames=[f'{split.name}-candidate'])['MetricAlarms'][0]
    assert {d['Name']: d['Value'] for d in alarm['Dimensions']}['ExecutedVersion'] == split.outputs['GreenVersion']
    assert any(action.endswith(f':function:{split.name}-rollback') for action in alarm['AlarmActions'])


# -- the order of a release, and what stops it

def finished(stack, logical_id, status='CREATE_COMPLETE'):
    """When a resource was first finished, as the place of its event."""
    return next(i for i, e in enumerate(stack.events()) if (e['LogicalResourceId'], e['ResourceStatus']) == (logical_id, status))


@pytest.mark.parametrize('colour', ['Blue', 'Green'])
def test_wait_condition_orders_the_steps(stack, colour):
    """Validated by itself, then healthy behind its API, then signalled as ready; only then may it get traffic."""
    order = [finished(stack, f'{colour}{step}') for step in ('Version', 'Alias', 'Validation', 'Target', 'Ready')]
    assert order == sorted(order)
    traffic = finished(stack, 'LiveAlias') if colour == 'Blue' else finished(stack, 'GreenRecord')
    assert order[-1] < traffic and order[-1] < finished(stack, f'{colour}Record')


def test_wait_condition_has_the_release_that_signalled(stack):
    formation = stack.client('cloudformation')
    ready = formation.describe_stack_resource(StackName=stack.name, LogicalResourceId='GreenReady')['StackResourceDetail']
    assert ready['ResourceStatus'] == 'CREATE_COMPLETE' and ready['ResourceType'] == 'AWS::CloudFormation::WaitCondition'


def test_validation_answered_through_the_s3_endpoint(stack):
    """From private subnets without a way to the internet, the answer's presigned URL is reached through the gateway endpoint; its policy decides."""
    ec2, endpoint = stack.client('ec2'), stack.id('S3Endpoint')
    policy = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])['VpcEndpoints'][0]['PolicyDocument']
    document = json.loads(policy)
    document['Statement'] = [s for s in document['Statement'] if s['Sid'] != 'AnswersToCloudFormation']
    event = {'RequestType': 'Delete', 'ResponseURL': stack.id('GreenReadyHandle').replace('cloudformation-waitcondition-', 'cloudformation-custom-resource-response-'),
             'StackId': 's', 'RequestId': 'r', 'LogicalResourceId': 'l', 'PhysicalResourceId': 'p'}
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=json.dumps(document))
    try:
        refused = stack.invoke(event, qualifier='green')
        assert refused['statusCode'] >= 500 and 'answering CloudFormation' in refused['body'], refused
        assert 'VPC endpoint policy' in refused['body'], refused
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=policy)


def failed_update(stack, reason, **parameters):
    """The update fails with the validation's own reason and everything is as it was."""
    before = stack.live(), stack.health('blue'), stack.outputs
    stack.update(settled='UPDATE_ROLLBACK_COMPLETE', **parameters)
    said = [r for name, r in stack.failures() if name == 'GreenValidation']
    assert said and reason in said[-1], stack.failures()
    assert (stack.live(), stack.health('blue'), stack.outputs) == before


def test_release_is_refused_when_the_database_refuses(stack):
    """The database takes nothing from the functions' group: the version cannot be validated."""
    ec2, group = stack.client('ec2'), stack.id('DatabaseSecurityGroup')
    rule = {'IpProtocol': 'tcp', 'FromPort': 3306, 'ToPort': 3306, 'UserIdGroupPairs': [{'GroupId': stack.id('FunctionSecurityGroup')}]}
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    try:
        failed_update(stack, 'connecting to payments-databasecluster', GreenRelease='3')
    finally:
        rule['UserIdGroupPairs'][0]['Description'] = 'MySQL from the payment function'
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert stack.health('green')[0] == 200


@pytest.mark.parametrize('variable, value', [('DATABASE_NAME', '!Ref DatabaseName'), ('LOG_BUCKET', '!Ref LogBucket')])
def test_release_is_refused_when_a_variable_is_missing(stack, tmp_path, variable, value):
    """Also if the function can do nothing without it."""
    template = template_with(tmp_path, (f'          {variable}: {value}\n', ''))
    before = stack.live(), stack.health('blue'), stack.health('green'), stack.outputs
    done = stack.haar.run('up', template, '--stack', stack.name, '--parameter', 'GreenRelease=3')
    assert done.returncode == 1 and 'did not come up: UPDATE_ROLLBACK_COMPLETE' in done.stderr, done.stdout + done.stderr
    assert f'the environment variable {variable} is not set' in [r for name, r in stack.failures() if name == 'GreenValidation'][-1]
    assert (stack.live(), stack.health('blue'), stack.health('green'), stack.outputs) == before
    variables = function_call(stack, 'get_function_configuration')['Environment']['Variables']
    assert variables['DATABASE_NAME'] == 'payments' and variables['RELEASE'] == '2'
