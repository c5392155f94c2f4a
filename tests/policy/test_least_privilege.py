"""Least privilege over several services: a role is given one policy, its session makes one call, and the answer is AWS's, word for word.

A case: the role's statements (and, where it is about them, a boundary, a session policy, tags), the call, and how it ends: None (allowed) or
the end of the sentence that AWS writes."""

import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'
REGION = 'us-east-1'
TRUST = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'},
                                                 'Action': ['sts:AssumeRole', 'sts:TagSession']}]}
PARAMETER = f'arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/app/url'
SECRET = f'arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:app/db-??????'
TABLE = f'arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/sessions'

DENIED_CODES = {'AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation', 'AuthorizationError', 'AuthorizationErrorException'}


def policy(*statements):
    return json.dumps({'Version': '2012-10-17', 'Statement': list(statements)})


def allow(action, resource='*', **condition):
    return {'Effect': 'Allow', 'Action': action, 'Resource': resource, **({'Condition': condition} if condition else {})}


def deny(action, resource='*', **condition):
    return dict(allow(action, resource, **condition), Effect='Deny')


NO_IDENTITY = 'because no identity-based policy allows the {action} action'
NO_BOUNDARY = 'because no permissions boundary allows the {action} action'
NO_SESSION = 'because no session policy allows the {action} action'
DENY = 'with an explicit deny in an identity-based policy'

GET_PARAMETER = ('ssm', 'get_parameter', {'Name': '/app/url'}, 'ssm:GetParameter', PARAMETER)
PUT_PARAMETER = ('ssm', 'put_parameter', {'Name': '/app/url', 'Value': 'x', 'Type': 'String', 'Overwrite': True}, 'ssm:PutParameter', PARAMETER)
GET_ROLE = ('iam', 'get_role', {'RoleName': 'subject'}, 'iam:GetRole', f'arn:aws:iam::{ACCOUNT}:role/subject')
TAGGED_KEY = ('kms', 'create_key', {'Tags': [{'TagKey': 'team', 'TagValue': 'pay'}]}, 'kms:CreateKey', '*')
UNTAG_ROLE = ('iam', 'untag_role', {'RoleName': 'subject', 'TagKeys': ['team']}, 'iam:UntagRole', f'arn:aws:iam::{ACCOUNT}:role/subject')
LIST_KEYS = ('kms', 'list_keys', {}, 'kms:ListKeys', '*')
GET_SECRET = ('secretsmanager', 'get_secret_value', {'SecretId': 'app/db'}, 'secretsmanager:GetSecretValue', SECRET)
GET_ITEM = ('dynamodb', 'get_item', {'TableName': 'sessions', 'Key': {'id': {'S': 'a'}}}, 'dynamodb:GetItem', TABLE)
PUT_ITEM = ('dynamodb', 'put_item', {'TableName': 'sessions', 'Item': {'id': {'S': 'a'}}}, 'dynamodb:PutItem', TABLE)
QUERY = ('dynamodb', 'query', {'TableName': 'sessions', 'KeyConditionExpression': '#i = :v', 'ExpressionAttributeNames': {'#i': 'id'},
                              'ExpressionAttributeValues': {':v': {'S': 'a'}}}, 'dynamodb:Query', TABLE)
BATCH = ('dynamodb', 'batch_write_item', {'RequestItems': {'sessions': [{'PutRequest': {'Item': {'id': {'S': 'a'}}}},
                                                                        {'DeleteRequest': {'Key': {'id': {'S': 'b'}}}}]}}, 'dynamodb:BatchWriteItem', TABLE)
TRANSACT = ('dynamodb', 'transact_write_items', {'TransactItems': [{'Put': {'TableName': 'sessions', 'Item': {'id': {'S': 'b'}}}}]}, 'dynamodb:PutItem', TABLE)
GET_OBJECT = ('s3', 'get_object', {'Bucket': 'journal', 'Key': 'day/1'}, 's3:GetObject', 'arn:aws:s3:::journal/day/1')
PUT_OBJECT = ('s3', 'put_object', {'Bucket': 'journal', 'Key': 'day/2', 'Body': b'x'}, 's3:PutObject', 'arn:aws:s3:::journal/day/2')
LIST_BUCKET = ('s3', 'list_objects_v2', {'Bucket': 'journal', 'Prefix': 'day/'}, 's3:ListBucket', 'arn:aws:s3:::journal')
SEND = ('sqs', 'send_message', {'QueueUrl': 'orders', 'MessageBody': 'x'}, 'sqs:SendMessage', f'arn:aws:sqs:{REGION}:{ACCOUNT}:orders')
PUBLISH = ('sns', 'publish', {'TopicArn': f'arn:aws:sns:{REGION}:{ACCOUNT}:alarms', 'Message': 'x'}, 'sns:Publish', f'arn:aws:sns:{REGION}:{ACCOUNT}:alarms')
INVOKE = ('lambda', 'invoke', {'FunctionName': 'payment'}, 'lambda:InvokeFunction', f'arn:aws:lambda:{REGION}:{ACCOUNT}:function:payment')

CASES = [
    # name, statements, call, ending, further (boundary, session, tags, session_tags)
    ('nothing allows', [], GET_PARAMETER, NO_IDENTITY, {}),
    ('the action and the resource', [allow('ssm:GetParameter', PARAMETER)], GET_PARAMETER, None, {}),
    ('another action', [allow('ssm:GetParameter', PARAMETER)], PUT_PARAMETER, NO_IDENTITY, {}),
    ('another resource', [allow('ssm:GetParameter', PARAMETER + '2')], GET_PARAMETER, NO_IDENTITY, {}),
    ('another region', [allow('ssm:*', PARAMETER.replace(REGION, 'eu-west-1'))], GET_PARAMETER, NO_IDENTITY, {}),
    ('wildcards in action and resource', [allow('ssm:Get*', 'arn:aws:ssm:*:*:parameter/app/*')], GET_PARAMETER, None, {}),
    ('a question mark is one character', [allow('ssm:GetParameter', PARAMETER[:-1] + '?')], GET_PARAMETER, None, {}),
    ('a deny is stronger', [allow('*'), deny('ssm:Get*')], GET_PARAMETER, DENY, {}),
    ('a deny of something else is not', [allow('*'), deny('ssm:Put*')], GET_PARAMETER, None, {}),
    ('NotAction allows the rest', [{'Effect': 'Allow', 'NotAction': 'iam:*', 'Resource': '*'}], GET_PARAMETER, None, {}),
    ('NotAction leaves out', [{'Effect': 'Allow', 'NotAction': 'ssm:*', 'Resource': '*'}], GET_PARAMETER, NO_IDENTITY, {}),
    ('NotResource leaves out', [{'Effect': 'Allow', 'Action': '*', 'NotResource': PARAMETER}], GET_PARAMETER, NO_IDENTITY, {}),
    ('condition on the region holds', [allow('ssm:*', StringEquals={'aws:RequestedRegion': REGION})], GET_PARAMETER, None, {}),
    ('condition on the region does not', [allow('ssm:*', StringEquals={'aws:RequestedRegion': 'eu-west-1'})], GET_PARAMETER, NO_IDENTITY, {}),
    ('condition on the address holds', [allow('ssm:*', IpAddress={'aws:SourceIp': '127.0.0.0/8'})], GET_PARAMETER, None, {}),
    ('condition on the address does not', [allow('ssm:*', IpAddress={'aws:SourceIp': '10.0.0.0/8'})], GET_PARAMETER, NO_IDENTITY, {}),
    ('without TLS denied', [allow('*'), deny('*', Bool={'aws:SecureTransport': 'false'})], GET_PARAMETER, DENY, {}),
    ('only through an endpoint', [allow('*'), deny('*', StringNotEquals={'aws:SourceVpce': 'vpce-0123456789abcdef0'})], GET_PARAMETER, DENY, {}),
    ('after a date', [allow('*', DateGreaterThan={'aws:CurrentTime': '2020-01-01T00:00:00Z'})], GET_PARAMETER, None, {}),
    ('before a date', [allow('*', DateLessThan={'aws:CurrentTime': '2020-01-01T00:00:00Z'})], GET_PARAMETER, NO_IDENTITY, {}),
    ('tag of the resource holds', [allow('ssm:*', StringEquals={'aws:ResourceTag/team': 'pay'})], GET_PARAMETER, None, {}),
    ('tag of the resource does not', [allow('ssm:*', StringEquals={'aws:ResourceTag/team': 'other'})], GET_PARAMETER, NO_IDENTITY, {}),
    ('tags of principal and resource agree', [allow('ssm:*', StringEquals={'aws:ResourceTag/team': '${aws:PrincipalTag/team}'})], GET_PARAMETER, None,
     {'tags': {'team': 'pay'}}),
    ('they do not', [allow('ssm:*', StringEquals={'aws:ResourceTag/team': '${aws:PrincipalTag/team}'})], GET_PARAMETER, NO_IDENTITY,
     {'tags': {'team': 'other'}}),
    ('a session tag counts before the role\'s', [allow('ssm:*', StringEquals={'aws:PrincipalTag/team': 'pay'})], GET_PARAMETER, None,
     {'tags': {'team': 'other'}, 'session_tags': {'team': 'pay'}}),
    ('boundary and policy allow', [allow('*')], GET_PARAMETER, None, {'boundary': [allow('ssm:*')]}),
    ('boundary does not', [allow('*')], GET_PARAMETER, NO_BOUNDARY, {'boundary': [allow('kms:*')]}),
    ('boundary alone is nothing', [], GET_PARAMETER, NO_IDENTITY, {'boundary': [allow('*')]}),
    ('session policy allows', [allow('*')], GET_PARAMETER, None, {'session': [allow('ssm:GetParameter', PARAMETER)]}),
    ('session policy does not', [allow('*')], PUT_PARAMETER, NO_SESSION, {'session': [allow('ssm:GetParameter', PARAMETER)]}),
    ('session policy alone is nothing', [], GET_PARAMETER, NO_IDENTITY, {'session': [allow('*')]}),
    ('a key only with its tag', [allow('kms:CreateKey', StringEquals={'aws:RequestTag/team': 'pay'})], TAGGED_KEY, None, {}),
    ('a key with another tag', [allow('kms:CreateKey', StringEquals={'aws:RequestTag/team': 'other'})], TAGGED_KEY, NO_IDENTITY, {}),
    ('only these tags', [allow('kms:CreateKey', **{'ForAllValues:StringEquals': {'aws:TagKeys': ['team']}})], TAGGED_KEY, None, {}),
    ('not those', [allow('kms:CreateKey', **{'ForAllValues:StringEquals': {'aws:TagKeys': ['cost']}})], TAGGED_KEY, NO_IDENTITY, {}),
    ('no tags to take off', [allow('iam:*'), deny('iam:Untag*', **{'ForAnyValue:StringEquals': {'aws:TagKeys': ['team']}})], UNTAG_ROLE, DENY, {}),
    ('iam allowed', [allow('iam:GetRole', f'arn:aws:iam::{ACCOUNT}:role/subject')], GET_ROLE, None, {}),
    ('iam not', [allow('iam:GetRole', f'arn:aws:iam::{ACCOUNT}:role/other')], GET_ROLE, NO_IDENTITY, {}),
    ('a list needs *', [allow('kms:ListKeys', f'arn:aws:kms:{REGION}:{ACCOUNT}:key/*')], LIST_KEYS, NO_IDENTITY, {}),
    ('a list with *', [allow('kms:ListKeys')], LIST_KEYS, None, {}),
    ('a secret by its name with a suffix', [allow('secretsmanager:GetSecretValue', SECRET)], GET_SECRET, None, {}),
    ('a secret without the suffix', [allow('secretsmanager:GetSecretValue', SECRET[:-7])], GET_SECRET, NO_IDENTITY, {}),
    ('a secret, stage given', [allow('secretsmanager:GetSecretValue', '*', StringEquals={'secretsmanager:VersionStage': 'AWSCURRENT'})], GET_SECRET, None, {}),
    ('a table to read', [allow(['dynamodb:GetItem', 'dynamodb:Query'], TABLE)], GET_ITEM, None, {}),
    ('not to write', [allow(['dynamodb:GetItem', 'dynamodb:Query'], TABLE)], PUT_ITEM, NO_IDENTITY, {}),
    ('rows of one key', [allow('dynamodb:*', TABLE, **{'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['a']}})], GET_ITEM, None, {}),
    ('rows of another key', [allow('dynamodb:*', TABLE, **{'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['b']}})], GET_ITEM, NO_IDENTITY, {}),
    ('a query of one key', [allow('dynamodb:*', TABLE, **{'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['a']}})], QUERY, None, {}),
    ('a query of another key', [allow('dynamodb:*', TABLE, **{'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['b']}})], QUERY, NO_IDENTITY, {}),
    ('a batch within the key', [allow('dynamodb:*', TABLE, **{'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['a', 'b']}})], BATCH, None, {}),
    ('a batch beyond it', [allow('dynamodb:*', TABLE, **{'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['a']}})], BATCH, NO_IDENTITY, {}),
    ('a transaction beyond it', [allow('dynamodb:*', TABLE, **{'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['a']}})], TRANSACT, NO_IDENTITY, {}),
    ('objects to read', [allow('s3:GetObject', 'arn:aws:s3:::journal/day/*')], GET_OBJECT, None, {}),
    ('objects, but only to read', [allow('s3:GetObject', 'arn:aws:s3:::journal/day/*')], PUT_OBJECT, NO_IDENTITY, {}),
    ('a listing under a prefix', [allow('s3:ListBucket', 'arn:aws:s3:::journal', StringLike={'s3:prefix': 'day/*'})], LIST_BUCKET, None, {}),
    ('a listing under another', [allow('s3:ListBucket', 'arn:aws:s3:::journal', StringLike={'s3:prefix': 'night/*'})], LIST_BUCKET, NO_IDENTITY, {}),
    ('a queue', [allow('sqs:SendMessage', f'arn:aws:sqs:{REGION}:{ACCOUNT}:orders')], SEND, None, {}),
    ('another queue', [allow('sqs:SendMessage', f'arn:aws:sqs:{REGION}:{ACCOUNT}:other')], SEND, NO_IDENTITY, {}),
    ('a topic', [allow('sns:Publish', f'arn:aws:sns:{REGION}:{ACCOUNT}:alarms')], PUBLISH, None, {}),
    ('another topic', [allow('sns:Publish', f'arn:aws:sns:{REGION}:{ACCOUNT}:other')], PUBLISH, NO_IDENTITY, {}),
    ('a function is not invoked', [allow('lambda:GetFunction')], INVOKE, NO_IDENTITY, {}),
]

PREPARE = {
    'ssm': lambda c: c.put_parameter(Name='/app/url', Value='x', Type='String', Tags=[{'Key': 'team', 'Value': 'pay'}]),
    'iam': lambda c: c.create_role(RoleName='subject', AssumeRolePolicyDocument=json.dumps(TRUST)),
    'kms': lambda c: c.create_key(),
    'secretsmanager': lambda c: c.create_secret(Name='app/db', SecretString='x'),
    'dynamodb': lambda c: (c.create_table(TableName='sessions', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                                          AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}]),
                           c.get_waiter('table_exists').wait(TableName='sessions', WaiterConfig={'Delay': 1, 'MaxAttempts': 30})),
    's3': lambda c: (c.create_bucket(Bucket='journal'), c.put_object(Bucket='journal', Key='day/1', Body=b'x')),
    'sqs': lambda c: c.create_queue(QueueName='orders'),
    'sns': lambda c: c.create_topic(Name='alarms'),
    'lambda': lambda c: c.list_functions(),
}


@pytest.fixture(scope='module')
def prepared(client):
    """Makes what a service's calls are about, once; a service that is not in this build skips its cases."""
    done = {}

    def make(service):
        if service not in done:
            try:
                PREPARE[service](client(service))
                done[service] = None
            except ClientError as error:
                if 'does not implement the service' not in str(error) and error.response['Error']['Code'] != '501':
                    raise
                done[service] = str(error)
        if done[service]:
            pytest.skip(done[service])
    return make


def make_role(client, name, statements, further):
    iam = client('iam')
    boundary = {}
    if 'boundary' in further:
        boundary['PermissionsBoundary'] = iam.create_policy(PolicyName=f'{name}-boundary', PolicyDocument=policy(*further['boundary']))['Policy']['Arn']
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST),
                          Tags=[{'Key': k, 'Value': v} for k, v in further.get('tags', {}).items()], **boundary)['Role']['Arn']
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName='p', PolicyDocument=policy(*statements))
    return arn


def assume(client, arn, further):
    arguments = {'Policy': policy(*further['session'])} if 'session' in further else {}
    if 'session_tags' in further:
        arguments['Tags'] = [{'Key': k, 'Value': v} for k, v in further['session_tags'].items()]
    keys = client('sts').assume_role(RoleArn=arn, RoleSessionName='session', **arguments)['Credentials']
    return {'aws_access_key_id': keys['AccessKeyId'], 'aws_secret_access_key': keys['SecretAccessKey'], 'aws_session_token': keys['SessionToken']}


def expected_message(name, call, ending):
    _, _, _, action, resource = call
    return (f'User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session is not authorized to perform: {action} on resource: {resource} '
            + ending.format(action=action))


@pytest.mark.parametrize('number', range(len(CASES)), ids=[c[0] for c in CASES])
def test_case(client, prepared, number):
    _, statements, call, ending, further = CASES[number]
    service, method, arguments = call[:3]
    prepared(service)
    name = f'case-{number}'
    session = client(service, **assume(client, make_role(client, name, statements, further), further))
    arguments = dict(arguments)
    if service == 'sqs':
        arguments['QueueUrl'] = client('sqs').get_queue_url(QueueName='orders')['QueueUrl']
    if ending is None:
        getattr(session, method)(**arguments)
        return
    with pytest.raises(ClientError) as caught:
        getattr(session, method)(**arguments)
    error = caught.value.response['Error']
    assert error['Code'] in DENIED_CODES
    message = expected_message(name, call, ending)
    if '??????' in message:
        start, end = message.split('??????')
        assert error['Message'].startswith(start) and error['Message'].endswith(end)
    else:
        assert error['Message'] == message


def test_the_change_of_a_policy_is_in_force_with_the_next_call(client, prepared):
    prepared('ssm')
    iam = client('iam')
    session = client('ssm', **assume(client, make_role(client, 'changing', [allow('ssm:*')], {}), {}))
    session.get_parameter(Name='/app/url')
    iam.put_role_policy(RoleName='changing', PolicyName='p', PolicyDocument=policy(deny('ssm:*')))
    with pytest.raises(ClientError, match='explicit deny'):
        session.get_parameter(Name='/app/url')
    iam.delete_role_policy(RoleName='changing', PolicyName='p')
    iam.attach_role_policy(RoleName='changing', PolicyArn='arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess')
    session.get_parameter(Name='/app/url')
    with pytest.raises(ClientError, match='no identity-based policy allows the ssm:PutParameter'):
        session.put_parameter(Name='/app/url', Value='y', Overwrite=True)


def test_why(client, haar, prepared):
    prepared('ssm')
    session = client('ssm', **assume(client, make_role(client, 'asking', [allow('*'), deny('ssm:Put*')], {}), {}))
    with pytest.raises(ClientError):
        session.put_parameter(Name='/app/url', Value='y', Overwrite=True)
    newest = haar.call('GET', 'denials?limit=1')['denials'][0]
    assert (newest['action'], newest['policy_kind'], newest['policy_name'], newest['statement'], newest['explicit_deny']) == \
        ('ssm:PutParameter', 'identity-based policy', 'p', 1, True)
    assert 'mend' not in newest
    client('iam').put_role_policy(RoleName='asking', PolicyName='p', PolicyDocument=policy(allow('kms:*')))
    with pytest.raises(ClientError):
        session.get_parameter(Name='/app/url')
    newest = haar.call('GET', 'denials?limit=1')['denials'][0]
    assert json.loads(newest['mend']) == {'Effect': 'Allow', 'Action': 'ssm:GetParameter', 'Resource': PARAMETER}
    printed = haar.run('why')
    assert printed.returncode == 0, printed.stderr
    assert f'/asking/session: ssm:GetParameter on {PARAMETER}' in printed.stdout and 'identity-based policy p, statement 2' in printed.stdout
