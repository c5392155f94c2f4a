"""What happens when something fails: rollback, none of it, ways back by hand, policies that refuse, ends in the middle."""

import json

import pytest
from tests.support.daemon import wait_for
from tests.support.stacks import create, delete, failures, parameter, refused, settled, update


@pytest.fixture(scope='module')
def formation(client):
    return client('cloudformation')


@pytest.fixture(scope='module')
def values(client):
    """The parameters that there are: name -> value."""
    ssm = client('ssm')

    def read(prefix):
        pages = ssm.get_paginator('describe_parameters').paginate()
        names = [p['Name'] for page in pages for p in page['Parameters'] if p['Name'].startswith(prefix)]
        return {n: ssm.get_parameter(Name=n)['Parameter']['Value'] for n in names}
    return read


def broken(**more):
    return {'Type': 'AWS::SSM::Parameter', 'Properties': {'Type': 'String', 'Name': 'bad name', 'Value': '1'}, **more}


def stack_events(formation, stack):
    return [(e['LogicalResourceId'], e['ResourceStatus'], e.get('ResourceStatusReason'))
            for e in formation.describe_stack_events(StackName=stack['StackId'])['StackEvents']][::-1]


def test_what_succeeded_is_kept(formation, values):
    template = {'Resources': {'Bad': broken(), 'After': parameter('/kept/after', DependsOn='Bad'), 'Good': parameter('/kept/good'),
                              'Better': parameter('/kept/better', DependsOn='Good')}}
    stack = create(formation, 'kept', template, OnFailure='DO_NOTHING')
    assert stack['StackStatus'] == 'CREATE_FAILED'
    assert stack['StackStatusReason'] == 'The following resource(s) failed to create: [Bad]. '
    assert values('/kept/') == {'/kept/good': '1', '/kept/better': '1'}
    template['Resources']['Bad']['Properties']['Name'] = '/kept/bad'
    stack = update(formation, 'kept', template, DisableRollback=True)
    assert stack['StackStatus'] == 'UPDATE_COMPLETE', failures(formation, stack)
    assert set(values('/kept/')) == {'/kept/good', '/kept/better', '/kept/bad', '/kept/after'}
    assert ('Bad', 'CREATE_COMPLETE', None) in stack_events(formation, stack)
    assert delete(formation, stack)['StackStatus'] == 'DELETE_COMPLETE'
    assert values('/kept/') == {}


def test_a_failed_creation_is_rolled_back_by_hand(formation, values):
    stack = create(formation, 'later', {'Resources': {'Bad': broken(), 'Good': parameter('/later/good')}}, DisableRollback=True)
    assert stack['StackStatus'] == 'CREATE_FAILED' and values('/later/') == {'/later/good': '1'}
    assert formation.rollback_stack(StackName='later')['StackId'] == stack['StackId']
    assert settled(formation, stack['StackId'])['StackStatus'] == 'ROLLBACK_COMPLETE'
    assert values('/later/') == {}
    message = refused(formation.rollback_stack, StackName='later')
    assert message == f'Stack:{stack["StackId"]} is in ROLLBACK_COMPLETE state and can not be rolled back.'
    delete(formation, stack)


def test_a_failed_update_is_kept_retried_and_rolled_back_by_hand(formation, values):
    def template(first, second, extra=None):
        resources = {'A': parameter('/retry/a', first), 'B': {**parameter('/retry/b', second), 'DependsOn': 'A'}}
        return {'Resources': {**resources, **(extra or {})}}
    stack = create(formation, 'retry', template('a1', 'b1'))
    stack = update(formation, 'retry', template('a2', 'b2', {'Bad': broken(DependsOn='A')}), DisableRollback=True)
    assert stack['StackStatus'] == 'UPDATE_FAILED'
    assert values('/retry/') == {'/retry/a': 'a2', '/retry/b': 'b2'}
    # Again, further on, and again not to the end: what there is to go back to is still the beginning.
    stack = update(formation, 'retry', template('a3', 'b2', {'Bad': broken(DependsOn='A')}), DisableRollback=True)
    assert stack['StackStatus'] == 'UPDATE_FAILED' and values('/retry/') == {'/retry/a': 'a3', '/retry/b': 'b2'}
    formation.rollback_stack(StackName='retry')
    stack = settled(formation, 'retry')
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE', failures(formation, stack)
    assert values('/retry/') == {'/retry/a': 'a1', '/retry/b': 'b1'}
    assert formation.get_template(StackName='retry')['TemplateBody'] == template('a1', 'b1')
    assert refused(formation.update_stack, StackName='retry', TemplateBody=json.dumps(template('a1', 'b1'))) == 'No updates are to be performed.'
    delete(formation, stack)


def test_no_replacement_without_rollback(formation, values):
    stack = create(formation, 'immutable', {'Resources': {'A': parameter('/immutable/old')}})
    stack = update(formation, 'immutable', {'Resources': {'A': parameter('/immutable/new')}}, DisableRollback=True)
    assert stack['StackStatus'] == 'UPDATE_FAILED'
    assert failures(formation, stack)['A'] == 'Replacement type updates not supported on stack with disable-rollback.'
    assert values('/immutable/') == {'/immutable/old': '1'}
    stack = update(formation, 'immutable', {'Resources': {'A': parameter('/immutable/old', '2')}}, DisableRollback=True)
    assert stack['StackStatus'] == 'UPDATE_COMPLETE' and values('/immutable/') == {'/immutable/old': '2'}
    delete(formation, stack)


ALLOW = {'Effect': 'Allow', 'Action': 'Update:*', 'Principal': '*', 'Resource': '*'}


def test_stack_policies(formation, values):
    policy = {'Statement': [ALLOW, {'Effect': 'Deny', 'Action': ['Update:Modify', 'Update:Delete'], 'Principal': '*',
                                    'Resource': 'LogicalResourceId/Db'}]}
    before = {'Resources': {'Db': parameter('/policy/db'), 'Other': parameter('/policy/other')}}
    stack = create(formation, 'policy', before, StackPolicyBody=json.dumps(policy))
    assert json.loads(formation.get_stack_policy(StackName='policy')['StackPolicyBody']) == policy
    after = {'Resources': {'Db': parameter('/policy/db', '2'), 'Other': parameter('/policy/other', '2')}}
    stack = update(formation, 'policy', after)
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE'
    assert failures(formation, stack)['Db'] == \
        'Action denied by stack policy: Statement [#2] does not allow [Update:Modify] for resource [LogicalResourceId/Db];'
    assert values('/policy/') == {'/policy/db': '1', '/policy/other': '1'}
    stack = update(formation, 'policy', {'Resources': {'Other': parameter('/policy/other')}})
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE' and '/policy/db' in values('/policy/')
    stack = update(formation, 'policy', after, StackPolicyDuringUpdateBody=json.dumps({'Statement': [ALLOW]}))
    assert stack['StackStatus'] == 'UPDATE_COMPLETE' and values('/policy/') == {'/policy/db': '2', '/policy/other': '2'}
    assert refused(formation.set_stack_policy, StackName='policy', StackPolicyBody='{"Statement": 1}') == \
        'Error validating stack policy: Invalid stack policy'
    formation.set_stack_policy(StackName='policy', StackPolicyBody='{"Statement": []}')
    after['Resources']['Other']['Properties']['Value'] = '3'
    stack = update(formation, 'policy', after)
    assert 'Action not allowed by stack policy: no statement allows [Update:Modify]' in failures(formation, stack)['Other']
    delete(formation, stack)


def test_a_creation_goes_on_after_kill(haar, formation, values):
    resources = {f'P{i}': parameter(f'/many/{i}') for i in range(60)}
    handle = {'Type': 'AWS::CloudFormation::WaitConditionHandle'}
    wait = {'Type': 'AWS::CloudFormation::WaitCondition', 'Properties': {'Handle': {'Ref': 'Handle'}, 'Timeout': '3000', 'Count': 1}}
    template = {'Resources': {**resources, 'Handle': handle, 'Wait': wait, 'Last': {**parameter('/many/last'), 'DependsOn': 'Wait'}}}
    formation.create_stack(StackName='interrupted', TemplateBody=json.dumps(template))
    wait_for(lambda: any(e[:2] == ('Wait', 'CREATE_IN_PROGRESS') for e in stack_events(formation, {'StackId': 'interrupted'})), 'the wait')
    for end in (haar.kill, haar.stop):
        end()
        haar.start()
    url = formation.describe_stack_resource(StackName='interrupted', LogicalResourceId='Handle')['StackResourceDetail']['PhysicalResourceId']
    signal(haar, url, {'Status': 'SUCCESS', 'UniqueId': 'one', 'Data': 'x', 'Reason': 'done'})
    stack = settled(formation, 'interrupted')
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, stack)
    assert len(values('/many/')) == 61
    assert not failures(formation, stack)
    assert delete(formation, stack)['StackStatus'] == 'DELETE_COMPLETE'


def signal(haar, url, message):
    """PUT to an address that haar gave out, through its own port."""
    import http.client
    from urllib.parse import urlsplit
    parts = urlsplit(url)
    connection = http.client.HTTPConnection('127.0.0.1', haar.port)
    connection.request('PUT', f'{parts.path}?{parts.query}', json.dumps(message), {'Host': parts.netloc, 'Content-Type': ''})
    assert connection.getresponse().status == 200


def test_signals_of_a_creation_policy(formation):
    wait = {'Type': 'AWS::CloudFormation::WaitCondition', 'CreationPolicy': {'ResourceSignal': {'Count': 2, 'Timeout': 'PT1H5M'}}}
    body = json.dumps({'Resources': {'Wait': wait, 'P': parameter('/signals/p')}})
    made = formation.create_stack(StackName='signals', TemplateBody=body)
    wait_for(lambda: any(e[:2] == ('Wait', 'CREATE_IN_PROGRESS') for e in stack_events(formation, made)), 'the wait')
    assert 'cannot be signaled' in refused(formation.signal_resource, StackName='signals', LogicalResourceId='P', UniqueId='a', Status='SUCCESS')
    for unique in ('a', 'a', 'b'):
        formation.signal_resource(StackName='signals', LogicalResourceId='Wait', UniqueId=unique, Status='SUCCESS')
    stack = settled(formation, 'signals')
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, stack)
    delete(formation, stack)


def test_a_creation_policy_runs_out(haar, formation):
    wait = {'Type': 'AWS::CloudFormation::WaitCondition', 'CreationPolicy': {'ResourceSignal': {'Count': 3, 'Timeout': 'PT1H'}}}
    made = formation.create_stack(StackName='silent', TemplateBody=json.dumps({'Resources': {'Wait': wait}}))
    wait_for(lambda: any(e[2] == 'Resource creation Initiated' for e in stack_events(formation, made)), 'the wait')
    assert haar.run('clock', 'advance', '2h').returncode == 0
    stack = settled(formation, 'silent')
    assert stack['StackStatus'] == 'ROLLBACK_COMPLETE'
    assert failures(formation, stack)['Wait'] == 'Failed to receive 3 resource signal(s) within the specified duration'


def test_a_creation_runs_out_of_time(haar, formation):
    handle = {'Type': 'AWS::CloudFormation::WaitConditionHandle'}
    wait = {'Type': 'AWS::CloudFormation::WaitCondition', 'Properties': {'Handle': {'Ref': 'Handle'}, 'Timeout': '40000'}}
    made = formation.create_stack(StackName='slow', TemplateBody=json.dumps({'Resources': {'Handle': handle, 'Wait': wait}}), TimeoutInMinutes=5)
    wait_for(lambda: any(e[2] == 'Resource creation Initiated' and e[0] == 'Wait' for e in stack_events(formation, made)), 'the wait')
    assert haar.run('clock', 'advance', '10m').returncode == 0
    stack = settled(formation, 'slow')
    assert stack['StackStatus'] == 'ROLLBACK_COMPLETE'
    assert ('slow', 'ROLLBACK_IN_PROGRESS', 'Stack creation time exceeded the specified timeout. Rollback requested by user.') in \
        stack_events(formation, stack)


def test_an_update_is_cancelled(formation, values):
    before = {'Resources': {'A': parameter('/cancel/a')}}
    stack = create(formation, 'cancel', before)
    assert refused(formation.cancel_update_stack, StackName='cancel') == 'CancelUpdateStack cannot be called from current stack status'
    wait = {'Type': 'AWS::CloudFormation::WaitCondition', 'DependsOn': 'A', 'CreationPolicy': {'ResourceSignal': {'Timeout': 'PT1H'}}}
    formation.update_stack(StackName='cancel', TemplateBody=json.dumps({'Resources': {'A': parameter('/cancel/a', '2'), 'Wait': wait}}))
    wait_for(lambda: values('/cancel/') == {'/cancel/a': '2'}, 'the update of A')
    wait_for(lambda: any(e[:2] == ('Wait', 'CREATE_IN_PROGRESS') for e in stack_events(formation, stack)), 'the wait')
    formation.cancel_update_stack(StackName='cancel')
    stack = settled(formation, 'cancel')
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE' and values('/cancel/') == {'/cancel/a': '1'}
    delete(formation, stack)


def test_hidden_values_are_not_in_events(formation, values):
    template = {'Parameters': {'Word': {'Type': 'String', 'NoEcho': True}, 'Seen': {'Type': 'String'}},
                'Resources': {'A': parameter('/events/a', {'Fn::Sub': '${Seen}-${Word}'})}}
    stack = create(formation, 'events', template, Parameters=[{'ParameterKey': 'Word', 'ParameterValue': 'open-sesame'},
                                                              {'ParameterKey': 'Seen', 'ParameterValue': 'plain'}])
    assert values('/events/') == {'/events/a': 'plain-open-sesame'}
    shown = [e['ResourceProperties'] for e in formation.describe_stack_events(StackName='events')['StackEvents'] if 'ResourceProperties' in e]
    assert shown and all(json.loads(s)['Value'] == 'plain-****' for s in shown)
    delete(formation, stack)
