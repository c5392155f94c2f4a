"""The payment stack as its team first wrote it, and as they corrected it: made from stacks/payments/template.yaml, its network, table, bucket, secret and
function, without its database, API, releases and edge.

As first written the function makes its clients, and calls with them, at module level, before there is a handler; and the endpoint's group names its egress,
without a way back to who asked. Corrected, the clients are made and called in the handler, and the group lets 443 out to the functions' group."""

import json
import os

import yaml

from tests.support.daemon import ROOT

TEMPLATE = os.path.join(ROOT, 'stacks', 'payments', 'template.yaml')
KEPT_TYPES = ('AWS::EC2::', 'AWS::KMS::')
KEPT = ('DatabaseSecret', 'SessionTable', 'LogBucket', 'LogBucketPolicy', 'FunctionRole', 'FunctionLog', 'PaymentFunction')
LEFT_OUT = ('DatabaseSecurityGroup', 'DatabaseReplication')

USES = '''
def sessions(key):
    dynamodb.put_item(TableName=os.environ["SESSION_TABLE"], Item={"sessionId": {"S": key}, "status": {"S": "processing"}})
    return dynamodb.get_item(TableName=os.environ["SESSION_TABLE"], Key={"sessionId": {"S": key}}, ConsistentRead=True)["Item"]["status"]["S"]

def log(key):
    return s3.put_object(Bucket=os.environ["LOG_BUCKET"], Key="transactions/" + key, Body=b"booked")["ResponseMetadata"]["HTTPStatusCode"]

def credentials():
    return len(json.loads(secrets.get_secret_value(SecretId=os.environ["SECRET_ARN"])["SecretString"])["password"])

def run(event):
    if event["reach"] == "dynamodb":
        return sessions(event["key"])
    if event["reach"] == "s3":
        return log(event["key"])
    if event["reach"] == "secretsmanager":
        return credentials()
    return [sessions(event["key"]), credentials(), log(event["key"])]
'''

FIRST = 'import json, os\nimport boto3\n\n' + '''dynamodb, s3, secrets = boto3.client("dynamodb"), boto3.client("s3"), boto3.client("secretsmanager")
''' + USES + '''
sessions("warm")
credentials()
log("warm")

def handler(event, context):
    return run(event)
'''

CORRECTED = 'import json, os\nimport boto3\n' + USES + '''
def handler(event, context):
    global dynamodb, s3, secrets
    dynamodb, s3, secrets = boto3.client("dynamodb"), boto3.client("s3"), boto3.client("secretsmanager")
    return run(event)
'''


class Loader(yaml.SafeLoader):
    """CloudFormation's short forms as the long ones."""


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ('Ref', 'Condition'):
        return {suffix: value}
    return {f'Fn::{suffix}': value.split('.', 1) if suffix == 'GetAtt' and isinstance(value, str) else value}


Loader.add_multi_constructor('!', short_form)


def variant(corrected, directory):
    """Writes the template and its function into a directory; answers the template's path."""
    with open(TEMPLATE, encoding='utf-8') as file:
        template = yaml.load(file, Loader)
    resources = {name: resource for name, resource in template['Resources'].items()
                 if name in KEPT or resource['Type'].startswith(KEPT_TYPES) and name not in LEFT_OUT}
    template['Resources'] = resources
    egress = [{'IpProtocol': '-1', 'CidrIp': '127.0.0.1/32', 'Description': 'Nothing'}]
    back = {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'DestinationSecurityGroupId': {'Ref': 'FunctionSecurityGroup'}, 'Description': 'Back to the functions'}
    resources['EndpointSecurityGroup']['Properties']['SecurityGroupEgress'] = [back] if corrected else egress
    function = resources['PaymentFunction']['Properties']
    function.update(Runtime='python3.11', Handler='payment.handler', Code='function', Timeout=30 if corrected else 3)
    for name in ('DATABASE_HOST', 'DATABASE_PORT', 'DATABASE_NAME'):
        function['Environment']['Variables'].pop(name, None)
    template['Outputs'] = {name: {'Value': {'Ref': name}} for name in ('Vpc', 'PaymentFunction', 'SessionTable', 'LogBucket', 'DatabaseSecret', 'EndpointSecurityGroup')}
    os.makedirs(os.path.join(directory, 'function'))
    with open(os.path.join(directory, 'function', 'payment.py'), 'w', encoding='utf-8') as file:
        file.write(CORRECTED if corrected else FIRST)
    path = os.path.join(directory, 'template.json')
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(template, file, default=str)
    return path
