"""Stacks: made, changed, rolled back, deleted; and what is wrong with a template, in CloudFormation's words."""

import json
import os

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for
from tests.support.stacks import create, delete, failures, parameter, refused, settled, update


@pytest.fixture(scope='module')
def formation(client):
    return client('cloudformation')


TEMPLATE = '''
Parameters:
  Colour: {Type: String, Default: blue, AllowedValues: [blue, green]}
  Sizes: {Type: CommaDelimitedList, Default: 'a,b,c'}
Mappings:
  Names: {blue: {Long: sky}, green: {Long: grass}}
Conditions:
  IsBlue: !Equals [!Ref Colour, blue]
  Never: !And [!Condition IsBlue, !Not [!Condition IsBlue]]
Resources:
  One:
    Type: AWS::SSM::Parameter
    Properties:
      Name: !Sub '/${AWS::StackName}/one'
      Type: String
      Value: !Join ['-', [!FindInMap [Names, !Ref Colour, Long], !Select [1, !Ref Sizes], !If [IsBlue, 'yes', 'no']]]
  Two:
    Type: AWS::SSM::Parameter
    DependsOn: One
    Properties:
      Name: !Sub ['/${AWS::StackName}/${Tail}', {Tail: two}]
      Type: String
      Value: !Base64 {'Fn::Sub': '${One.Value}/${AWS::AccountId}'}
  Absent:
    Type: AWS::SSM::Parameter
    Condition: Never
    Properties: {Type: String, Value: x}
Outputs:
  Value: {Value: !GetAtt One.Value, Export: {Name: !Sub '${AWS::StackName}-value'}}
  Cidrs: {Value: !Join [' ', !Cidr [10.0.0.0/16, 2, 8]]}
'''


def test_functions_parameters_and_outputs(formation, client):
    stack = create(formation, 'functions', TEMPLATE, Tags=[{'Key': 'team', 'Value': 'x'}])
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, stack)
    outputs = {o['OutputKey']: o['OutputValue'] for o in stack['Outputs']}
    assert outputs == {'Value': 'sky-b-yes', 'Cidrs': '10.0.0.0/24 10.0.1.0/24'}
    two = client('ssm').get_parameter(Name='/functions/two')['Parameter']['Value']
    assert __import__('base64').b64decode(two) == b'sky-b-yes/000000000000'
    resources = formation.list_stack_resources(StackName='functions')['StackResourceSummaries']
    assert sorted(r['LogicalResourceId'] for r in resources) == ['One', 'Two']
    events = [(e['LogicalResourceId'], e['ResourceStatus']) for e in formation.describe_stack_events(StackName='functions')['StackEvents']][::-1]
    assert events[0] == ('functions', 'CREATE_IN_PROGRESS') and events[-1] == ('functions', 'CREATE_COMPLETE')
    assert events.index(('One', 'CREATE_COMPLETE')) < events.index(('Two', 'CREATE_IN_PROGRESS'))
    assert formation.get_template(StackName='functions')['TemplateBody'] == TEMPLATE
    stack = update(formation, 'functions', TEMPLATE, Parameters=[{'ParameterKey': 'Colour', 'ParameterValue': 'green'}])
    assert stack['StackStatus'] == 'UPDATE_COMPLETE'
    assert client('ssm').get_parameter(Name='/functions/one')['Parameter']['Value'] == 'grass-b-no'
    assert refused(formation.update_stack, StackName='functions', TemplateBody=TEMPLATE,
                   Parameters=[{'ParameterKey': 'Colour', 'UsePreviousValue': True}]) == 'No updates are to be performed.'
    assert delete(formation, stack)['StackStatus'] == 'DELETE_COMPLETE'
    with pytest.raises(client('ssm').exceptions.ParameterNotFound):
        client('ssm').get_parameter(Name='/functions/one')


def test_imports_hold_exports(formation):
    exporter = create(formation, 'exporter', {'Resources': {'P': parameter('/exporter')},
                                              'Outputs': {'V': {'Value': 'seven', 'Export': {'Name': 'shared'}}}})
    importer = create(formation, 'importer', {'Resources': {'P': parameter('/importer', {'Fn::ImportValue': 'shared'})}})
    assert importer['StackStatus'] == 'CREATE_COMPLETE'
    assert [e['Name'] for e in formation.list_exports()['Exports']] == ['shared']
    assert formation.list_imports(ExportName='shared')['Imports'] == ['importer']
    twice = create(formation, 'twice', {'Resources': {'P': parameter('/twice')}, 'Outputs': {'V': {'Value': 'x', 'Export': {'Name': 'shared'}}}})
    assert twice['StackStatus'] == 'ROLLBACK_COMPLETE'
    delete(formation, twice)
    try:  # AWS refuses the call, or fails the deletion
        formation.delete_stack(StackName='exporter')
        held = settled(formation, exporter['StackId'])
        assert held['StackStatus'] == 'DELETE_FAILED' and 'in use by importer' in held['StackStatusReason']
    except ClientError as error:
        assert 'in use by importer' in error.response['Error']['Message']
    assert delete(formation, importer)['StackStatus'] == 'DELETE_COMPLETE'
    assert delete(formation, exporter)['StackStatus'] == 'DELETE_COMPLETE'


def test_a_failed_creation_is_rolled_back(formation, client):
    bad = {'Type': 'AWS::SSM::Parameter', 'DependsOn': 'Good', 'Properties': {'Type': 'String', 'Name': 'bad name', 'Value': '1'}}
    stack = create(formation, 'failing', {'Resources': {'Good': parameter('/good'), 'Bad': bad}})
    assert stack['StackStatus'] == 'ROLLBACK_COMPLETE'
    assert list(failures(formation, stack)) == ['Bad']
    with pytest.raises(client('ssm').exceptions.ParameterNotFound):
        client('ssm').get_parameter(Name='/good')
    assert 'is in ROLLBACK_COMPLETE state and can not be updated' in refused(
        formation.update_stack, StackName='failing', TemplateBody=json.dumps({'Resources': {'Good': parameter('/good')}}))
    delete(formation, stack)


def test_a_failed_update_goes_back(formation, client):
    good = {'Resources': {'A': parameter('/back/a', 'one')}}
    stack = create(formation, 'back', good)
    worse = {'Resources': {'A': parameter('/back/a', 'two'), 'B': {'Type': 'AWS::SSM::Parameter', 'DependsOn': 'A',
                                                                   'Properties': {'Type': 'String', 'Name': 'bad name', 'Value': '1'}}}}
    stack = update(formation, 'back', worse)
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE'
    assert client('ssm').get_parameter(Name='/back/a')['Parameter']['Value'] == 'one'
    delete(formation, stack)


def test_replacement_makes_the_new_before_it_deletes_the_old(formation, client):
    stack = create(formation, 'replace', {'Resources': {'A': parameter('/replace/old')}})
    stack = update(formation, 'replace', {'Resources': {'A': parameter('/replace/new')}})
    assert stack['StackStatus'] == 'UPDATE_COMPLETE'
    names = [p['Name'] for p in client('ssm').describe_parameters()['Parameters']]
    assert '/replace/new' in names and '/replace/old' not in names
    events = [(e['ResourceStatus'], e.get('ResourceStatusReason')) for e in formation.describe_stack_events(StackName='replace')['StackEvents']][::-1]
    replaced = ('UPDATE_IN_PROGRESS', 'Requested update requires the creation of a new physical resource; hence creating one.')
    assert events.index(replaced) < next(i for i, e in enumerate(events) if e[0] == 'DELETE_COMPLETE')
    delete(formation, stack)


def test_retained_resources_stay(formation, client):
    stack = create(formation, 'retain', {'Resources': {'A': parameter('/retain', DeletionPolicy='Retain')}})
    assert delete(formation, stack)['StackStatus'] == 'DELETE_COMPLETE'
    assert client('ssm').get_parameter(Name='/retain')['Parameter']['Value'] == '1'


def test_dynamic_references(formation, client):
    client('secretsmanager').create_secret(Name='db', SecretString='{"password": "hidden"}')
    client('ssm').put_parameter(Name='plain', Type='String', Value='seen')
    stack = create(formation, 'dynamic', {'Resources': {'A': parameter('/dynamic', '{{resolve:secretsmanager:db:SecretString:password}}/{{resolve:ssm:plain}}')}})
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, stack)
    assert client('ssm').get_parameter(Name='/dynamic')['Parameter']['Value'] == 'hidden/seen'
    delete(formation, stack)


def test_change_sets(formation):
    body = json.dumps({'Resources': {'A': parameter('/changes')}})
    made = formation.create_change_set(StackName='changes', ChangeSetName='first', ChangeSetType='CREATE', TemplateBody=body)
    described = wait_for(lambda: (d := formation.describe_change_set(ChangeSetName=made['Id']))['Status'] == 'CREATE_COMPLETE' and d, 'the change set')
    assert [(c['ResourceChange']['Action'], c['ResourceChange']['LogicalResourceId']) for c in described['Changes']] == [('Add', 'A')]
    assert formation.describe_stacks(StackName='changes')['Stacks'][0]['StackStatus'] == 'REVIEW_IN_PROGRESS'
    formation.execute_change_set(ChangeSetName=made['Id'])
    stack = settled(formation, 'changes')
    assert stack['StackStatus'] == 'CREATE_COMPLETE'
    same = formation.create_change_set(StackName='changes', ChangeSetName='same', TemplateBody=body)
    described = wait_for(lambda: (d := formation.describe_change_set(ChangeSetName=same['Id']))['Status'] == 'FAILED' and d, 'the empty change set')
    assert "didn't contain changes" in described['StatusReason']
    assert 'ChangeSet [nonesuch] does not exist' in refused(formation.describe_change_set, 'ChangeSetNotFound', StackName='changes', ChangeSetName='nonesuch')
    delete(formation, stack)


BAD = [
    ('{"Resources": {}}', 'Template format error: At least one Resources member must be defined.'),
    ('Resources: [', 'Template format error: YAML not well-formed.'),
    ('{"Resources": {"A": {"Type": "AWS::Nothing::Here"}}}', 'Template format error: Unrecognized resource types: [AWS::Nothing::Here]'),
    ('{"Resources": {"A": {"Properties": {}}}}', 'Every Resources object must contain a Type member.'),
    (json.dumps({'Resources': {'A': parameter('/a', {'Ref': 'B'})}}),
     'Template format error: Unresolved resource dependencies [B] in the Resources block of the template'),
    (json.dumps({'Resources': {'A': parameter('/a', {'Ref': 'B'}), 'B': parameter('/b', {'Ref': 'A'})}}), 'Circular dependency between resources:'),
    (json.dumps({'Resources': {'A': parameter()}, 'Outputs': {'O': {'Value': {'Ref': 'B'}}}}),
     'Unresolved resource dependencies [B] in the Outputs block of the template'),
    (json.dumps({'Parameters': {'P': {'Type': 'String'}}, 'Resources': {'A': parameter()}}), 'Parameters: [P] must have values'),
]


@pytest.mark.parametrize('body,message', BAD)
def test_bad_templates(formation, body, message):
    assert message in refused(formation.create_stack, StackName='bad', TemplateBody=body)
    assert message.startswith('Parameters') or not any(s['StackName'] == 'bad' for s in formation.describe_stacks()['Stacks'])


def test_a_missing_mapping(formation):
    body = json.dumps({'Resources': {'A': parameter('/a', {'Fn::FindInMap': ['M', 'a', 'b']})}, 'Mappings': {'M': {'x': {'b': '1'}}}})
    assert refused(formation.create_stack, StackName='mapping', TemplateBody=body) == \
        'Template error: Unable to get mapping for M::a::b (line 1)'


RULES = '''
Parameters:
  Stage: {Type: String}
  Size: {Type: String, Default: small}
Rules:
  ProductionIsLarge:
    RuleCondition: !Equals [!Ref Stage, production]
    Assertions:
      - Assert: !Contains [[large, huge], !Ref Size]
        AssertDescription: A production stack is large
Resources:
  A: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref Size}}
'''


def test_rules(formation):
    def given(stage, size):
        return [{'ParameterKey': 'Stage', 'ParameterValue': stage}, {'ParameterKey': 'Size', 'ParameterValue': size}]
    assert refused(formation.create_stack, StackName='rules', TemplateBody=RULES, Parameters=given('production', 'small')) == \
        'Rule ProductionIsLarge failed: A production stack is large (line 9)'
    stack = create(formation, 'rules', RULES, Parameters=given('test', 'small'))
    assert stack['StackStatus'] == 'CREATE_COMPLETE'
    assert 'A production stack is large' in refused(formation.update_stack, StackName='rules', UsePreviousTemplate=True,
                                                    Parameters=given('production', 'small'))
    delete(formation, stack)


def test_properties_are_checked_with_their_lines(formation):
    body = 'Resources:\n  A:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Type: String\n      Valeu: x\n'
    try:
        stack = create(formation, 'lines', body)
        message = ' '.join(failures(formation, stack).values())
        delete(formation, stack)
    except ClientError as error:
        message = error.response['Error']['Message']
    assert 'Valeu' in message and 'line 6' in message and 'Value' in message


def test_capabilities_and_names(formation):
    role = {'Resources': {'R': {'Type': 'AWS::IAM::Role', 'Properties': {'RoleName': 'named', 'AssumeRolePolicyDocument': {
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}}}}}
    assert refused(formation.create_stack, 'InsufficientCapabilitiesException', StackName='role', TemplateBody=json.dumps(role)) == \
        'Requires capabilities : [CAPABILITY_NAMED_IAM]'
    assert refused(formation.describe_stacks, StackName='nonesuch') == 'Stack with id nonesuch does not exist'
    refused(formation.create_stack, StackName='9bad', TemplateBody='{}')


CUSTOM = '''
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
  Maker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: 10
      Code:
        ZipFile: |
          import cfnresponse
          def handler(event, context):
              status = cfnresponse.FAILED if event['ResourceProperties'].get('Fail') == 'true' else cfnresponse.SUCCESS
              cfnresponse.send(event, context, status, {'Doubled': int(event['ResourceProperties']['Number']) * 2}, 'made-by-hand', reason='told to fail')
  Made:
    Type: Custom::Number
    Properties: {ServiceToken: !GetAtt Maker.Arn, Number: 21, Fail: %s}
Outputs:
  Doubled: {Value: !GetAtt Made.Doubled}
  Id: {Value: !Ref Made}
'''


def test_custom_resources(formation, network):
    stack = create(formation, 'custom', CUSTOM % 'false', Capabilities=['CAPABILITY_IAM'])
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, stack)
    assert {o['OutputKey']: o['OutputValue'] for o in stack['Outputs']} == {'Doubled': '42', 'Id': 'made-by-hand'}
    assert delete(formation, stack)['StackStatus'] == 'DELETE_COMPLETE'
    stack = create(formation, 'custom', CUSTOM % 'true', Capabilities=['CAPABILITY_IAM'])
    assert stack['StackStatus'].startswith('ROLLBACK') and 'told to fail' in failures(formation, stack)['Made']


def test_an_interrupted_operation_is_settled(haar, formation):
    body = json.dumps({'Resources': {f'P{i}': parameter(f'/many/{i}') for i in range(60)}})
    formation.create_stack(StackName='interrupted', TemplateBody=body)
    haar.kill()
    haar.start()
    stack = settled(formation, 'interrupted')
    assert stack['StackStatus'] in ('CREATE_COMPLETE', 'ROLLBACK_COMPLETE', 'CREATE_FAILED')
    assert delete(formation, stack)['StackStatus'] == 'DELETE_COMPLETE'


def test_hidden_parameters_are_not_in_the_database(haar, formation):
    template = {'Parameters': {'Word': {'Type': 'String', 'NoEcho': True}}, 'Resources': {'A': {'Type': 'AWS::CloudFormation::WaitConditionHandle'}},
                'Conditions': {'Is': {'Fn::Equals': [{'Ref': 'Word'}, 'open-sesame-4711']}}}
    stack = create(formation, 'hidden', template, Parameters=[{'ParameterKey': 'Word', 'ParameterValue': 'open-sesame-4711-and-more'}])
    assert stack['StackStatus'] == 'CREATE_COMPLETE'
    assert stack['Parameters'] == [{'ParameterKey': 'Word', 'ParameterValue': '****'}]
    for folder, _, files in os.walk(haar.data):
        for name in files:
            if not os.path.isfile(os.path.join(folder, name)):
                continue
            with open(os.path.join(folder, name), 'rb') as file:
                assert b'open-sesame-4711-and-more' not in file.read(), os.path.join(folder, name)
    haar.restart()
    assert update(formation, 'hidden', template, Parameters=[{'ParameterKey': 'Word', 'UsePreviousValue': True}],
                  Tags=[{'Key': 'a', 'Value': 'b'}])['StackStatus'] == 'UPDATE_COMPLETE'
    delete(formation, stack)
