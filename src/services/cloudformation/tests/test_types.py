"""Every resource type: what can be changed in place is, without another resource; an update that fails leaves all as it was; and what is
taken out of the template again goes back to its default."""

import json

import pytest
from tests.support.stacks import create, delete, failures, settled, update

ROLE_POLICY = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
OTHER_ROLE_POLICY = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': ['lambda.amazonaws.com', 'edgelambda.amazonaws.com']},
                                                             'Action': 'sts:AssumeRole'}]}


def allow(action, resource='*'):
    return {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': action, 'Resource': resource}]}


def key_policy(*more):
    statement = [{'Sid': 'all', 'Effect': 'Allow', 'Principal': {'AWS': 'arn:aws:iam::000000000000:root'}, 'Action': 'kms:*', 'Resource': '*'}]
    return {'Version': '2012-10-17', 'Statement': statement + list(more)}


def ref(name):
    return {'Ref': name}


def att(name, attribute):
    return {'Fn::GetAtt': [name, attribute]}


def tags(**values):
    return [{'Key': k, 'Value': v} for k, v in values.items()]


def own_tags(found, key='Key', value='Value'):
    if isinstance(found, dict):
        return {k: v for k, v in found.items() if not k.startswith('aws:')}
    return {t[key]: t[value] for t in found if not t[key].startswith('aws:')}


def strip(found, *names):
    """The answer without what differs from call to call."""
    drop = {'ResponseMetadata', *names}
    if isinstance(found, dict):
        return {k: strip(v, *names) for k, v in found.items() if k not in drop}
    if isinstance(found, list):
        return [strip(v, *names) for v in found]
    return found


class Case:
    """name: of the resource; before, after: its properties; look(client, physical id): what a client sees of it. back: whether taking the
    properties out again brings the defaults back (not where AWS keeps what was set)."""

    def __init__(self, kind, before, after, look, back=True):
        self.kind, self.before, self.after, self.look, self.back = kind, before, after, look, back


def look_key(client, identifier):
    kms = client('kms')
    meta = kms.describe_key(KeyId=identifier)['KeyMetadata']
    return {'meta': strip(meta, 'CreationDate'), 'rotation': kms.get_key_rotation_status(KeyId=identifier)['KeyRotationEnabled'],
            'policy': json.loads(kms.get_key_policy(KeyId=identifier, PolicyName='default')['Policy']),
            'tags': own_tags(kms.list_resource_tags(KeyId=identifier)['Tags'], 'TagKey', 'TagValue')}


def look_alias(client, identifier):
    return [a.get('TargetKeyId') for a in client('kms').list_aliases()['Aliases'] if a['AliasName'] == identifier]


def look_secret(client, identifier):
    secrets = client('secretsmanager')
    found = secrets.describe_secret(SecretId=identifier)
    return {'description': found.get('Description') or '', 'key': found.get('KmsKeyId'), 'tags': own_tags(found.get('Tags', [])),
            'value': secrets.get_secret_value(SecretId=identifier)['SecretString']}


def look_table(client, identifier):
    dynamodb = client('dynamodb')
    table = dynamodb.describe_table(TableName=identifier)['Table']
    if table.get('TableClassSummary', {}).get('TableClass') == 'STANDARD':  # shown once it was another
        del table['TableClassSummary']
    return {'table': strip(table, 'LastIncreaseDateTime', 'LastDecreaseDateTime', 'LastUpdateToPayPerRequestDateTime', 'LatestStreamLabel',
                           'LatestStreamArn', 'CreationDateTime', 'NumberOfDecreasesToday', 'IndexSizeBytes', 'ItemCount', 'TableSizeBytes'),
            'ttl': dynamodb.describe_time_to_live(TableName=identifier)['TimeToLiveDescription'],
            'recovery': dynamodb.describe_continuous_backups(TableName=identifier)['ContinuousBackupsDescription']['PointInTimeRecoveryDescription']
            ['PointInTimeRecoveryStatus'],
            'tags': own_tags(dynamodb.list_tags_of_resource(ResourceArn=table['TableArn'])['Tags'])}


def answer_or_code(call, **arguments):
    from botocore.exceptions import ClientError
    try:
        return strip(call(**arguments))
    except ClientError as error:
        return error.response['Error']['Code']


def look_bucket(client, identifier):
    s3 = client('s3')
    return {what: answer_or_code(getattr(s3, f'get_{what}'), Bucket=identifier)
            for what in ('bucket_versioning', 'bucket_encryption', 'public_access_block', 'bucket_ownership_controls', 'bucket_lifecycle_configuration',
                         'bucket_cors')} | {'tags': own_tags(s3.get_bucket_tagging(Bucket=identifier)['TagSet'])}


def look_bucket_policy(client, identifier):
    return json.loads(client('s3').get_bucket_policy(Bucket=identifier)['Policy'])


def look_role(client, identifier):
    iam = client('iam')
    names = iam.list_role_policies(RoleName=identifier)['PolicyNames']
    role = iam.get_role(RoleName=identifier)['Role']
    return {'role': strip(role, 'RoleLastUsed', 'Tags', 'Description', 'CreateDate'), 'description': role.get('Description') or '',
            'tags': own_tags(role.get('Tags', [])), 'inline': {n: iam.get_role_policy(RoleName=identifier, PolicyName=n)['PolicyDocument'] for n in names},
            'attached': [p['PolicyArn'] for p in iam.list_attached_role_policies(RoleName=identifier)['AttachedPolicies']]}


def look_inline(client, role, name):
    return client('iam').get_role_policy(RoleName=role, PolicyName=name)['PolicyDocument']


def look_managed(client, identifier):
    iam = client('iam')
    policy = iam.get_policy(PolicyArn=identifier)['Policy']
    document = iam.get_policy_version(PolicyArn=identifier, VersionId=policy['DefaultVersionId'])['PolicyVersion']['Document']
    return {'document': document, 'roles': [r['RoleName'] for r in iam.list_entities_for_policy(PolicyArn=identifier)['PolicyRoles']]}


def look_profile(client, identifier):
    return [r['RoleName'] for r in client('iam').get_instance_profile(InstanceProfileName=identifier)['InstanceProfile']['Roles']]


def look_user(client, identifier):
    iam = client('iam')
    user = iam.get_user(UserName=identifier)['User']
    return {'groups': [g['GroupName'] for g in iam.list_groups_for_user(UserName=identifier)['Groups']], 'tags': own_tags(user.get('Tags', [])),
            'boundary': user.get('PermissionsBoundary'), 'inline': iam.list_user_policies(UserName=identifier)['PolicyNames'],
            'attached': iam.list_attached_user_policies(UserName=identifier)['AttachedPolicies']}


def look_group(client, identifier):
    iam = client('iam')
    return {'inline': iam.list_group_policies(GroupName=identifier)['PolicyNames'],
            'attached': iam.list_attached_group_policies(GroupName=identifier)['AttachedPolicies']}


def look_function(client, identifier):
    functions = client('lambda')
    found = functions.get_function(FunctionName=identifier)
    return {'configuration': strip(found['Configuration'], 'LastModified', 'RevisionId', 'CodeSize'), 'tags': own_tags(found.get('Tags', {})),
            'reserved': found.get('Concurrency'),
            'answer': functions.invoke(FunctionName=identifier)['Payload'].read().decode() if NETWORK else None}


def look_lambda_alias(client, identifier):
    name, alias = identifier.split(':')[-2:]
    found = client('lambda').get_alias(FunctionName=name, Name=alias)
    return strip(found, 'RevisionId') | {'Description': found.get('Description') or ''}


def look_event_config(client, identifier):
    name, qualifier = identifier.split('|')
    return strip(client('lambda').get_function_event_invoke_config(FunctionName=name, Qualifier=qualifier), 'LastModified')


def look_api(client, identifier):
    found = strip(client('apigateway').get_rest_api(restApiId=identifier), 'createdDate')
    found['tags'] = own_tags(found.get('tags', {}))
    return found


def look_log_group(client, identifier):
    logs = client('logs')
    group = [g for g in logs.describe_log_groups(logGroupNamePrefix=identifier)['logGroups'] if g['logGroupName'] == identifier][0]
    return {'group': strip(group, 'storedBytes', 'creationTime'), 'tags': own_tags(logs.list_tags_log_group(logGroupName=identifier)['tags'])}


def look_parameter(client, identifier):
    ssm = client('ssm')
    described = ssm.describe_parameters(ParameterFilters=[{'Key': 'Name', 'Values': [identifier]}])['Parameters'][0]
    return {'parameter': strip(described, 'LastModifiedDate', 'Version', 'LastModifiedUser', 'Description', 'AllowedPattern'),
            'description': described.get('Description') or '', 'pattern': described.get('AllowedPattern') or '',
            'value': ssm.get_parameter(Name=identifier)['Parameter']['Value'],
            'tags': own_tags(ssm.list_tags_for_resource(ResourceType='Parameter', ResourceId=identifier)['TagList'])}


def describe_one(operation, key, argument):
    def look(client, identifier):
        found = getattr(client('ec2'), operation)(**{argument: [identifier]})[key][0]
        return strip(found, 'Tags', 'CreationTimestamp', 'CreateTime') | {'tags': own_tags(found.get('Tags', []))}
    return look


def look_vpc(client, identifier):
    ec2 = client('ec2')
    return {a: ec2.describe_vpc_attribute(VpcId=identifier, Attribute=a)[a[0].upper() + a[1:]]['Value'] for a in
            ('enableDnsSupport', 'enableDnsHostnames')} | {'vpc': describe_one('describe_vpcs', 'Vpcs', 'VpcIds')(client, identifier)}


def look_rules(client, identifier):
    rules = client('ec2').describe_security_group_rules(Filters=[{'Name': 'group-id', 'Values': [identifier]}])['SecurityGroupRules']
    found = client('ec2').describe_security_groups(GroupIds=[identifier])['SecurityGroups'][0]
    return {'rules': sorted(json.dumps(strip(r, 'SecurityGroupRuleId', 'Tags'), sort_keys=True) for r in rules), 'tags': own_tags(found.get('Tags', []))}


def look_rule(client, identifier):
    rule = client('ec2').describe_security_group_rules(SecurityGroupRuleIds=[identifier])['SecurityGroupRules'][0]
    return strip(rule, 'Tags')


def look_route(client, identifier):
    table, to = identifier.split('|')
    routes = client('ec2').describe_route_tables(RouteTableIds=[table])['RouteTables'][0]['Routes']
    return [r for r in routes if r.get('DestinationCidrBlock') == to]


def look_association(client, identifier):
    tables = client('ec2').describe_route_tables()['RouteTables']
    return [t['RouteTableId'] for t in tables for a in t['Associations'] if a['RouteTableAssociationId'] == identifier]


def look_acl_entries(client, identifier):
    acl = client('ec2').describe_network_acls(NetworkAclIds=[identifier])['NetworkAcls'][0]
    return {'entries': acl['Entries'], 'tags': own_tags(acl.get('Tags', []))}


NETWORK = False
CODE = 'def handler(event, context):\n    return "%s"\n'
ORIGIN = {'CidrIp': '10.1.0.0/16', 'IpProtocol': 'tcp', 'FromPort': 80, 'ToPort': 80}
SSH = {'CidrIp': '10.2.0.0/16', 'IpProtocol': 'tcp', 'FromPort': 22, 'ToPort': 22, 'Description': 'ssh'}

SUPPORT = {
    'KeyA': {'Type': 'AWS::KMS::Key', 'Properties': {'KeyPolicy': key_policy()}},
    'KeyB': {'Type': 'AWS::KMS::Key', 'Properties': {'KeyPolicy': key_policy()}},
    'RoleA': {'Type': 'AWS::IAM::Role', 'Properties': {'AssumeRolePolicyDocument': ROLE_POLICY}},
    'RoleB': {'Type': 'AWS::IAM::Role', 'Properties': {'AssumeRolePolicyDocument': ROLE_POLICY}},
    'GroupA': {'Type': 'AWS::IAM::Group'}, 'GroupB': {'Type': 'AWS::IAM::Group'}, 'SomeUser': {'Type': 'AWS::IAM::User'},
    'FixedFunction': {'Type': 'AWS::Lambda::Function', 'Properties': {'Runtime': 'python3.11', 'Handler': 'index.handler', 'Role': att('RoleA', 'Arn'),
                                                                      'Code': {'ZipFile': CODE % 'fixed'}}},
    'VersionOne': {'Type': 'AWS::Lambda::Version', 'Properties': {'FunctionName': ref('FixedFunction')}},
    'FixedBucket': {'Type': 'AWS::S3::Bucket'},
    'FixedVpc': {'Type': 'AWS::EC2::VPC', 'Properties': {'CidrBlock': '10.9.0.0/16'}},
    'FixedSubnet': {'Type': 'AWS::EC2::Subnet', 'Properties': {'VpcId': ref('FixedVpc'), 'CidrBlock': '10.9.1.0/24'}},
    'Gateway': {'Type': 'AWS::EC2::InternetGateway'}, 'OtherGateway': {'Type': 'AWS::EC2::InternetGateway'},
    'Attached': {'Type': 'AWS::EC2::VPCGatewayAttachment', 'Properties': {'VpcId': ref('FixedVpc'), 'InternetGatewayId': ref('Gateway')}},
    'TableA': {'Type': 'AWS::EC2::RouteTable', 'Properties': {'VpcId': ref('FixedVpc')}},
    'TableB': {'Type': 'AWS::EC2::RouteTable', 'Properties': {'VpcId': ref('FixedVpc')}},
    'SgA': {'Type': 'AWS::EC2::SecurityGroup', 'Properties': {'GroupDescription': 'a', 'VpcId': ref('FixedVpc')}},
    'SgB': {'Type': 'AWS::EC2::SecurityGroup', 'Properties': {'GroupDescription': 'b', 'VpcId': ref('FixedVpc')}},
    'FixedAcl': {'Type': 'AWS::EC2::NetworkAcl', 'Properties': {'VpcId': ref('FixedVpc')}},
    'FixedEni': {'Type': 'AWS::EC2::NetworkInterface', 'Properties': {'SubnetId': ref('FixedSubnet'), 'GroupSet': [ref('SgA')]}},
}

TABLE = {'AttributeDefinitions': [{'AttributeName': 'k', 'AttributeType': 'S'}], 'KeySchema': [{'AttributeName': 'k', 'KeyType': 'HASH'}]}
INDEX = {'IndexName': 'byUser', 'KeySchema': [{'AttributeName': 'u', 'KeyType': 'HASH'}], 'Projection': {'ProjectionType': 'ALL'}}

CASES = {
    'Key': Case('AWS::KMS::Key', {}, {'Description': 'd', 'EnableKeyRotation': True, 'Enabled': True, 'Tags': tags(a='1'), 'KeyPolicy': key_policy(
        {'Sid': 'more', 'Effect': 'Allow', 'Principal': {'Service': 's3.amazonaws.com'}, 'Action': 'kms:Decrypt', 'Resource': '*'})}, look_key),
    'KeyOff': Case('AWS::KMS::Key', {'Description': 'on', 'Tags': tags(a='1')}, {'Description': 'off', 'Enabled': False, 'Tags': tags(b='2')}, look_key),
    'Alias': Case('AWS::KMS::Alias', {'AliasName': 'alias/types', 'TargetKeyId': ref('KeyA')}, {'AliasName': 'alias/types', 'TargetKeyId': ref('KeyB')}, look_alias),
    'Secret': Case('AWS::SecretsManager::Secret', {'SecretString': 'one'}, {'SecretString': 'two', 'Description': 'd', 'KmsKeyId': ref('KeyA'),
                                                                           'Tags': tags(a='1')}, look_secret),
    'Generated': Case('AWS::SecretsManager::Secret', {'GenerateSecretString': {'PasswordLength': 20}, 'Tags': tags(a='1', b='2')},
                      {'GenerateSecretString': {'PasswordLength': 30}, 'Tags': tags(b='3')}, look_secret, back=False),
    'Table': Case('AWS::DynamoDB::Table', {**TABLE, 'BillingMode': 'PAY_PER_REQUEST', 'Tags': tags(a='1')},
                  {**TABLE, 'AttributeDefinitions': TABLE['AttributeDefinitions'] + [{'AttributeName': 'u', 'AttributeType': 'S'}],
                   'BillingMode': 'PAY_PER_REQUEST', 'GlobalSecondaryIndexes': [INDEX], 'StreamSpecification': {'StreamViewType': 'NEW_IMAGE'},
                   'PointInTimeRecoverySpecification': {'PointInTimeRecoveryEnabled': True}, 'SSESpecification': {'SSEEnabled': True, 'SSEType': 'KMS',
                                                                                                             'KMSMasterKeyId': att('KeyA', 'Arn')},
                   'TimeToLiveSpecification': {'AttributeName': 't', 'Enabled': True}, 'DeletionProtectionEnabled': True, 'Tags': tags(b='1'),
                   'TableClass': 'STANDARD_INFREQUENT_ACCESS'}, look_table),
    'Provisioned': Case('AWS::DynamoDB::Table', {**TABLE, 'ProvisionedThroughput': {'ReadCapacityUnits': 1, 'WriteCapacityUnits': 1},
                                                 'StreamSpecification': {'StreamViewType': 'KEYS_ONLY'}},
                        {**TABLE, 'ProvisionedThroughput': {'ReadCapacityUnits': 5, 'WriteCapacityUnits': 6},
                         'StreamSpecification': {'StreamViewType': 'NEW_AND_OLD_IMAGES'}}, look_table),
    'Bucket': Case('AWS::S3::Bucket', {'Tags': tags(a='1'), 'VersioningConfiguration': {'Status': 'Suspended'}}, {
        'VersioningConfiguration': {'Status': 'Enabled'}, 'Tags': tags(b='1'),
        'BucketEncryption': {'ServerSideEncryptionConfiguration': [{'ServerSideEncryptionByDefault': {'SSEAlgorithm': 'aws:kms', 'KMSMasterKeyID': att('KeyA', 'Arn')}}]},
        'PublicAccessBlockConfiguration': {'BlockPublicAcls': True, 'BlockPublicPolicy': False, 'IgnorePublicAcls': True, 'RestrictPublicBuckets': False},
        'OwnershipControls': {'Rules': [{'ObjectOwnership': 'BucketOwnerPreferred'}]},
        'LifecycleConfiguration': {'Rules': [{'Id': 'r', 'Status': 'Enabled', 'ExpirationInDays': 90, 'NoncurrentVersionExpiration': {'NoncurrentDays': 30}}]},
        'CorsConfiguration': {'CorsRules': [{'AllowedMethods': ['GET'], 'AllowedOrigins': ['*']}]}}, look_bucket),
    'BucketPolicy': Case('AWS::S3::BucketPolicy', {'Bucket': ref('FixedBucket'), 'PolicyDocument': {
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Deny', 'Principal': '*', 'Action': 's3:PutObject', 'Resource': {'Fn::Sub': '${FixedBucket.Arn}/*'}}]}},
        {'Bucket': ref('FixedBucket'), 'PolicyDocument': {'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Deny', 'Principal': '*', 'Action': 's3:GetObject', 'Resource': {'Fn::Sub': '${FixedBucket.Arn}/*'}}]}}, look_bucket_policy),
    'Role': Case('AWS::IAM::Role', {'AssumeRolePolicyDocument': ROLE_POLICY, 'Policies': [{'PolicyName': 'p', 'PolicyDocument': allow('s3:*')}]},
                 {'AssumeRolePolicyDocument': OTHER_ROLE_POLICY, 'Description': 'd', 'MaxSessionDuration': 7200, 'Tags': tags(a='1'),
                  'PermissionsBoundary': 'arn:aws:iam::aws:policy/AdministratorAccess',
                  'ManagedPolicyArns': ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'],
                  'Policies': [{'PolicyName': 'q', 'PolicyDocument': allow('s3:Get*')}, {'PolicyName': 'p', 'PolicyDocument': allow('s3:List*')}]}, look_role),
    'Inline': Case('AWS::IAM::Policy', {'PolicyName': 'inline', 'PolicyDocument': allow('s3:*'), 'Roles': [ref('RoleA')]},
                   {'PolicyName': 'inline', 'PolicyDocument': allow('sqs:*'), 'Roles': [ref('RoleA'), ref('RoleB')]},
                   lambda client, identifier: [client('iam').list_role_policies(RoleName=PHYSICAL[r])['PolicyNames'] for r in ('RoleA', 'RoleB')] +
                   [look_inline(client, PHYSICAL['RoleA'], 'inline')]),
    'Managed': Case('AWS::IAM::ManagedPolicy', {'PolicyDocument': allow('s3:*')}, {'PolicyDocument': allow('sqs:*'), 'Roles': [ref('RoleA')]}, look_managed),
    'Profile': Case('AWS::IAM::InstanceProfile', {'Roles': [ref('RoleA')]}, {'Roles': [ref('RoleB')]}, look_profile),
    'User': Case('AWS::IAM::User', {'Groups': [ref('GroupA')]}, {'Groups': [ref('GroupB')], 'Tags': tags(a='1'), 'ManagedPolicyArns': [
        'arn:aws:iam::aws:policy/ReadOnlyAccess'], 'PermissionsBoundary': 'arn:aws:iam::aws:policy/AdministratorAccess',
        'Policies': [{'PolicyName': 'p', 'PolicyDocument': allow('s3:*')}]}, look_user),
    'Group': Case('AWS::IAM::Group', {}, {'ManagedPolicyArns': ['arn:aws:iam::aws:policy/ReadOnlyAccess'], 'Policies': [
        {'PolicyName': 'p', 'PolicyDocument': allow('s3:*')}]}, look_group),
    'AccessKey': Case('AWS::IAM::AccessKey', {'UserName': ref('SomeUser')}, {'UserName': ref('SomeUser'), 'Status': 'Inactive'},
                      lambda client, identifier: [k['Status'] for k in client('iam').list_access_keys(UserName=PHYSICAL['SomeUser'])['AccessKeyMetadata']]),
    'Function': Case('AWS::Lambda::Function', {'Runtime': 'python3.11', 'Handler': 'index.handler', 'Role': att('RoleA', 'Arn'), 'Code': {'ZipFile': CODE % 'one'}},
                     {'Runtime': 'python3.11', 'Handler': 'index.handler', 'Role': att('RoleB', 'Arn'), 'Code': {'ZipFile': CODE % 'two'}, 'Timeout': 9,
                      'MemorySize': 256, 'Description': 'd', 'Environment': {'Variables': {'AB': 'b'}}, 'ReservedConcurrentExecutions': 2,
                      'EphemeralStorage': {'Size': 1024}, 'Tags': tags(a='1')}, look_function),
    'LiveAlias': Case('AWS::Lambda::Alias', {'FunctionName': ref('FixedFunction'), 'Name': 'live', 'FunctionVersion': att('VersionOne', 'Version')},
                      {'FunctionName': ref('FixedFunction'), 'Name': 'live', 'FunctionVersion': '$LATEST', 'Description': 'd'}, look_lambda_alias),
    'EventConfig': Case('AWS::Lambda::EventInvokeConfig', {'FunctionName': ref('FixedFunction'), 'Qualifier': '$LATEST', 'MaximumRetryAttempts': 1},
                        {'FunctionName': ref('FixedFunction'), 'Qualifier': '$LATEST', 'MaximumRetryAttempts': 0, 'MaximumEventAgeInSeconds': 100},
                        look_event_config),
    'Api': Case('AWS::ApiGateway::RestApi', {'Name': 'one'}, {'Name': 'two', 'Description': 'd', 'BinaryMediaTypes': ['image/png'], 'Tags': tags(a='1')}, look_api),
    'LogGroup': Case('AWS::Logs::LogGroup', {'Tags': tags(a='1')}, {'RetentionInDays': 7, 'Tags': tags(b='1')}, look_log_group),
    'Parameter': Case('AWS::SSM::Parameter', {'Type': 'String', 'Name': '/types', 'Value': '1'}, {
        'Type': 'String', 'Name': '/types', 'Value': '2', 'Description': 'd', 'AllowedPattern': '[0-9]', 'Tags': {'a': '1'}}, look_parameter),
    'Vpc': Case('AWS::EC2::VPC', {'CidrBlock': '10.8.0.0/16'}, {'CidrBlock': '10.8.0.0/16', 'EnableDnsSupport': False, 'EnableDnsHostnames': False, 'Tags': tags(
        Name='n')}, look_vpc),
    'Subnet': Case('AWS::EC2::Subnet', {'VpcId': ref('FixedVpc'), 'CidrBlock': '10.9.2.0/24', 'Tags': tags(a='1')},
                   {'VpcId': ref('FixedVpc'), 'CidrBlock': '10.9.2.0/24', 'MapPublicIpOnLaunch': True, 'Tags': tags(b='1')},
                   describe_one('describe_subnets', 'Subnets', 'SubnetIds')),
    'Net': Case('AWS::EC2::InternetGateway', {}, {'Tags': tags(a='1')}, describe_one('describe_internet_gateways', 'InternetGateways', 'InternetGatewayIds')),
    'Routes': Case('AWS::EC2::RouteTable', {'VpcId': ref('FixedVpc')}, {'VpcId': ref('FixedVpc'), 'Tags': tags(a='1')},
                   describe_one('describe_route_tables', 'RouteTables', 'RouteTableIds')),
    'Route': Case('AWS::EC2::Route', {'RouteTableId': ref('TableA'), 'DestinationCidrBlock': '0.0.0.0/0', 'GatewayId': ref('Gateway')},
                  {'RouteTableId': ref('TableA'), 'DestinationCidrBlock': '0.0.0.0/0', 'NetworkInterfaceId': ref('FixedEni')}, look_route),
    'Sg': Case('AWS::EC2::SecurityGroup', {'GroupDescription': 'g', 'VpcId': ref('FixedVpc'), 'SecurityGroupIngress': [ORIGIN]},
               {'GroupDescription': 'g', 'VpcId': ref('FixedVpc'), 'SecurityGroupIngress': [SSH], 'SecurityGroupEgress': [ORIGIN], 'Tags': tags(a='1')},
               look_rules, back=False),
    'Ingress': Case('AWS::EC2::SecurityGroupIngress', {'GroupId': ref('SgA'), **SSH}, {'GroupId': ref('SgA'), **SSH, 'Description': 'other'}, look_rule),
    'Egress': Case('AWS::EC2::SecurityGroupEgress', {'GroupId': ref('SgB'), **SSH}, {'GroupId': ref('SgB'), **SSH, 'Description': 'other'}, look_rule),
    'Endpoint': Case('AWS::EC2::VPCEndpoint', {'VpcId': ref('FixedVpc'), 'ServiceName': 'com.amazonaws.us-east-1.s3', 'RouteTableIds': [ref('TableA')]},
                     {'VpcId': ref('FixedVpc'), 'ServiceName': 'com.amazonaws.us-east-1.s3', 'RouteTableIds': [ref('TableB')],
                      'PolicyDocument': {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject', 'Resource': '*'}]}},
                     describe_one('describe_vpc_endpoints', 'VpcEndpoints', 'VpcEndpointIds')),
    'Interface': Case('AWS::EC2::NetworkInterface', {'SubnetId': ref('FixedSubnet'), 'GroupSet': [ref('SgA')]},
                      {'SubnetId': ref('FixedSubnet'), 'GroupSet': [ref('SgB')], 'Description': 'd', 'SourceDestCheck': False, 'Tags': tags(a='1')},
                      lambda client, identifier: strip(describe_one('describe_network_interfaces', 'NetworkInterfaces', 'NetworkInterfaceIds')(client, identifier), 'TagSet') |
                      {'tagset': own_tags(client('ec2').describe_network_interfaces(NetworkInterfaceIds=[identifier])['NetworkInterfaces'][0].get('TagSet', []))}),
    'Acl': Case('AWS::EC2::NetworkAcl', {'VpcId': ref('FixedVpc')}, {'VpcId': ref('FixedVpc'), 'Tags': tags(a='1')}, look_acl_entries),
    'AclEntry': Case('AWS::EC2::NetworkAclEntry', {'NetworkAclId': ref('FixedAcl'), 'RuleNumber': 100, 'Protocol': 6, 'RuleAction': 'allow', 'CidrBlock': '10.0.0.0/8',
                                                   'PortRange': {'From': 80, 'To': 80}},
                     {'NetworkAclId': ref('FixedAcl'), 'RuleNumber': 100, 'Protocol': 17, 'RuleAction': 'deny', 'CidrBlock': '10.0.0.0/9',
                      'PortRange': {'From': 53, 'To': 53}}, lambda client, identifier: look_acl_entries(client, PHYSICAL['FixedAcl'])),
    'Elastic': Case('AWS::EC2::EIP', {}, {'Tags': tags(a='1')}, lambda client, identifier: [
        own_tags(a.get('Tags', [])) for a in client('ec2').describe_addresses(PublicIps=[identifier])['Addresses']]),
}
PHYSICAL = {}

# What needs an engine, or a network that carries packets.
DATABASE_SUPPORT = {
    'Vpc': {'Type': 'AWS::EC2::VPC', 'Properties': {'CidrBlock': '10.7.0.0/16', 'EnableDnsSupport': True, 'EnableDnsHostnames': True}},
    'NetA': {'Type': 'AWS::EC2::Subnet', 'Properties': {'VpcId': ref('Vpc'), 'CidrBlock': '10.7.1.0/24', 'AvailabilityZone': 'us-east-1a'}},
    'NetB': {'Type': 'AWS::EC2::Subnet', 'Properties': {'VpcId': ref('Vpc'), 'CidrBlock': '10.7.2.0/24', 'AvailabilityZone': 'us-east-1b'}},
    'NetC': {'Type': 'AWS::EC2::Subnet', 'Properties': {'VpcId': ref('Vpc'), 'CidrBlock': '10.7.3.0/24', 'AvailabilityZone': 'us-east-1c'}},
    'GroupA': {'Type': 'AWS::EC2::SecurityGroup', 'Properties': {'GroupDescription': 'a', 'VpcId': ref('Vpc')}},
    'GroupB': {'Type': 'AWS::EC2::SecurityGroup', 'Properties': {'GroupDescription': 'b', 'VpcId': ref('Vpc')}},
    'OtherParameters': {'Type': 'AWS::RDS::DBClusterParameterGroup', 'Properties': {'Family': 'aurora-mysql8.0', 'Description': 'd', 'Parameters': {}}},
    'OtherInstanceParameters': {'Type': 'AWS::RDS::DBParameterGroup', 'Properties': {'Family': 'aurora-mysql8.0', 'Description': 'd'}},
    'GatewayA': {'Type': 'AWS::EC2::InternetGateway'}, 'GatewayB': {'Type': 'AWS::EC2::InternetGateway'},
    'RotatorRole': {'Type': 'AWS::IAM::Role', 'Properties': {'AssumeRolePolicyDocument': ROLE_POLICY}},
    'Api': {'Type': 'AWS::ApiGateway::RestApi', 'Properties': {'Name': 'types'}},
    'Path': {'Type': 'AWS::ApiGateway::Resource', 'Properties': {'RestApiId': ref('Api'), 'ParentId': att('Api', 'RootResourceId'), 'PathPart': 'a'}},
}
FIXED_METHOD = {'Type': 'AWS::ApiGateway::Method', 'Properties': {
    'RestApiId': ref('Api'), 'ResourceId': att('Api', 'RootResourceId'), 'HttpMethod': 'GET', 'AuthorizationType': 'NONE', 'Integration': {'Type': 'MOCK'}}}
DATABASE_SUPPORT['Root'] = FIXED_METHOD
DATABASE_SUPPORT['Deployed'] = {'Type': 'AWS::ApiGateway::Deployment', 'DependsOn': 'Root', 'Properties': {'RestApiId': ref('Api')}}
DATABASE_SUPPORT['DeployedAgain'] = {'Type': 'AWS::ApiGateway::Deployment', 'DependsOn': 'Root', 'Properties': {'RestApiId': ref('Api')}}


def look_subnet_group(client, identifier):
    group = client('rds').describe_db_subnet_groups(DBSubnetGroupName=identifier)['DBSubnetGroups'][0]
    return {'description': group['DBSubnetGroupDescription'], 'subnets': sorted(s['SubnetIdentifier'] for s in group['Subnets']),
            'tags': rds_tags(client, group['DBSubnetGroupArn'])}


def rds_tags(client, arn):
    return own_tags(client('rds').list_tags_for_resource(ResourceName=arn)['TagList'])


def look_cluster_parameters(client, identifier):
    group = client('rds').describe_db_cluster_parameter_groups(DBClusterParameterGroupName=identifier)['DBClusterParameterGroups'][0]
    parameters = client('rds').describe_db_cluster_parameters(DBClusterParameterGroupName=identifier, Source='user')['Parameters']
    return {p['ParameterName']: p['ParameterValue'] for p in parameters} | {'tags': rds_tags(client, group['DBClusterParameterGroupArn'])}


def look_parameters(client, identifier):
    group = client('rds').describe_db_parameter_groups(DBParameterGroupName=identifier)['DBParameterGroups'][0]
    parameters = client('rds').describe_db_parameters(DBParameterGroupName=identifier, Source='user')['Parameters']
    return {p['ParameterName']: p['ParameterValue'] for p in parameters} | {'tags': rds_tags(client, group['DBParameterGroupArn'])}


def look_cluster(client, identifier):
    cluster = client('rds').describe_db_clusters(DBClusterIdentifier=identifier)['DBClusters'][0]
    return {k: cluster.get(k) for k in ('BackupRetentionPeriod', 'PreferredBackupWindow', 'DBClusterParameterGroup', 'VpcSecurityGroups', 'DeletionProtection',
                                        'CopyTagsToSnapshot', 'EngineVersion', 'MasterUsername', 'Port')} | {'tags': own_tags(cluster.get('TagList', []))}


def look_instance(client, identifier):
    instance = client('rds').describe_db_instances(DBInstanceIdentifier=identifier)['DBInstances'][0]
    return {k: instance.get(k) for k in ('DBInstanceClass', 'PromotionTier', 'AutoMinorVersionUpgrade')} | {
        'tags': own_tags(instance.get('TagList', [])), 'parameters': [g['DBParameterGroupName'] for g in instance['DBParameterGroups']]}


def look_method(client, identifier):
    found = client('apigateway').get_method(restApiId=PHYSICAL['Api'], resourceId=PHYSICAL['Path'], httpMethod='POST')
    return strip(found)


def look_stage(client, identifier):
    found = strip(client('apigateway').get_stage(restApiId=PHYSICAL['Api'], stageName=identifier), 'createdDate', 'lastUpdatedDate')
    found['tags'] = own_tags(found.get('tags', {}))
    return found | {'description': found.get('description') or '', 'variables': found.get('variables') or {}}


MOCK = {'RestApiId': ref('Api'), 'ResourceId': ref('Path'), 'HttpMethod': 'POST', 'AuthorizationType': 'NONE'}
CLUSTER = {'Engine': 'aurora-mysql', 'MasterUsername': 'admin', 'DBSubnetGroupName': ref('Subnets'), 'VpcSecurityGroupIds': [ref('GroupA')]}
DATABASE_CASES = {
    'Subnets': Case('AWS::RDS::DBSubnetGroup', {'DBSubnetGroupDescription': 'd', 'SubnetIds': [ref('NetA'), ref('NetB')], 'Tags': tags(a='1')},
                    {'DBSubnetGroupDescription': 'e', 'SubnetIds': [ref('NetA'), ref('NetB'), ref('NetC')], 'Tags': tags(b='1')}, look_subnet_group),
    'ClusterParameters': Case('AWS::RDS::DBClusterParameterGroup', {'Family': 'aurora-mysql8.0', 'Description': 'd', 'Parameters': {'max_connections': '50'}},
                              {'Family': 'aurora-mysql8.0', 'Description': 'd', 'Parameters': {'max_connections': '60', 'wait_timeout': '900'},
                               'Tags': tags(a='1')}, look_cluster_parameters),
    'Parameters': Case('AWS::RDS::DBParameterGroup', {'Family': 'aurora-mysql8.0', 'Description': 'd'},
                       {'Family': 'aurora-mysql8.0', 'Description': 'd', 'Parameters': {'long_query_time': '2'}, 'Tags': tags(a='1')}, look_parameters),
    'Cluster': Case('AWS::RDS::DBCluster', {**CLUSTER, 'MasterUserPassword': 'first-password'},
                    {**CLUSTER, 'MasterUserPassword': 'second-password', 'BackupRetentionPeriod': 7, 'DeletionProtection': True, 'CopyTagsToSnapshot': True,
                     'DBClusterParameterGroupName': ref('OtherParameters'), 'VpcSecurityGroupIds': [ref('GroupB')], 'Tags': tags(a='1')}, look_cluster),
    'Writer': Case('AWS::RDS::DBInstance', {'Engine': 'aurora-mysql', 'DBClusterIdentifier': ref('Cluster'), 'DBInstanceClass': 'db.t3.medium'},
                   {'Engine': 'aurora-mysql', 'DBClusterIdentifier': ref('Cluster'), 'DBInstanceClass': 'db.r5.large', 'PromotionTier': 5, 'Tags': tags(a='1'),
                    'DBParameterGroupName': ref('OtherInstanceParameters')}, look_instance),
    'Attachment': Case('AWS::EC2::VPCGatewayAttachment', {'VpcId': ref('Vpc'), 'InternetGatewayId': ref('GatewayA')},
                       {'VpcId': ref('Vpc'), 'InternetGatewayId': ref('GatewayB')}, lambda client, identifier: sorted(
                           g['InternetGatewayId'] for g in client('ec2').describe_internet_gateways()['InternetGateways'] if g['Attachments'])),
    'Method': Case('AWS::ApiGateway::Method', {**MOCK, 'Integration': {'Type': 'MOCK'}}, {
        **MOCK, 'AuthorizationType': 'AWS_IAM', 'Integration': {'Type': 'MOCK', 'RequestTemplates': {'application/json': '{"statusCode": 200}'}},
        'MethodResponses': [{'StatusCode': '200'}]}, look_method),
    'Stage': Case('AWS::ApiGateway::Stage', {'RestApiId': ref('Api'), 'StageName': 'prod', 'DeploymentId': ref('Deployed')},
                  {'RestApiId': ref('Api'), 'StageName': 'prod', 'DeploymentId': ref('DeployedAgain'), 'Description': 'd', 'TracingEnabled': True,
                   'Variables': {'a': 'b'}, 'Tags': tags(a='1')}, look_stage),
    'InterfaceEndpoint': Case('AWS::EC2::VPCEndpoint', {'VpcId': ref('Vpc'), 'ServiceName': 'com.amazonaws.us-east-1.secretsmanager', 'VpcEndpointType': 'Interface',
                                                        'SubnetIds': [ref('NetA')], 'SecurityGroupIds': [ref('GroupA')]},
                              {'VpcId': ref('Vpc'), 'ServiceName': 'com.amazonaws.us-east-1.secretsmanager', 'VpcEndpointType': 'Interface', 'PrivateDnsEnabled': True,
                               'SubnetIds': [ref('NetA'), ref('NetB')], 'SecurityGroupIds': [ref('GroupB')]},
                              lambda client, identifier: (lambda e: {'dns': e['PrivateDnsEnabled'], 'subnets': sorted(e['SubnetIds']), 'groups': [
                                  g['GroupId'] for g in e['Groups']]})(client('ec2').describe_vpc_endpoints(VpcEndpointIds=[identifier])['VpcEndpoints'][0])),
}


@pytest.fixture(scope='module')
def formation(client):
    return client('cloudformation')


def template(support, cases, which, broken=False):
    resources = dict(support)
    for name, case in cases.items():
        resources[name] = {'Type': case.kind, 'Properties': getattr(case, which)}
        if name == 'Route':
            resources[name]['DependsOn'] = 'Attached'
    if broken:
        resources['Bad'] = {'Type': 'AWS::SSM::Parameter', 'DependsOn': list(cases), 'Properties': {'Type': 'String', 'Name': 'bad name', 'Value': '1'}}
    return {'Resources': resources}


def physical(formation, stack):
    PHYSICAL.update({r['LogicalResourceId']: r['PhysicalResourceId'] for page in formation.get_paginator('list_stack_resources').paginate(
        StackName=stack['StackId']) for r in page['StackResourceSummaries']})
    return dict(PHYSICAL)


def differing(before, after):
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def walk(formation, client, name, support, cases):
    """Created, updated with a failure, updated, updated back, deleted."""
    def look():
        return {n: case.look(client, PHYSICAL[n]) for n, case in cases.items()}
    more = {'Capabilities': ['CAPABILITY_NAMED_IAM']}
    PHYSICAL.clear()
    stack = create(formation, name, template(support, cases, 'before'), **more)
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, stack)
    identifiers = physical(formation, stack)
    first = look()

    stack = update(formation, name, template(support, cases, 'after', broken=True), **more)
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE', failures(formation, stack)
    assert list(failures(formation, stack)) == ['Bad'], failures(formation, stack)
    assert physical(formation, stack) == identifiers
    assert differing(first, look()) == {}

    stack = update(formation, name, template(support, cases, 'after'), **more)
    assert stack['StackStatus'] == 'UPDATE_COMPLETE', failures(formation, stack)
    assert physical(formation, stack) == identifiers
    second = look()
    assert set(differing(first, second)) == set(cases)

    stack = update(formation, name, template(support, cases, 'before'), **more)
    assert stack['StackStatus'] == 'UPDATE_COMPLETE', failures(formation, stack)
    third = look()
    assert set(differing(first, third)) <= {n for n, c in cases.items() if not c.back}, differing(first, third)
    assert set(differing(second, third)) == set(cases)
    stack = delete(formation, stack)
    assert stack['StackStatus'] == 'DELETE_COMPLETE', failures(formation, stack)


def test_types(haar, formation, client):
    global NETWORK
    NETWORK = haar.call('GET', 'status').get('network') == 'on'
    walk(formation, client, 'types', SUPPORT, CASES)


def test_types_of_networks_and_databases(formation, client, network):
    walk(formation, client, 'databases', DATABASE_SUPPORT, DATABASE_CASES)
    snapshots = client('rds').describe_db_cluster_snapshots()['DBClusterSnapshots']  # a cluster without a DeletionPolicy leaves one
    assert [s['DBClusterIdentifier'] for s in snapshots] == [PHYSICAL['Cluster']]
    assert snapshots[0]['Status'] == 'available' and snapshots[0]['MasterUsername'] == 'admin'


POLICIES = [('Delete', 'Delete', set()), ('Retain', 'Delete', {'b'}), ('Delete', 'Retain', {'a'}), ('Retain', 'Retain', {'a', 'b'}),
            ('RetainExceptOnCreate', 'Delete', {'b'})]


@pytest.mark.parametrize('deletion,replacement,left', POLICIES)
def test_policies(formation, client, deletion, replacement, left):
    def names():
        return {p['Name'][-1] for p in client('ssm').describe_parameters()['Parameters'] if p['Name'].startswith(f'/{prefix}/')}
    prefix = f'{deletion}-{replacement}'

    def body(name):
        return {'Resources': {'P': {'Type': 'AWS::SSM::Parameter', 'DeletionPolicy': deletion, 'UpdateReplacePolicy': replacement,
                                    'Properties': {'Type': 'String', 'Value': '1', 'Name': f'/{prefix}/{name}'}}}}
    stack = create(formation, prefix, body('a'))
    stack = update(formation, prefix, body('b'))
    assert stack['StackStatus'] == 'UPDATE_COMPLETE' and names() == ({'a', 'b'} if replacement == 'Retain' else {'b'})
    stack = delete(formation, stack)
    assert stack['StackStatus'] == 'DELETE_COMPLETE' and names() == left
    skipped = [e['ResourceStatus'] for e in formation.describe_stack_events(StackName=stack['StackId'])['StackEvents']]
    assert ('DELETE_SKIPPED' in skipped) == bool(left)


@pytest.mark.parametrize('policy,left', [('Retain', True), ('RetainExceptOnCreate', False)])
def test_policies_of_what_could_not_be_created(formation, client, policy, left):
    good = {'Type': 'AWS::SSM::Parameter', 'DeletionPolicy': policy, 'Properties': {'Type': 'String', 'Value': '1', 'Name': f'/failed/{policy}'}}
    bad = {'Type': 'AWS::SSM::Parameter', 'DependsOn': 'Good', 'Properties': {'Type': 'String', 'Name': 'bad name', 'Value': '1'}}
    stack = create(formation, f'failed-{policy}', {'Resources': {'Good': good, 'Bad': bad}})
    assert stack['StackStatus'] == 'ROLLBACK_COMPLETE'
    found = [p['Name'] for p in client('ssm').describe_parameters()['Parameters'] if p['Name'] == f'/failed/{policy}']
    assert bool(found) == left


def test_a_failed_deletion_retains_what_it_is_told_to(formation, client):
    stack = create(formation, 'stubborn', {'Resources': {'B': {'Type': 'AWS::S3::Bucket'}, 'P': {
        'Type': 'AWS::SSM::Parameter', 'Properties': {'Type': 'String', 'Value': '1', 'Name': '/stubborn'}}}})
    bucket = physical(formation, stack)['B']
    client('s3').put_object(Bucket=bucket, Key='k', Body=b'x')
    stack = delete(formation, stack)
    assert stack['StackStatus'] == 'DELETE_FAILED'
    assert stack['StackStatusReason'] == 'The following resource(s) failed to delete: [B]. '
    formation.delete_stack(StackName='stubborn', RetainResources=['B'])
    assert settled(formation, stack['StackId'])['StackStatus'] == 'DELETE_COMPLETE'
    assert client('s3').get_object(Bucket=bucket, Key='k')['Body'].read() == b'x'
