"""haar check: what rules do with variations, and that their mends mend."""

import json
import os
import subprocess

import pytest
import yaml
from tests.support.daemon import BINARY, ROOT

HERE = os.path.join(ROOT, 'tests', 'check')
RULES = sorted(os.listdir(os.path.join(HERE, 'rules')))


def read(name):
    with open(os.path.join(HERE, name), encoding='utf-8') as file:
        return file.read()


def findings(folder, text, name='template.yaml', *options):
    (folder / name).write_text(text)
    result = subprocess.run([BINARY, 'check', '--format', 'json', *options, name], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)['findings']


def changed(name, *pairs):
    text = read(name)
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def block(name, logical_id):
    """A resource of a template, as text."""
    lines = read(name).splitlines(keepends=True)
    begin = lines.index(f'  {logical_id}:\n')
    end = next((i for i in range(begin + 1, len(lines)) if lines[i].startswith('  ') and lines[i][2] != ' '), len(lines))
    return ''.join(lines[begin:end])


ROTATION = 'correct/database_with_rotation.yaml'
ACLS = 'correct/network_acl.yaml'
NAT = 'correct/nat_gateway.yaml'
ENDPOINTS = 'correct/endpoints_only.yaml'
CUSTOM = 'correct/custom_resource.yaml'
CACHE = 'correct/cache.yaml'
PROXY = 'correct/database_proxy.yaml'
PEERING = 'rules/peering-route/mended.yaml'
DENY = 'rules/explicit-deny/bad.yaml'
UNMET = 'rules/condition-not-met/bad.yaml'
ONLY = "Condition: {StringEquals: {'aws:SourceVpce': !Ref BucketEndpoint}}"
OTHER = "  Other:\n    Type: AWS::IAM::Role\n    Properties: {AssumeRolePolicyDocument: {Statement: []}}\n  Uploads:\n"
OUTSIDE, INSIDE = '      Timeout: 30\n', '      Timeout: 30\n      VpcConfig: {SubnetIds: [!Ref Private], SecurityGroupIds: [!Ref FunctionGroup]}\n'
POLICIES = 'correct/policies_with_denies.yaml'
REGIONS = "- {Effect: Deny, Action: 's3:*'"
REPLY = 'rules/stateless-reply/bad.yaml'
NOBODY = "SecurityGroupEgress: [{IpProtocol: '-1', CidrIp: 127.0.0.1/32}]"
CASES = {
    'rotation without a way to the secret': (ROTATION, [(block(ROTATION, 'SecretsEndpoint'), '')], {('no-way-to-service', 'certain')}),
    'rotation without a way to the database': (ROTATION, [('FromPort: 3306, ToPort: 3306', 'FromPort: 1521, ToPort: 1521')],
                                               {('database-ingress', 'certain')}),
    'rotation by a function that AWS makes': (ROTATION, [
        ('      RotationLambdaARN: !GetAtt Function.Arn\n',
         '      HostedRotationLambda: {RotationType: MySQLSingleUser, VpcSubnetIds: !Join [",", [!Ref Private, !Ref Other]], '
         'VpcSecurityGroupIds: !GetAtt Vpc.DefaultSecurityGroup}\n')],
        {('endpoint-ingress', 'certain'), ('database-ingress', 'certain')}),
    'custom resource without a way to S3': (CUSTOM, [(block(CUSTOM, 'BucketEndpoint'), '')], {('custom-resource-response', 'certain')}),
    'some ephemeral ports only': (ACLS, [('PortRange: {From: 1024, To: 65535}}\n  RepliesOut', 'PortRange: {From: 32768, To: 61000}}\n  RepliesOut')],
                                  {('acl-ephemeral-ports', 'certain'), ('acl-ephemeral-ports', 'likely')}),
    'a NAT gateway in the private subnet': (NAT, [('{SubnetId: !Ref Public, AllocationId', '{SubnetId: !Ref Private, AllocationId')],
                                            {('nat-in-private-subnet', 'certain')}),
    'no route to the NAT gateway': (NAT, [(block(NAT, 'ToNat'), '')], {('no-way-to-service', 'certain'), ('no-way-to-internet', 'likely')}),
    'an endpoint with the default group': (ENDPOINTS, [('      SecurityGroupIds: [!Ref EndpointGroup]\n', '')],
                                           {('function-egress', 'certain'), ('endpoint-ingress', 'certain')}),
    'an endpoint with the default group, reached': (ENDPOINTS, [('      SecurityGroupIds: [!Ref EndpointGroup]\n', ''),
                                                                ('DestinationSecurityGroupId: !Ref EndpointGroup', 'CidrIp: 10.0.0.0/16')],
                                                    {('endpoint-ingress', 'certain')}),
    'egress to the wrong prefix list': (ENDPOINTS, [('pl-02cd2c6b', 'pl-63a5400a')], {('function-egress', 'certain')}),
    'an endpoint policy for another table': (ENDPOINTS, [('table/${Orders}', 'table/sessions')], {('endpoint-policy', 'certain')}),
    'a cache behind the wrong port': (CACHE, [('FromPort: 6379, ToPort: 6379', 'FromPort: 11211, ToPort: 11211')], {('database-ingress', 'likely')}),
    'a cache on a port of its own': (CACHE, [('      NumCacheClusters: 2\n', '      NumCacheClusters: 2\n      Port: 6380\n')], {('database-ingress', 'likely')}),
    'a role that allows more than the code does': (NAT, [(block(NAT, 'ToNat'), ''), (block(NAT, 'Function'), block(CUSTOM, 'Function'))],
                                                   {('no-way-to-service', 'possible')}),
    'a key that a writer may use': ('correct/own_key.yaml', [("['s3:GetObject', 's3:PutObject']", "'s3:PutObject'"),
                                                             ("['kms:Decrypt', 'kms:GenerateDataKey']", "'kms:GenerateDataKey'")], set()),
    'a key that the role may use for another service only': ('correct/own_key.yaml', [("!Sub 's3.", "!Sub 'sqs.")], {('key-policy', 'likely')}),
    'a database proxy that the database does not let in': (PROXY, [('SourceSecurityGroupId: !Ref ProxyGroup', 'SourceSecurityGroupId: !Ref FunctionGroup')],
                                                          {('database-ingress', 'certain')}),
    'a proxy behind the wrong port': (PROXY, [('SourceSecurityGroupId: !Ref FunctionGroup', 'CidrIp: 10.9.0.0/16')], {('database-ingress', 'likely')}),
    'the addresses of the VPC itself': (ENDPOINTS, [('DestinationPrefixListId: !Ref TablePrefixList', 'CidrIp: !GetAtt Vpc.CidrBlock')],
                                        {('function-egress', 'certain')}),
    'no route to the peer': (PEERING, [(block(PEERING, 'ToData'), '')], {('peering-route', 'likely')}),
    'a peer whose group does not let in': (PEERING, [('SourceSecurityGroupId: !Ref FunctionGroup', 'CidrIp: 10.1.0.0/16')], {('database-ingress', 'likely')}),
    'an unknown condition lets nothing be said': ('correct/conditions.yaml', [('    Condition: IsIsolated\n    Properties', '    Condition: HasNat\n    Properties')],
                                                  set()),
    'replies to the port that was asked': (REPLY, [(NOBODY, 'SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/16}]')], set()),
    'replies to the ports of clients': (REPLY, [(NOBODY, 'SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 1024, ToPort: 65535, CidrIp: 10.0.1.0/24}]')], set()),
    'replies to some ports of clients': (REPLY, [(NOBODY, 'SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 40000, ToPort: 65535, CidrIp: 10.0.0.0/16}]')],
                                         {('stateless-reply', 'possible')}),
    'replies to another port': (REPLY, [(NOBODY, 'SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 5432, ToPort: 5432, CidrIp: 0.0.0.0/0}]')],
                                {('stateless-reply', 'possible')}),
    'replies by UDP': (REPLY, [(NOBODY, 'SecurityGroupEgress: [{IpProtocol: udp, FromPort: 0, ToPort: 65535, CidrIp: 0.0.0.0/0}]')], {('stateless-reply', 'possible')}),
    'a bucket for the VPC, called through the endpoint': (DENY, [(OUTSIDE, INSIDE), ("'aws:SourceVpce': !Ref BucketEndpoint", "'aws:SourceVpc': !Ref Vpc")], set()),
    'a bucket for another VPC': (DENY, [(OUTSIDE, INSIDE), ("'aws:SourceVpce': !Ref BucketEndpoint", "'aws:SourceVpc': !Ref Uploads")], {('explicit-deny', 'certain')}),
    'a bucket for some other endpoint by its id': (DENY, [(OUTSIDE, INSIDE), ("'aws:SourceVpce': !Ref BucketEndpoint", "'aws:SourceVpce': vpce-0123456789abcdef0")],
                                                   set()),
    'a bucket for the role alone': (DENY, [("StringNotEquals: {'aws:SourceVpce': !Ref BucketEndpoint}", "ArnNotLike: {'aws:PrincipalArn': !GetAtt Role.Arn}")], set()),
    'a bucket for another role': (DENY, [("StringNotEquals: {'aws:SourceVpce': !Ref BucketEndpoint}", "ArnNotLike: {'aws:PrincipalArn': !GetAtt Other.Arn}"),
                                         ('  Uploads:\n', OTHER)], {('explicit-deny', 'certain')}),
    'a bucket that denies HTTPS': (DENY, [("'aws:SecureTransport': 'false'", "'aws:SecureTransport': 'true'"),
                                          ("StringNotEquals: {'aws:SourceVpce': !Ref BucketEndpoint}", "Bool: {'aws:ViaAWSService': 'true'}")], {('explicit-deny', 'certain')}),
    'a bucket for public addresses, called through the endpoint': (DENY, [(OUTSIDE, INSIDE), ("StringNotEquals: {'aws:SourceVpce': !Ref BucketEndpoint}",
                                                                                             "NotIpAddress: {'aws:SourceIp': 203.0.113.0/24}")],
                                                                   {('explicit-deny', 'certain')}),
    'a bucket for public addresses, called from outside': (DENY, [("StringNotEquals: {'aws:SourceVpce': !Ref BucketEndpoint}",
                                                                   "NotIpAddress: {'aws:SourceIp': 203.0.113.0/24}")], set()),
    'a prefix of lists, and what lists nothing': (DENY, [("StringNotEquals: {'aws:SourceVpce': !Ref BucketEndpoint}", "StringNotLike: {'s3:prefix': 'home/*'}")],
                                                  {('explicit-deny', 'certain')}),
    'a prefix of lists that may be the right one': (DENY, [("StringNotEquals: {'aws:SourceVpce': !Ref BucketEndpoint}", "StringNotLike: {'s3:prefix': 'home/*'}"),
                                                           ("Action: 's3:PutObject'", "Action: 's3:ListBucket'")], set()),
    'a key that is there or not': (DENY, [("StringNotEquals: {'aws:SourceVpce': !Ref BucketEndpoint}", "'Null': {'aws:SourceVpce': 'true'}")], {('explicit-deny', 'certain')}),
    'a key that may be missing': (DENY, [('StringNotEquals: {', 'StringEqualsIfExists: {')], {('explicit-deny', 'certain')}),
    'a condition that is not known': (DENY, [("'aws:SourceVpce': !Ref BucketEndpoint", "'aws:PrincipalOrgID': o-1")], set()),
    'a Deny of another action': (DENY, [("Action: 's3:*'", "Action: 's3:DeleteObject'")], set()),
    'a Deny of part of what is allowed': (DENY, [('!Sub \'${Uploads.Arn}/*\']', '!Sub \'${Uploads.Arn}/private/*\']')], set()),
    'a Deny to somebody else': (DENY, [("Principal: '*'", 'Principal: {AWS: !GetAtt Other.Arn}'), ('  Uploads:\n', OTHER)], set()),
    'a Deny to the role': (DENY, [("Principal: '*'", 'Principal: {AWS: !GetAtt Role.Arn}')], {('explicit-deny', 'certain')}),
    'a Deny to the account': (DENY, [("Principal: '*'", "Principal: {AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:root'}")], {('explicit-deny', 'certain')}),
    'a Deny of all but some actions': (DENY, [("Action: 's3:*'", "NotAction: ['s3:Get*', 's3:List*']")], {('explicit-deny', 'certain')}),
    'a Deny of the role itself': (UNMET, [(ONLY, "Condition: {}\n              - {Effect: Deny, Action: 's3:Put*', Resource: '*'}")], {('explicit-deny', 'certain')}),
    'a region that was said': (UNMET, [(ONLY, "Condition: {StringEquals: {'aws:RequestedRegion': eu-west-1}}")], {('condition-not-met', 'likely')}, '--region', 'us-east-1'),
    'a region that was not said': (UNMET, [(ONLY, "Condition: {StringEquals: {'aws:RequestedRegion': eu-west-1}}")], set()),
    'a condition beside a statement without one': (UNMET, [(ONLY, ONLY + "\n              - {Effect: Allow, Action: 's3:*', Resource: '*'}")], set()),
    'an endpoint policy for another role': ('rules/endpoint-policy/mended.yaml', [("Resource: !GetAtt Orders.Arn}]\n  Role", "Resource: !GetAtt Orders.Arn, Condition: {ArnEquals: "
                                            "{'aws:PrincipalArn': !GetAtt Other.Arn}}}]\n  Role"), ('  Orders:\n', OTHER.replace('Uploads', 'Orders'))], {('endpoint-policy', 'certain')}),
    'an endpoint policy that denies': ('rules/endpoint-policy/mended.yaml', [('Statement: [{Effect: Allow, Principal', "Statement: [{Effect: Deny, Principal: '*', Action: "
                                       "'dynamodb:*', Resource: '*'}, {Effect: Allow, Principal")], {('explicit-deny', 'certain')}),
    "a queue's policy": (POLICIES, [("'false'}}}]", "'true'}}}]"), (REGIONS, "- {Effect: Allow, Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn}\n              " + REGIONS)],
                         {('explicit-deny', 'certain'), ('no-way-to-service', 'possible')}),
    "a topic's policy": (POLICIES, [("'false'}}}]", "'true'}}}]"), ('AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy'), ('AWS::SQS::Queue\n', 'AWS::SNS::Topic\n'),
                                    ('Queues: [!Ref Queue]', 'Topics: [!Ref Queue]'), ("'sqs:*', Resource: !GetAtt Queue.Arn", "'sns:Publish', Resource: !Ref Queue"),
                                    (REGIONS, "- {Effect: Allow, Action: 'sns:Publish', Resource: !Ref Queue}\n              " + REGIONS)],
                         {('explicit-deny', 'certain'), ('no-way-to-service', 'possible')}),
    'a value decides': ('correct/conditions.yaml', [("AllowedValues: ['yes', 'no']}", "Default: 'yes'}"), ('    Condition: IsIsolated\n', '    Condition: HasNat\n')],
                        {('no-way-to-service', 'certain')}),
}


@pytest.mark.parametrize('case', sorted(CASES))
def test_variation(tmp_path, case):
    name, pairs, expected, *options = CASES[case]
    assert {(f['rule'], f['certainty']) for f in findings(tmp_path, changed(name, *pairs), 'template.yaml', *options)} == expected


# -- mends ---------------------------------------------------------------------------------------------------------------------------


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions."""


def short_function(loader, suffix, node):
    value = (loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else
             loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node, deep=True))
    if suffix == 'GetAtt' and isinstance(value, str):
        value = value.split('.', 1)
    return {suffix if suffix in ('Ref', 'Condition') else f'Fn::{suffix}': value}


Loader.add_multi_constructor('!', short_function)


def merge(into, mend):
    for key, value in mend.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict) and not any(k == 'Ref' or k.startswith('Fn::') for k in value):
            merge(into[key], value)
        else:
            into[key] = value


def policy_documents(template, finding):
    """Where a mend that is a statement belongs: the policy that the finding is at, else the role's."""
    resource = template['Resources'][finding['logicalId']]
    properties = resource['Properties']
    for name in ('PolicyDocument', 'KeyPolicy'):
        if name in properties:
            return properties[name]
    role = template['Resources']['Role']['Properties']
    return role['Policies'][0]['PolicyDocument']


def without_inline_rule(template, finding):
    """A rule that becomes a resource of its own leaves its group."""
    [rule] = json.loads(finding['mend']).values()
    group = template['Resources'][finding['logicalId']]['Properties']
    for name in ('SecurityGroupIngress', 'SecurityGroupEgress'):
        peer = rule['Properties'].get('DestinationSecurityGroupId' if name.endswith('Egress') else 'SourceSecurityGroupId')
        group[name] = [r for r in group.get(name, []) if peer not in r.values()]


@pytest.mark.parametrize('rule', [rule for rule in RULES if '\n  mend\n' in read(f'rules/{rule}/expected.txt')])
def test_mend_mends(tmp_path, rule):
    """The faulty template as JSON: with each mend put in, the rule finds nothing any more, and CloudFormation's form is kept."""
    template = yaml.load(read(f'rules/{rule}/bad.yaml'), Loader)
    first = [f for f in findings(tmp_path, json.dumps(template), 'template.json', '--enable', rule) if f['rule'] == rule]
    assert first
    for finding in first:
        mend = json.loads(finding['mend'])
        if 'Condition' in mend:   # an exception to the statement that it is at
            merge(policy_documents(template, finding)['Statement'][-1], mend)
            continue
        if 'Effect' in mend:
            policy_documents(template, finding)['Statement'].append(mend)
            continue
        if rule == 'circular-groups':
            without_inline_rule(template, finding)
        merge(template['Resources'], mend)
    again = findings(tmp_path, json.dumps(template), 'template.json', '--enable', rule)
    assert [f for f in again if f['severity'] == 'error' or f['rule'] == rule] == []


# Of each way everything is wrong: the route, the function's group, the database's group, the ACL in both directions.
EVERYTHING = [('      RouteTableIds: [!Ref Routes]\n', '      RouteTableIds: []\n'),
              ('{GroupDescription: The function, VpcId: !Ref Vpc}', "{GroupDescription: The function, VpcId: !Ref Vpc, SecurityGroupEgress: [{IpProtocol: '-1', CidrIp: 127.0.0.1/32}]}"),
              ('SourceSecurityGroupId: !Ref FunctionGroup', 'CidrIp: 192.0.2.0/24'), (block(ACLS, 'HttpsOut'), ''), (block(ACLS, 'MysqlOut'), ''),
              (block(ACLS, 'RepliesIn'), ''), (block(ACLS, 'RepliesOut'), '')]


def test_all_that_stops_a_way_is_told_and_one_run_of_mending_is_enough(tmp_path):
    template = yaml.load(changed(ACLS, *EVERYTHING), Loader)
    found = findings(tmp_path, json.dumps(template), 'template.json')
    of = {target: sorted(f['rule'] for f in found if target in str(f)) for target in ('DynamoDB', 'the database cluster')}
    assert of['DynamoDB'] == ['acl-denies', 'endpoint-route-table', 'function-egress']
    assert of['the database cluster'] == ['acl-denies', 'acl-ephemeral-ports', 'database-ingress', 'function-egress']
    names = [name for finding in found for name in json.loads(finding['mend'])]
    assert len(names) == len(set(names)), 'no mend takes the place of another one'
    for finding in found:
        merge(template['Resources'], json.loads(finding['mend']))
    assert [f for f in findings(tmp_path, json.dumps(template), 'template.json') if f['severity'] == 'error'] == []
