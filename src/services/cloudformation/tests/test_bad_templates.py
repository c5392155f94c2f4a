"""Templates and requests that are wrong: AWS's words, the template's line, and nothing changed."""

import json

import pytest
from botocore.exceptions import ClientError
from tests.support.stacks import create, delete, failures, parameter, refused


@pytest.fixture(scope='module')
def formation(client):
    return client('cloudformation')


GOOD = 'Resources:\n  A:\n    Type: AWS::SSM::Parameter\n    Properties: {Type: String, Value: x}\n'

# What is wrong, and the whole answer.
WHOLE = [
    ('Resources:\n  A:\n    Type: AWS::Nothing::Here\n', 'Template format error: Unrecognized resource types: [AWS::Nothing::Here]'),
    ('Resources:\n  A:\n    Type: AWS::SSM::Paramter\n', 'Template format error: Unrecognized resource types: [AWS::SSM::Paramter]; did you mean '
     'AWS::SSM::Parameter?'),
    ('Description: nothing else\n', 'Template format error: At least one Resources member must be defined.'),
    ('{"Resources": {}}', 'Template format error: At least one Resources member must be defined.'),
    ('{"Resources": {"A": {"Type": }}}', 'Template format error: JSON not well-formed. (line 1, column 30) Unexpected character'),
    ('Resources:\n  A: [\n', "Template format error: YAML not well-formed. (line 3, column 1) did not find expected node content"),
    ('Resources:\n\tA: 1\n', 'Template format error: YAML not well-formed. (line 2, column 1) found character that cannot start any token'),
    ('just text', 'Template format error: unsupported structure.'),
    (GOOD + 'Resourcs: {}\n', 'Invalid template property or properties [Resourcs] (line 5; did you mean Resources?)'),
    (GOOD.replace('Type: String', 'Type: !Ref Missing'),
     'Template format error: Unresolved resource dependencies [Missing] in the Resources block of the template'),
    (GOOD + 'Outputs: {O: {Value: !Ref Missing}}\n', 'Unresolved resource dependencies [Missing] in the Outputs block of the template'),
    (GOOD + 'Outputs: {O: {Value: !GetAtt A.Nope}}\n', 'Template error: resource A does not support attribute type Nope in Fn::GetAtt (line 5)'),
    (GOOD + 'Outputs: {O: {Value: !GetAtt B.Arn}}\n', 'Template error: instance of Fn::GetAtt references undefined resource B'),
    ('Resources:\n  A: {Type: AWS::SSM::Parameter, DependsOn: B}\n  B: {Type: AWS::SSM::Parameter, DependsOn: C}\n'
     '  C: {Type: AWS::SSM::Parameter, DependsOn: A}\n', 'Circular dependency between resources: [A, B, C]'),
    ('Conditions: {C: !Not [!Condition D], D: !Not [!Condition C]}\n' + GOOD, 'Circular dependencies for conditions: [C]'),
    ('Conditions: {C: !Equals [a, !Ref A]}\n' + GOOD,
     'Template error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template'),
    (GOOD + '    DeletionPolicy: Snapshot\n', 'Template error: resource type AWS::SSM::Parameter does not support deletion policy Snapshot (line 5)'),
    (GOOD + '    DeletionPolicy: Keep\n', 'Template format error: Unrecognized DeletionPolicy Keep for resource A (line 5)'),
    (GOOD + '    Propertys: {}\n', "Invalid template resource property 'Propertys' (line 5; did you mean Properties?)"),
    (GOOD + 'Mappings: {M: {a: {b: c}}}\nOutputs: {O: {Value: !FindInMap [M, a, x]}}\n', 'Template error: Unable to get mapping for M::a::x (line 6)'),
    (GOOD + 'Outputs: {O: {Value: !FindInMap [N, a, x]}}\n',
     "Template error: Mapping named 'N' is not present in the 'Mappings' section of template. (line 5)"),
    ('Resources:\n' + ''.join(f'  R{i}: {{Type: AWS::SSM::Parameter}}\n' for i in range(501)),
     'Template format error: Number of resources, 501, is greater than maximum allowed, 500'),
    (GOOD + 'Outputs:\n' + ''.join(f'  O{i}: {{Value: x}}\n' for i in range(201)),
     'Template format error: Number of outputs, 201, is greater than maximum allowed, 200'),
    ('Parameters:\n' + ''.join(f'  P{i}: {{Type: String, Default: x}}\n' for i in range(201)) + GOOD,
     'Template format error: Number of parameters, 201, is greater than maximum allowed, 200'),
    ('Metadata: ' + '[' * 500 + '\n' + GOOD, 'Template format error: YAML not well-formed. (line 1, column 74) The template is nested too deeply.'),
    ('Metadata: {a: &a [1, 1, 1, 1, 1, 1, 1, 1], ' + ', '.join(f'{chr(98 + i)}: &{chr(98 + i)} [{", ".join(["*" + chr(97 + i)] * 8)}]' for i in range(12)) +
     '}\n' + GOOD, None),
    (GOOD.replace('x}', '"x\0"}'), None),
]


@pytest.mark.parametrize('body,message', WHOLE, ids=range(len(WHOLE)))
def test_bad_templates(formation, body, message):
    with pytest.raises(ClientError) as caught:
        formation.create_stack(StackName='bad', TemplateBody=body)
    error = caught.value.response['Error']
    assert error['Code'] == 'ValidationError' and caught.value.response['ResponseMetadata']['HTTPStatusCode'] == 400
    if message:
        assert error['Message'] == message
    with pytest.raises(ClientError):
        formation.describe_stacks(StackName='bad')
    with pytest.raises(ClientError):
        formation.create_change_set(StackName='bad', ChangeSetName='bad', ChangeSetType='CREATE', TemplateBody=body)
    assert not any(s['StackName'] == 'bad' for s in formation.list_stacks()['StackSummaries'])


def test_too_large(formation, client):
    body = GOOD + '#' * (51201 - len(GOOD))
    message = refused(formation.create_stack, StackName='large', TemplateBody=body)
    assert message.endswith("at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200")
    stack = create(formation, 'large', body[:51200])
    assert stack['StackStatus'] == 'CREATE_COMPLETE'
    delete(formation, stack)
    s3 = client('s3')
    s3.create_bucket(Bucket='templates')
    s3.put_object(Bucket='templates', Key='just.yaml', Body=(GOOD + '#' * (1024 * 1024 - len(GOOD))).encode())
    s3.put_object(Bucket='templates', Key='over.yaml', Body=(GOOD + '#' * (1024 * 1024 + 1 - len(GOOD))).encode())
    assert 'Parameters' in formation.validate_template(TemplateURL='https://templates.s3.amazonaws.com/just.yaml')
    assert refused(formation.create_stack, StackName='over', TemplateURL='https://templates.s3.amazonaws.com/over.yaml') == \
        'Template may not exceed 1048576 bytes in size.'
    assert 'S3 error' in refused(formation.create_stack, StackName='none', TemplateURL='https://templates.s3.amazonaws.com/none.yaml')
    assert refused(formation.create_stack, StackName='none', TemplateURL='ftp://x/y') == 'TemplateURL must be a supported URL.'


PROPERTIES = [
    ({'Type': 'String', 'Valeu': 'x'}, "#: extraneous key [Valeu] is not permitted; did you mean Value? (line 1)\n#: required key [Value] not found (line 1)"),
    ({'Type': 'String', 'Value': ['x']}, '#/Value: expected type: String, found: JSONArray (line 1)'),
]


@pytest.mark.parametrize('properties,finding', PROPERTIES)
def test_properties(formation, client, properties, finding):
    """As on AWS these fail the resource, before any other is made."""
    template = {'Resources': {'Good': parameter('/properties/good'), 'Bad': {'Type': 'AWS::SSM::Parameter', 'Properties': properties}}}
    stack = create(formation, 'properties', template)
    assert stack['StackStatus'] == 'ROLLBACK_COMPLETE'
    assert failures(formation, stack)['Bad'] == f'Properties validation failed for resource Bad with message:\n{finding}'
    assert not [e for e in formation.describe_stack_events(StackName='properties')['StackEvents'] if e['LogicalResourceId'] == 'Good']
    delete(formation, stack)


PARAMETERS = [
    ({'Type': 'String', 'AllowedValues': ['a', 'b']}, 'c', "Parameter 'P' must be one of AllowedValues"),
    ({'Type': 'Number'}, 'x', "Parameter 'P' must be a number."),
    ({'Type': 'Number', 'MaxValue': 5}, '6', "Parameter 'P' must be a number not greater than 5"),
    ({'Type': 'String', 'MinLength': 2}, 'x', "Parameter 'P' must contain at least 2 characters"),
    ({'Type': 'String', 'AllowedPattern': '[a-z]+', 'ConstraintDescription': 'lower case'}, 'X', "Parameter 'P' failed to satisfy constraint: lower case"),
    ({'Type': 'String'}, None, 'Parameters: [P] must have values'),
    ({'Type': 'Strin'}, 'x', 'Template format error: Unrecognized parameter type: Strin'),
    ({'Type': 'AWS::SSM::Parameter::Value<String>'}, '/nonesuch', 'Unable to fetch parameters [/nonesuch] from parameter store for this account.'),
]


@pytest.mark.parametrize('declaration,value,message', PARAMETERS)
def test_parameters(formation, declaration, value, message):
    body = json.dumps({'Parameters': {'P': declaration}, 'Resources': {'A': parameter()}})
    given = [{'ParameterKey': 'P', 'ParameterValue': value}] if value else []
    assert refused(formation.create_stack, StackName='bad', TemplateBody=body, Parameters=given) == message
    assert refused(formation.create_stack, StackName='bad', TemplateBody=GOOD, Parameters=[{'ParameterKey': 'Q', 'ParameterValue': 'x'}]) == \
        'Parameters: [Q] do not exist in the template'


ROLE = {'Type': 'AWS::IAM::Role', 'Properties': {'AssumeRolePolicyDocument': {'Version': '2012-10-17', 'Statement': [
    {'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}}}


def test_capabilities(formation):
    plain = json.dumps({'Resources': {'R': ROLE}})
    named = json.dumps({'Resources': {'R': {**ROLE, 'Properties': {**ROLE['Properties'], 'RoleName': 'r'}}}})
    loop = json.dumps({'Transform': 'AWS::LanguageExtensions', 'Resources': {'A': parameter()}})
    for body, given, needed in ((plain, [], 'IAM'), (named, ['CAPABILITY_IAM'], 'NAMED_IAM'), (loop, [], 'AUTO_EXPAND')):
        assert refused(formation.create_stack, 'InsufficientCapabilitiesException', StackName='bad', TemplateBody=body, Capabilities=given) == \
            f'Requires capabilities : [CAPABILITY_{needed}]'
        assert refused(formation.create_change_set, 'InsufficientCapabilitiesException', StackName='bad', TemplateBody=body, Capabilities=given,
                       ChangeSetName='c', ChangeSetType='CREATE') == f'Requires capabilities : [CAPABILITY_{needed}]'


def test_duplicate_exports(formation):
    body = {'Resources': {'A': parameter('/exports')}, 'Outputs': {'V': {'Value': 'x', 'Export': {'Name': 'same'}}}}
    first = create(formation, 'first', body)
    twice = json.dumps({**body, 'Outputs': {**body['Outputs'], 'W': {'Value': 'y', 'Export': {'Name': 'same'}}}})
    assert refused(formation.create_stack, StackName='bad', TemplateBody=twice) == \
        'Template error: the outputs V and W export the same name same (line 1)'
    second = create(formation, 'second', {**body, 'Resources': {'A': parameter('/exports/second')}})
    assert second['StackStatus'] == 'ROLLBACK_COMPLETE'
    reasons = [e.get('ResourceStatusReason', '') for e in formation.describe_stack_events(StackName='second')['StackEvents']]
    assert any('Export with name same is already exported by stack first.' in r for r in reasons)
    delete(formation, second)
    delete(formation, first)


def test_unknown_things_of_the_api(formation):
    for call, arguments in ((formation.detect_stack_drift, {'StackName': 'x'}), (formation.describe_stack_resource_drifts, {'StackName': 'x'}),
                            (formation.list_stack_sets, {}), (formation.list_types, {})):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response['Error']['Code'] == 'InvalidAction'
        assert caught.value.response['Error']['Message'].startswith('haar does not implement the operation ')
    assert refused(formation.describe_stacks, StackName='nonesuch') == 'Stack with id nonesuch does not exist'
    assert refused(formation.describe_stack_events, StackName='nonesuch') == 'Stack [nonesuch] does not exist'
