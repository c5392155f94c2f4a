"""Functions, versions, aliases, permissions, layers and log groups from a template."""

import json

import pytest

from tests.support.daemon import wait_for

TEMPLATE = '''
Parameters:
  Colour: {Type: String, Default: blue}
  Second: {Type: String, Default: 'no'}
Conditions:
  HasSecond: !Equals [!Ref Second, 'yes']
Resources:
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /aws/lambda/painter, RetentionInDays: 7}
  Stream:
    Type: AWS::Logs::LogStream
    Properties: {LogGroupName: !Ref Logs, LogStreamName: own}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
  Painter:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: painter
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: 5
      Tags: [{Key: team, Value: art}]
      Environment: {Variables: {COLOUR: !Ref Colour}}
      Code:
        ZipFile: |
          import os, cfnresponse
          def handler(event, context):
              return {"colour": os.environ["COLOUR"], "version": context.function_version, "has": cfnresponse.SUCCESS}
  One:
    Type: AWS::Lambda::Version
    Properties: {FunctionName: !Ref Painter, Description: first}
  Two:
    Type: AWS::Lambda::Version
    Condition: HasSecond
    Properties: {FunctionName: !Ref Painter, Description: second}
  Live:
    Type: AWS::Lambda::Alias
    Properties:
      Name: live
      FunctionName: !Ref Painter
      FunctionVersion: !GetAtt One.Version
      RoutingConfig: !If
        - HasSecond
        - {AdditionalVersionWeights: [{FunctionVersion: !GetAtt Two.Version, FunctionWeight: 0.5}]}
        - !Ref AWS::NoValue
  Api:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref Live
      Action: lambda:InvokeFunction
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub 'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:x/*'
  Events:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: {FunctionName: !Ref Painter, Qualifier: $LATEST, MaximumRetryAttempts: 1}
Outputs:
  Arn: {Value: !GetAtt Painter.Arn}
  Alias: {Value: !Ref Live}
'''


def value(lambda_, name, **more):
    return json.loads(lambda_.invoke(FunctionName=name, **more)['Payload'].read())


def test_stack(client, network):
    stacks, lambda_, logs = client('cloudformation'), client('lambda'), client('logs')
    stacks.create_stack(StackName='art', TemplateBody=TEMPLATE, Capabilities=['CAPABILITY_IAM'], Tags=[{'Key': 'cost', 'Value': 'x'}])
    stacks.get_waiter('stack_create_complete').wait(StackName='art', WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
    outputs = {o['OutputKey']: o['OutputValue'] for o in stacks.describe_stacks(StackName='art')['Stacks'][0]['Outputs']}
    assert outputs['Alias'] == outputs['Arn'] + ':live'
    assert value(lambda_, outputs['Alias']) == {'colour': 'blue', 'version': '1', 'has': 'SUCCESS'}
    tags = lambda_.list_tags(Resource=outputs['Arn'])['Tags']
    assert tags['team'] == 'art' and tags['cost'] == 'x' and tags['aws:cloudformation:stack-name'] == 'art'
    assert logs.describe_log_groups(logGroupNamePrefix='/aws/lambda/painter')['logGroups'][0]['retentionInDays'] == 7
    assert 'apigateway' in lambda_.get_policy(FunctionName='painter', Qualifier='live')['Policy']
    assert lambda_.get_function_event_invoke_config(FunctionName='painter', Qualifier='$LATEST')['MaximumRetryAttempts'] == 1

    stacks.update_stack(StackName='art', TemplateBody=TEMPLATE, Capabilities=['CAPABILITY_IAM'], Tags=[{'Key': 'cost', 'Value': 'x'}],
                        Parameters=[{'ParameterKey': 'Colour', 'ParameterValue': 'green'}, {'ParameterKey': 'Second', 'ParameterValue': 'yes'}])
    stacks.get_waiter('stack_update_complete').wait(StackName='art', WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
    assert value(lambda_, 'painter')['colour'] == 'green'
    seen = {value(lambda_, outputs['Alias'])['colour'] for _ in range(50)}
    assert seen == {'blue', 'green'}

    stacks.delete_stack(StackName='art')
    stacks.get_waiter('stack_delete_complete').wait(StackName='art', WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
    assert lambda_.list_functions()['Functions'] == []
    wait_for(lambda: logs.describe_log_groups(logGroupNamePrefix='/aws/lambda/painter')['logGroups'] == [], 'the group is gone')


def test_nothing_new_is_no_version(client, network):
    """As on AWS: through the API the version that is there is the answer, a resource needs a new one; what has changed is published."""
    stacks, lambda_ = client('cloudformation'), client('lambda')
    settled = {'StackName': 'same', 'WaiterConfig': {'Delay': 1, 'MaxAttempts': 60}}
    stacks.create_stack(StackName='same', TemplateBody=TEMPLATE, Capabilities=['CAPABILITY_IAM'])
    stacks.get_waiter('stack_create_complete').wait(**settled)
    assert lambda_.publish_version(FunctionName='painter')['Version'] == '1'

    def update(**parameters):
        stacks.update_stack(StackName='same', UsePreviousTemplate=True, Capabilities=['CAPABILITY_IAM'],
                            Parameters=[{'ParameterKey': name, 'ParameterValue': given} for name, given in parameters.items()])
    update(Second='yes')
    wait_for(lambda: stacks.describe_stacks(StackName='same')['Stacks'][0]['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE', 'it is rolled back')
    failed = [e for e in stacks.describe_stack_events(StackName='same')['StackEvents'] if e['ResourceStatus'] == 'CREATE_FAILED']
    assert [e['LogicalResourceId'] for e in failed] == ['Two']
    assert failed[0]['ResourceStatusReason'].startswith('Resource handler returned message: "A version for this Lambda function exists ( 1 ). Modify the '
                                                        'function to create a new version." (RequestToken: ')
    assert failed[0]['ResourceStatusReason'].endswith(', HandlerErrorCode: AlreadyExists)')
    update(Second='yes', Colour='green')
    stacks.get_waiter('stack_update_complete').wait(**settled)
    assert [v['Version'] for v in lambda_.list_versions_by_function(FunctionName='painter')['Versions']] == ['$LATEST', '1', '2']
    stacks.delete_stack(StackName='same')
    stacks.get_waiter('stack_delete_complete').wait(**settled)


CUSTOM = '''
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
  Checker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: 20
      Code:
        ZipFile: |
          import cfnresponse
          def handler(event, context):
              good = event["RequestType"] == "Delete" or event["ResourceProperties"]["N"] == "42"
              cfnresponse.send(event, context, cfnresponse.SUCCESS if good else cfnresponse.FAILED, {"Answer": "fine"}, "it", reason="not 42")
  Check:
    Type: Custom::Check
    Properties: {ServiceToken: !GetAtt Checker.Arn, N: NUMBER}
Outputs:
  Answer: {Value: !GetAtt Check.Answer}
'''


def test_custom_resource(client, network):
    stacks = client('cloudformation')
    stacks.create_stack(StackName='good', TemplateBody=CUSTOM.replace('NUMBER', '42'), Capabilities=['CAPABILITY_IAM'])
    stacks.get_waiter('stack_create_complete').wait(StackName='good', WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
    assert stacks.describe_stacks(StackName='good')['Stacks'][0]['Outputs'][0]['OutputValue'] == 'fine'
    stacks.create_stack(StackName='bad', TemplateBody=CUSTOM.replace('NUMBER', '43'), Capabilities=['CAPABILITY_IAM'], OnFailure='ROLLBACK')
    wait_for(lambda: stacks.describe_stacks(StackName='bad')['Stacks'][0]['StackStatus'] == 'ROLLBACK_COMPLETE', 'it is rolled back')
    reasons = [e.get('ResourceStatusReason', '') for e in stacks.describe_stack_events(StackName='bad')['StackEvents']]
    assert any('not 42' in reason for reason in reasons)
    stacks.delete_stack(StackName='good')
    stacks.get_waiter('stack_delete_complete').wait(StackName='good', WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
