"""Roles, keys, secrets and parameters made by a stack: they work as those made by hand, change with the template, and go with the stack."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.support.daemon import wait_for

ACCOUNT = '000000000000'

TEMPLATE = '''
Parameters:
  Allowed: {Type: String, Default: 'ssm:GetParameter'}
  Rotation: {Type: String, Default: 'true'}
Resources:
  Key:
    Type: AWS::KMS::Key
    Properties:
      Description: of the stack
      EnableKeyRotation: !Ref Rotation
      KeyPolicy:
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:root'}, Action: 'kms:*', Resource: '*'}
      Tags: [{Key: team, Value: pay}]
  Alias:
    Type: AWS::KMS::Alias
    Properties: {AliasName: !Sub 'alias/${AWS::StackName}', TargetKeyId: !Ref Key}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {AWS: !Ref 'AWS::AccountId'}, Action: 'sts:AssumeRole'}]
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']
      Policies:
        - PolicyName: read
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - {Effect: Allow, Action: !Ref Allowed, Resource: !Sub 'arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter${Parameter}'}
  Inline:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: list
      Roles: [!Ref Role]
      PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'kms:ListKeys', Resource: '*'}]}
  Managed:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Roles: [!Ref Role]
      PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'kms:ListAliases', Resource: '*'}]}
  Parameter:
    Type: AWS::SSM::Parameter
    Properties: {Name: /stack/url, Type: String, Value: !GetAtt Key.Arn, Tags: {team: pay}}
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      KmsKeyId: !Ref Key
      GenerateSecretString: {SecretStringTemplate: '{"username": "admin"}', GenerateStringKey: password, PasswordLength: 32, ExcludePunctuation: true}
  User:
    Type: AWS::IAM::User
    Properties: {Groups: [!Ref Group]}
  Group:
    Type: AWS::IAM::Group
  Member:
    Type: AWS::IAM::UserToGroupAddition
    Properties: {GroupName: !Ref SecondGroup, Users: [!Ref User]}
  SecondGroup:
    Type: AWS::IAM::Group
  OfTheGroup:
    Type: AWS::IAM::GroupPolicy
    Properties:
      GroupName: !Ref SecondGroup
      PolicyName: list
      PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'ssm:DescribeParameters', Resource: '*'}]}
  AccessKey:
    Type: AWS::IAM::AccessKey
    Properties: {UserName: !Ref User}
  Profile:
    Type: AWS::IAM::InstanceProfile
    Properties: {Roles: [!Ref Role]}
Outputs:
  Role: {Value: !Ref Role}
  RoleArn: {Value: !GetAtt Role.Arn}
  Key: {Value: !Ref Key}
  Secret: {Value: !Ref Secret}
  User: {Value: !Ref User}
  AccessKey: {Value: !Ref AccessKey}
  AccessSecret: {Value: !GetAtt AccessKey.SecretAccessKey}
  Policy: {Value: !Ref Managed}
'''


def settled(client, name):
    return client('cloudformation').describe_stacks(StackName=name)['Stacks'][0]


def finished(client, name):
    stack = wait_for(lambda: (lambda s: None if s['StackStatus'].endswith('_IN_PROGRESS') else s)(settled(client, name)), 'the stack is settled', seconds=60)
    if stack['StackStatus'] not in ('CREATE_COMPLETE', 'UPDATE_COMPLETE'):
        events = client('cloudformation').describe_stack_events(StackName=name)['StackEvents']
        raise AssertionError([(e['LogicalResourceId'], e.get('ResourceStatusReason')) for e in events if 'FAILED' in e['ResourceStatus']])
    return {o['OutputKey']: o['OutputValue'] for o in stack['Outputs']}


def session(client, arn):
    keys = client('sts').assume_role(RoleArn=arn, RoleSessionName='session')['Credentials']
    return lambda service: client(service, aws_access_key_id=keys['AccessKeyId'], aws_secret_access_key=keys['SecretAccessKey'],
                                  aws_session_token=keys['SessionToken'])


def test_stack(client):
    stacks, kms, iam = client('cloudformation'), client('kms'), client('iam')
    made = stacks.create_stack(StackName='grants', TemplateBody=TEMPLATE, Capabilities=['CAPABILITY_NAMED_IAM'])['StackId']
    out = finished(client, 'grants')
    assert out['Role'].startswith('grants-Role-') and out['RoleArn'] == f"arn:aws:iam::{ACCOUNT}:role/{out['Role']}"
    assert kms.describe_key(KeyId='alias/grants')['KeyMetadata']['KeyId'] == out['Key']
    assert kms.get_key_rotation_status(KeyId=out['Key'])['KeyRotationEnabled'] is True
    assert {'TagKey': 'team', 'TagValue': 'pay'} in kms.list_resource_tags(KeyId=out['Key'])['Tags']
    assert {'Key': 'aws:cloudformation:logical-id', 'Value': 'Role'} in iam.list_role_tags(RoleName=out['Role'])['Tags']
    value = json.loads(client('secretsmanager').get_secret_value(SecretId=out['Secret'])['SecretString'])
    assert value['username'] == 'admin' and len(value['password']) == 32 and value['password'].isalnum()
    role = session(client, out['RoleArn'])
    assert role('ssm').get_parameter(Name='/stack/url')['Parameter']['Value'].endswith(out['Key'])
    role('kms').list_keys()
    role('kms').list_aliases()
    with pytest.raises(ClientError, match='no identity-based policy allows the ssm:DeleteParameter'):
        role('ssm').delete_parameter(Name='/stack/url')
    user = client('sts', aws_access_key_id=out['AccessKey'], aws_secret_access_key=out['AccessSecret'])
    assert user.get_caller_identity()['Arn'] == f"arn:aws:iam::{ACCOUNT}:user/{out['User']}"
    assert len(iam.list_groups_for_user(UserName=out['User'])['Groups']) == 2
    client('ssm', aws_access_key_id=out['AccessKey'], aws_secret_access_key=out['AccessSecret']).describe_parameters()

    stacks.update_stack(StackName='grants', TemplateBody=TEMPLATE, Capabilities=['CAPABILITY_NAMED_IAM'], Parameters=[
        {'ParameterKey': 'Allowed', 'ParameterValue': 'ssm:DeleteParameter'}, {'ParameterKey': 'Rotation', 'ParameterValue': 'false'}])
    assert finished(client, 'grants')['Role'] == out['Role']
    assert kms.get_key_rotation_status(KeyId=out['Key'])['KeyRotationEnabled'] is False
    with pytest.raises(ClientError, match='no identity-based policy allows the ssm:GetParameter'):
        role('ssm').get_parameter(Name='/stack/url')
    role('ssm').delete_parameter(Name='/stack/url')

    stacks.delete_stack(StackName='grants')
    wait_for(lambda: settled(client, made)['StackStatus'] == 'DELETE_COMPLETE', 'the stack is gone', seconds=60)
    with pytest.raises(ClientError, match='cannot be found'):
        iam.get_role(RoleName=out['Role'])
    with pytest.raises(ClientError, match='was not found'):
        iam.get_policy(PolicyArn=out['Policy'])
    assert kms.describe_key(KeyId=out['Key'])['KeyMetadata']['KeyState'] == 'PendingDeletion'
    with pytest.raises(ClientError, match='ot found|ot exist|security token'):
        user.get_caller_identity()
