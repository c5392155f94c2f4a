"""Custom resources whose functions are in a VPC: the answer leaves through the S3 gateway endpoint, or not at all."""

import pytest
from tests.support.daemon import wait_for
from tests.support.stacks import create, delete, failures, settled, update

TEMPLATE = '''
Parameters:
  Number: {Type: Number, Default: 21}
  Fail: {Type: String, Default: 'false'}
  Endpoint: {Type: String, Default: 'true'}
Conditions:
  HasEndpoint: !Equals [!Ref Endpoint, 'true']
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16, EnableDnsSupport: true, EnableDnsHostnames: true}}
  Private: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  Routes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  Associated: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref Private, RouteTableId: !Ref Routes}}
  ToS3:
    Type: AWS::EC2::VPCEndpoint
    Condition: HasEndpoint
    Properties: {VpcId: !Ref Vpc, ServiceName: !Sub 'com.amazonaws.${AWS::Region}.s3', RouteTableIds: [!Ref Routes]}
  Functions: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: functions, VpcId: !Ref Vpc}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole']
  Doubler:
    Type: AWS::Lambda::Function
    DependsOn: [Associated]
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: 30
      VpcConfig: {SubnetIds: [!Ref Private], SecurityGroupIds: [!Ref Functions]}
      Code:
        ZipFile: |
          import json
          import cfnresponse
          def handler(event, context):
              print(json.dumps({'seen': event['RequestType'], 'old': event.get('OldResourceProperties', {}).get('Number')}))
              properties = event['ResourceProperties']
              if properties['Fail'] == 'true' and event['RequestType'] != 'Delete':
                  cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason='told to fail')
              else:
                  cfnresponse.send(event, context, cfnresponse.SUCCESS, {'Doubled': int(properties['Number']) * 2}, 'doubled')
  Doubled:
    Type: Custom::Doubled
    Properties: {ServiceToken: !GetAtt Doubler.Arn, ServiceTimeout: 600, Number: !Ref Number, Fail: !Ref Fail, After: !If [HasEndpoint, !Ref ToS3, none]}
Outputs:
  Doubled: {Value: !GetAtt Doubled.Doubled}
  Id: {Value: !Ref Doubled}
'''


@pytest.fixture(scope='module')
def formation(client):
    return client('cloudformation')


def given(**values):
    return {'Parameters': [{'ParameterKey': k, 'ParameterValue': str(v)} for k, v in values.items()], 'Capabilities': ['CAPABILITY_IAM']}


def outputs(stack):
    return {o['OutputKey']: o['OutputValue'] for o in stack['Outputs']}


def test_answers_through_the_gateway_endpoint(formation, client, network):
    stack = create(formation, 'doubler', TEMPLATE, **given())
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, stack)
    assert outputs(stack) == {'Doubled': '42', 'Id': 'doubled'}
    stack = update(formation, 'doubler', TEMPLATE, **given(Number=50))
    assert stack['StackStatus'] == 'UPDATE_COMPLETE' and outputs(stack)['Doubled'] == '100'
    stack = update(formation, 'doubler', TEMPLATE, **given(Number=60, Fail='true'))
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE' and outputs(stack)['Doubled'] == '100'
    assert 'told to fail' in failures(formation, stack)['Doubled']
    name = formation.describe_stack_resource(StackName='doubler', LogicalResourceId='Doubler')['StackResourceDetail']['PhysicalResourceId']
    stack = delete(formation, stack)
    assert stack['StackStatus'] == 'DELETE_COMPLETE', failures(formation, stack)
    logs = client('logs')
    seen = [e['message'] for e in logs.filter_log_events(logGroupName=f'/aws/lambda/{name}', filterPattern='seen')['events']]
    kinds = [kind for message in seen for kind in ('Create', 'Update', 'Delete') if kind in message]
    assert kinds == ['Create', 'Update', 'Update', 'Update', 'Delete'], seen


NARROW = '''
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: '*', Action: 's3:*', Resource: ['arn:aws:s3:::shop', 'arn:aws:s3:::shop/*']}]'''
TRAPS = {
    'no endpoint': (TEMPLATE, 'false'),  # the answer has no way out of the subnet
    'narrow policy': (TEMPLATE.replace(
        "    Properties: {VpcId: !Ref Vpc, ServiceName: !Sub 'com.amazonaws.${AWS::Region}.s3', RouteTableIds: [!Ref Routes]}",
        "    Properties:\n      VpcId: !Ref Vpc\n      ServiceName: !Sub 'com.amazonaws.${AWS::Region}.s3'\n      RouteTableIds: [!Ref Routes]" + NARROW), 'true'),
}


def log_of(client, name):
    try:
        return str(client('logs').filter_log_events(logGroupName=f'/aws/lambda/{name}')['events'])
    except client('logs').exceptions.ResourceNotFoundException:
        return ''


@pytest.mark.parametrize('trap', TRAPS)
def test_an_answer_that_cannot_leave(haar, formation, client, network, trap):
    """The classic trap: the function works, its answer does not arrive, and the stack waits until the time is up."""
    template, endpoint = TRAPS[trap]
    made = formation.create_stack(StackName='trapped', TemplateBody=template, **given(Endpoint=endpoint))

    def asked(status):
        events = formation.describe_stack_events(StackName=made['StackId'])['StackEvents']
        assert not any(e['LogicalResourceId'] == 'Doubled' and e['ResourceStatus'].endswith('COMPLETE') for e in events), events
        return any(e['LogicalResourceId'] == 'Doubled' and e['ResourceStatus'] == status for e in events)
    wait_for(lambda: asked('CREATE_IN_PROGRESS'), 'the custom resource is asked', 60)
    if trap == 'narrow policy':  # the function has been told, before the time is up
        name = formation.describe_stack_resource(StackName='trapped', LogicalResourceId='Doubler')['StackResourceDetail']['PhysicalResourceId']
        wait_for(lambda: '403' in log_of(client, name), 'the refusal in the log', 60)
    assert haar.run('clock', 'advance', '15m').returncode == 0
    wait_for(lambda: asked('DELETE_IN_PROGRESS'), 'the rollback asks it to delete', 60)
    assert haar.run('clock', 'advance', '15m').returncode == 0
    stack = settled(formation, made['StackId'])
    assert stack['StackStatus'] == 'ROLLBACK_FAILED'
    reasons = [e.get('ResourceStatusReason', '') for e in formation.describe_stack_events(StackName=made['StackId'])['StackEvents']
               if e['LogicalResourceId'] == 'Doubled' and e['ResourceStatus'].endswith('FAILED')]
    assert len(reasons) == 2 and all('CloudFormation did not receive a response from your Custom Resource' in r for r in reasons), reasons
    formation.delete_stack(StackName='trapped')
    wait_for(lambda: formation.describe_stacks(StackName=made['StackId'])['Stacks'][0]['StackStatus'] == 'DELETE_IN_PROGRESS', 'the deletion')
    assert haar.run('clock', 'advance', '15m').returncode == 0
    settled(formation, made['StackId'])
    formation.delete_stack(StackName='trapped', RetainResources=['Doubled'])
    assert settled(formation, made['StackId'])['StackStatus'] == 'DELETE_COMPLETE'
