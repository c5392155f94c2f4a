"""Change sets: what they say would happen, and that it does. The command line's deploy is built on them."""

import json
import os
import subprocess

import pytest
from tests.support.daemon import wait_for
from tests.support.stacks import create, delete, parameter, refused, settled, update


@pytest.fixture(scope='module')
def formation(client):
    return client('cloudformation')


def made(formation, stack, template, name='next', **more):
    body = template if isinstance(template, str) else json.dumps(template)
    identifier = formation.create_change_set(StackName=stack, ChangeSetName=name, TemplateBody=body, **more)['Id']
    return wait_for(lambda: (d := formation.describe_change_set(ChangeSetName=identifier))['Status'] in ('CREATE_COMPLETE', 'FAILED') and d, 'the change set')


def changes(described):
    return {c['ResourceChange']['LogicalResourceId']: c['ResourceChange'] for c in described['Changes']}


BEFORE = '''
Parameters:
  Size: {Type: String, Default: one}
Resources:
  Named: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /sets/named, Value: !Ref Size}}
  Follower: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref Named}}
  Reader: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !GetAtt Named.Value}}
  Leaver: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: x}}
  Keeper: {Type: AWS::SSM::Parameter, DeletionPolicy: Retain, UpdateReplacePolicy: Retain, Properties: {Type: String, Name: /sets/kept, Value: x}}
'''
AFTER = BEFORE.replace('/sets/named', '/sets/renamed').replace('/sets/kept', '/sets/kept2').replace('Leaver:', 'Comer:')


def test_replacement_scope_and_details(formation, client):
    stack = create(formation, 'sets', BEFORE)
    described = made(formation, 'sets', AFTER)
    found = changes(described)
    assert described['ExecutionStatus'] == 'AVAILABLE' and described['StackId'] == stack['StackId']
    assert {n: (c['Action'], c.get('Replacement')) for n, c in found.items()} == {
        'Named': ('Modify', 'True'), 'Follower': ('Modify', 'False'), 'Reader': ('Modify', 'False'), 'Leaver': ('Remove', None), 'Comer': ('Add', None),
        'Keeper': ('Modify', 'True')}
    assert found['Named']['Scope'] == ['Properties'] and found['Named']['PhysicalResourceId'] == '/sets/named'
    assert found['Named']['Details'] == [{'Target': {'Attribute': 'Properties', 'Name': 'Name', 'RequiresRecreation': 'Always'}, 'Evaluation': 'Static',
                                          'ChangeSource': 'DirectModification'}]
    assert found['Follower']['Details'] == [{'Target': {'Attribute': 'Properties', 'Name': 'Value', 'RequiresRecreation': 'Never'},
                                             'Evaluation': 'Dynamic', 'ChangeSource': 'ResourceReference', 'CausingEntity': 'Named'}]
    assert found['Reader']['Details'][0]['ChangeSource'] == 'ResourceAttribute' and found['Reader']['Details'][0]['CausingEntity'] == 'Named.Value'
    formation.execute_change_set(ChangeSetName=described['ChangeSetId'])
    assert settled(formation, 'sets')['StackStatus'] == 'UPDATE_COMPLETE'
    names = {p['Name'] for p in client('ssm').describe_parameters()['Parameters']}
    assert {'/sets/renamed', '/sets/kept', '/sets/kept2'} <= names and '/sets/named' not in names

    described = made(formation, 'sets', AFTER, 'second', Parameters=[{'ParameterKey': 'Size', 'ParameterValue': 'two'}], Tags=[{'Key': 'team', 'Value': 'x'}])
    found = changes(described)
    sources = {d['ChangeSource']: d.get('CausingEntity') for d in found['Named']['Details']}
    assert sources == {'ParameterReference': 'Size'}
    assert found['Named']['Replacement'] == 'False'
    assert described['Parameters'] == [{'ParameterKey': 'Size', 'ParameterValue': 'two'}] and described['Tags'] == [{'Key': 'team', 'Value': 'x'}]
    formation.delete_change_set(ChangeSetName=described['ChangeSetId'])
    refused(formation.describe_change_set, 'ChangeSetNotFound', StackName='sets', ChangeSetName='second')

    same = made(formation, 'sets', AFTER, 'third', Parameters=[{'ParameterKey': 'Size', 'UsePreviousValue': True}])
    assert same['Status'] == 'FAILED' and same['ExecutionStatus'] == 'UNAVAILABLE'
    assert same['StatusReason'] == "The submitted information didn't contain changes. Submit different information to create a change set."
    refused(formation.execute_change_set, 'InvalidChangeSetStatus', ChangeSetName=same['ChangeSetId'])
    delete(formation, stack)


def test_previous_template_and_values(formation, client):
    stack = create(formation, 'previous', BEFORE.replace('/sets', '/previous'), Parameters=[{'ParameterKey': 'Size', 'ParameterValue': 'two'}])
    formation.update_stack(StackName='previous', UsePreviousTemplate=True, Parameters=[{'ParameterKey': 'Size', 'UsePreviousValue': True}],
                           Tags=[{'Key': 'a', 'Value': 'b'}])
    stack = settled(formation, 'previous')
    assert stack['StackStatus'] == 'UPDATE_COMPLETE' and stack['Tags'] == [{'Key': 'a', 'Value': 'b'}]
    assert client('ssm').get_parameter(Name='/previous/named')['Parameter']['Value'] == 'two'
    tags = client('ssm').list_tags_for_resource(ResourceType='Parameter', ResourceId='/previous/named')['TagList']
    assert {'Key': 'a', 'Value': 'b'} in tags
    formation.update_stack(StackName='previous', UsePreviousTemplate=True)  # the default again
    settled(formation, 'previous')
    assert client('ssm').get_parameter(Name='/previous/named')['Parameter']['Value'] == 'one'
    formation.update_stack(StackName='previous', UsePreviousTemplate=True, Tags=[])
    settled(formation, 'previous')
    tags = client('ssm').list_tags_for_resource(ResourceType='Parameter', ResourceId='/previous/named')['TagList']
    assert {'Key': 'a', 'Value': 'b'} not in tags
    assert refused(formation.update_stack, StackName='previous', UsePreviousTemplate=True, TemplateBody=BEFORE) == \
        'You cannot specify both usePreviousTemplate and Template Body/Template URL.'
    assert refused(formation.update_stack, StackName='previous') == 'Either Template URL or Template Body must be specified.'
    delete(formation, stack)


def test_exports_are_locked(formation):
    def exporter(value, name='locked'):
        return {'Resources': {'P': parameter('/exporter', value)}, 'Outputs': {'V': {'Value': value, 'Export': {'Name': name}}}}
    first = create(formation, 'lock', exporter('one'))
    user = create(formation, 'key', {'Resources': {'P': parameter('/user', {'Fn::ImportValue': 'locked'})}})
    for template, word in ((exporter('two'), 'updated'), (exporter('one', 'other'), 'deleted')):
        stack = update(formation, 'lock', template)
        assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE'
        reasons = [e.get('ResourceStatusReason', '') for e in formation.describe_stack_events(StackName='lock')['StackEvents']]
        assert f'Export locked cannot be {word} as it is in use by key' in reasons
    assert [e['Value'] for e in formation.list_exports()['Exports'] if e['Name'] == 'locked'] == ['one']
    delete(formation, user)
    assert update(formation, 'lock', exporter('two'))['StackStatus'] == 'UPDATE_COMPLETE'
    assert delete(formation, first)['StackStatus'] == 'DELETE_COMPLETE'


def aws(haar, *arguments):
    environment = {**os.environ, 'AWS_ENDPOINT_URL': haar.url, 'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': 'us-east-1'}
    return subprocess.run(['/usr/bin/aws', '--endpoint-url', haar.url, 'cloudformation', *arguments], env=environment, capture_output=True, text=True,
                          timeout=120, check=False)


def test_the_command_line_deploys(haar, formation, tmp_path):
    template = tmp_path / 'template.yaml'
    template.write_text(BEFORE.replace('/sets', '/deploy'))
    first = aws(haar, 'deploy', '--stack-name', 'deployed', '--template-file', str(template), '--parameter-overrides', 'Size=three', '--tags', 'team=x')
    assert first.returncode == 0 and 'Successfully created/updated stack - deployed' in first.stdout, first.stderr + first.stdout
    again = aws(haar, 'deploy', '--stack-name', 'deployed', '--template-file', str(template), '--tags', 'team=x', '--no-fail-on-empty-changeset')
    assert again.returncode == 0 and 'No changes to deploy. Stack deployed is up to date' in again.stdout, again.stderr + again.stdout
    stack = formation.describe_stacks(StackName='deployed')['Stacks'][0]
    assert stack['StackStatus'] == 'CREATE_COMPLETE' and stack['Parameters'] == [{'ParameterKey': 'Size', 'ParameterValue': 'three'}]
    delete(formation, stack)
