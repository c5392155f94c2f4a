"""Roles, users, groups, policies: what is kept, what is refused, in whose words."""

import json

import pytest
from botocore.exceptions import ClientError

TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})
READ = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'iam:GetUser', 'Resource': '*'}]}


@pytest.fixture
def iam(client):
    return client('iam')


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error']['Message']


def test_role(iam):
    made = iam.create_role(RoleName='app', AssumeRolePolicyDocument=TRUST, Path='/team/', Tags=[{'Key': 'a', 'Value': '1'}])['Role']
    assert made['Arn'] == 'arn:aws:iam::000000000000:role/team/app' and made['RoleId'].startswith('AROA')
    role = iam.get_role(RoleName='app')['Role']
    assert role['AssumeRolePolicyDocument'] == json.loads(TRUST) and role['MaxSessionDuration'] == 3600 and role['Tags'] == [{'Key': 'a', 'Value': '1'}]
    assert refused('EntityAlreadyExists', iam.create_role, RoleName='APP', AssumeRolePolicyDocument=TRUST) == 'Role with name APP already exists.'
    assert refused('NoSuchEntity', iam.get_role, RoleName='none') == 'The role with name none cannot be found.'
    iam.put_role_policy(RoleName='app', PolicyName='p', PolicyDocument=json.dumps(READ))
    assert iam.get_role_policy(RoleName='app', PolicyName='p')['PolicyDocument'] == READ
    assert iam.list_role_policies(RoleName='app')['PolicyNames'] == ['p']
    assert refused('DeleteConflict', iam.delete_role, RoleName='app') == 'Cannot delete entity, must delete policies first.'
    iam.delete_role_policy(RoleName='app', PolicyName='p')
    iam.attach_role_policy(RoleName='app', PolicyArn='arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole')
    attached = iam.list_attached_role_policies(RoleName='app')['AttachedPolicies']
    assert [p['PolicyName'] for p in attached] == ['AWSLambdaBasicExecutionRole']
    assert refused('DeleteConflict', iam.delete_role, RoleName='app') == 'Cannot delete entity, must detach all policies first.'
    iam.detach_role_policy(RoleName='app', PolicyArn=attached[0]['PolicyArn'])
    iam.tag_role(RoleName='app', Tags=[{'Key': 'a', 'Value': '2'}, {'Key': 'b', 'Value': '3'}])
    iam.untag_role(RoleName='app', TagKeys=['b'])
    assert iam.list_role_tags(RoleName='app')['Tags'] == [{'Key': 'a', 'Value': '2'}]
    iam.delete_role(RoleName='app')
    refused('NoSuchEntity', iam.delete_role, RoleName='app')


@pytest.mark.parametrize('document, message', [
    ('{', 'This policy contains invalid Json'),
    (json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole'}]}), 'Missing required field Principal'),
    (json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 'sts:AssumeRole', 'Resource': '*'}]}),
     'Has prohibited field Resource'),
    (json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject'}]}),
     'AssumeRole policy may only specify STS AssumeRole actions.'),
])
def test_bad_trust(iam, document, message):
    assert refused('MalformedPolicyDocument', iam.create_role, RoleName='bad', AssumeRolePolicyDocument=document) == message


def test_managed_policy_versions(iam):
    arn = iam.create_policy(PolicyName='mine', PolicyDocument=json.dumps(READ))['Policy']['Arn']
    assert arn == 'arn:aws:iam::000000000000:policy/mine'
    assert refused('EntityAlreadyExists', iam.create_policy, PolicyName='mine', PolicyDocument=json.dumps(READ)) == \
        'A policy called mine already exists. Duplicate names are not allowed.'
    for number in range(2, 6):
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(READ), SetAsDefault=number == 5)['PolicyVersion']
        assert version['VersionId'] == f'v{number}'
    refused('LimitExceeded', iam.create_policy_version, PolicyArn=arn, PolicyDocument=json.dumps(READ))
    assert iam.get_policy(PolicyArn=arn)['Policy']['DefaultVersionId'] == 'v5'
    assert iam.get_policy_version(PolicyArn=arn, VersionId='v1')['PolicyVersion']['Document'] == READ
    assert [v['VersionId'] for v in iam.list_policy_versions(PolicyArn=arn)['Versions']] == ['v5', 'v4', 'v3', 'v2', 'v1']
    refused('DeleteConflict', iam.delete_policy, PolicyArn=arn)
    assert refused('DeleteConflict', iam.delete_policy_version, PolicyArn=arn, VersionId='v5') == 'Cannot delete the default version of a policy.'
    for number in range(1, 5):
        iam.delete_policy_version(PolicyArn=arn, VersionId=f'v{number}')
    iam.create_role(RoleName='user-of-mine', AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName='user-of-mine', PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)['Policy']['AttachmentCount'] == 1
    assert [r['RoleName'] for r in iam.list_entities_for_policy(PolicyArn=arn)['PolicyRoles']] == ['user-of-mine']
    assert refused('DeleteConflict', iam.delete_policy, PolicyArn=arn) == 'Cannot delete a policy attached to entities.'
    iam.detach_role_policy(RoleName='user-of-mine', PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    assert refused('NoSuchEntity', iam.get_policy, PolicyArn=arn) == f'Policy {arn} was not found.'


def test_pages(iam):
    for number in range(7):
        iam.create_group(GroupName=f'page-{number}')
    names = [g['GroupName'] for page in iam.get_paginator('list_groups').paginate(PaginationConfig={'PageSize': 3}) for g in page['Groups']]
    assert [n for n in names if n.startswith('page-')] == [f'page-{n}' for n in range(7)]


def test_user_with_keys(iam, client):
    user = iam.create_user(UserName='alice')['User']
    key = iam.create_access_key(UserName='alice')['AccessKey']
    own = {'aws_access_key_id': key['AccessKeyId'], 'aws_secret_access_key': key['SecretAccessKey']}
    assert client('sts', **own).get_caller_identity() | {'ResponseMetadata': None} == \
        {'UserId': user['UserId'], 'Account': '000000000000', 'Arn': 'arn:aws:iam::000000000000:user/alice', 'ResponseMetadata': None}
    alice = client('iam', **own)
    assert refused('AccessDenied', alice.get_user) == (
        'User: arn:aws:iam::000000000000:user/alice is not authorized to perform: iam:GetUser on resource: '
        'arn:aws:iam::000000000000:user/alice because no identity-based policy allows the iam:GetUser action')
    iam.create_group(GroupName='readers')
    iam.put_group_policy(GroupName='readers', PolicyName='read', PolicyDocument=json.dumps(READ))
    iam.add_user_to_group(GroupName='readers', UserName='alice')
    assert alice.get_user()['User']['UserName'] == 'alice'
    assert [u['UserName'] for u in iam.get_group(GroupName='readers')['Users']] == ['alice']
    iam.put_user_permissions_boundary(UserName='alice', PermissionsBoundary='arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess')
    assert 'no permissions boundary allows' in refused('AccessDenied', alice.get_user)
    iam.delete_user_permissions_boundary(UserName='alice')
    iam.delete_group_policy(GroupName='readers', PolicyName='read')
    refused('AccessDenied', alice.get_user)
    iam.update_access_key(UserName='alice', AccessKeyId=key['AccessKeyId'], Status='Inactive')
    refused('InvalidClientTokenId', alice.get_user)
    assert refused('DeleteConflict', iam.delete_user, UserName='alice') == 'Cannot delete entity, must delete access keys first.'
    iam.delete_access_key(UserName='alice', AccessKeyId=key['AccessKeyId'])
    iam.remove_user_from_group(GroupName='readers', UserName='alice')
    iam.delete_user(UserName='alice')


def test_wrong_secret(client):
    iam = client('iam', aws_secret_access_key='wrong')
    refused('SignatureDoesNotMatch', iam.list_roles)


def test_instance_profile_and_linked_role(iam):
    iam.create_role(RoleName='machine', AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName='machine')
    iam.add_role_to_instance_profile(InstanceProfileName='machine', RoleName='machine')
    assert [r['RoleName'] for r in iam.get_instance_profile(InstanceProfileName='machine')['InstanceProfile']['Roles']] == ['machine']
    refused('DeleteConflict', iam.delete_role, RoleName='machine')
    iam.remove_role_from_instance_profile(InstanceProfileName='machine', RoleName='machine')
    iam.delete_instance_profile(InstanceProfileName='machine')
    role = iam.create_service_linked_role(AWSServiceName='rds.amazonaws.com')['Role']
    assert role['Arn'] == 'arn:aws:iam::000000000000:role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS'
    refused('UnmodifiableEntity', iam.delete_role, RoleName='AWSServiceRoleForRDS')


def test_simulation(iam):
    iam.create_role(RoleName='simulated', AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName='simulated', PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:Get*', 'Resource': 'arn:aws:s3:::b/*'}]}))
    results = iam.simulate_principal_policy(PolicySourceArn='arn:aws:iam::000000000000:role/simulated', ActionNames=['s3:GetObject', 's3:PutObject'],
                                            ResourceArns=['arn:aws:s3:::b/x'])['EvaluationResults']
    assert [r['EvalDecision'] for r in results] == ['allowed', 'implicitDeny']


def test_account(iam):
    iam.create_account_alias(AccountAlias='harbour')
    assert iam.list_account_aliases()['AccountAliases'] == ['harbour']
    assert iam.get_account_summary()['SummaryMap']['AccessKeysPerUserQuota'] == 2
    assert 'AdministratorAccess' in [p['PolicyName'] for p in iam.list_policies(Scope='AWS', MaxItems=1000)['Policies']]


def test_details(iam):
    iam.create_role(RoleName='detailed', AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName='detailed', PolicyName='p', PolicyDocument=json.dumps(READ))
    details = iam.get_account_authorization_details(Filter=['Role', 'LocalManagedPolicy'])
    role = next(r for r in details['RoleDetailList'] if r['RoleName'] == 'detailed')
    assert role['AssumeRolePolicyDocument'] == json.loads(TRUST)
    assert role['RolePolicyList'] == [{'PolicyName': 'p', 'PolicyDocument': READ}]
    assert details['UserDetailList'] == [] and all(p['Arn'].startswith('arn:aws:iam::000000000000:') for p in details['Policies'])
