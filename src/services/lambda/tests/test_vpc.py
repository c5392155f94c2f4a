"""Functions in a VPC: they reach what routes, groups and endpoints let them reach, and nothing else."""

import base64
import io
import json
import os
import zipfile

import botocore.exceptions
import pytest

from tests.support.daemon import wait_for

TRUST = {'Version': '2012-10-17',
         'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
ALLOWED = ['logs:*', 'ec2:CreateNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DeleteNetworkInterface', 'kms:ListKeys']
CODE = '''
import boto3, botocore.config, socket
def handler(event, context):
    if event.get("address"):
        return [a[4][0] for a in socket.getaddrinfo(event["address"], 443, socket.AF_INET, socket.SOCK_STREAM)]
    config = botocore.config.Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})
    try:
        return len(boto3.client("kms", config=config).list_keys()["Keys"])
    except Exception as error:
        return type(error).__name__
'''


def package(text):
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        archive.writestr('index.py', text)
    return data.getvalue()


@pytest.fixture(scope='module')
def place(client, network):
    """A VPC with two private subnets, a group for functions and one for an endpoint."""
    ec2, iam = client('ec2'), client('iam')
    vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={'Value': True})
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.0.{10 + i}.0/24', AvailabilityZone=f'us-east-1{"ab"[i]}')['Subnet']['SubnetId'] for i in range(2)]
    group = ec2.create_security_group(GroupName='functions', Description='f', VpcId=vpc)['GroupId']
    endpoint = ec2.create_security_group(GroupName='endpoint', Description='e', VpcId=vpc)['GroupId']
    role = iam.create_role(RoleName='invpc', AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
    iam.put_role_policy(RoleName='invpc', PolicyName='all', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': ALLOWED, 'Resource': '*'}]}))
    return {'vpc': vpc, 'subnets': subnets, 'group': group, 'endpoint': endpoint, 'role': role}


def create(lambda_, place, name):
    lambda_.create_function(FunctionName=name, Role=place['role'], Runtime='python3.11', Handler='index.handler', Code={'ZipFile': package(CODE)},
                            Timeout=15, MemorySize=256, VpcConfig={'SubnetIds': place['subnets'], 'SecurityGroupIds': [place['group']]})
    wait_for(lambda: lambda_.get_function_configuration(FunctionName=name)['State'] == 'Active', f'{name} is active')


def invoke(lambda_, name, event=None):
    return json.loads(lambda_.invoke(FunctionName=name, Payload=json.dumps(event or {}))['Payload'].read())


def interfaces(ec2, place):
    return [i for i in ec2.describe_network_interfaces(Filters=[{'Name': 'vpc-id', 'Values': [place['vpc']]}])['NetworkInterfaces']
            if i['InterfaceType'] == 'lambda']


def together(place, n):
    """A template of functions that are all made at once."""
    function = {'Type': 'AWS::Lambda::Function', 'Properties': {
        'Role': place['role'], 'Runtime': 'python3.11', 'Handler': 'index.handler', 'Code': {'ZipFile': 'def handler(event, context): pass'},
        'VpcConfig': {'SubnetIds': place['subnets'], 'SecurityGroupIds': [place['group']]}}}
    return json.dumps({'Resources': {f'Function{i}': function for i in range(n)}})


def test_functions_that_are_made_together_share_interfaces(client, place):
    """And nothing of them stays when the last has gone: the subnets can be deleted."""
    stacks, ec2 = client('cloudformation'), client('ec2')
    for turn in range(3):
        stacks.create_stack(StackName='together', TemplateBody=together(place, 8))
        stacks.get_waiter('stack_create_complete').wait(StackName='together', WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
        assert sorted(i['SubnetId'] for i in interfaces(ec2, place)) == sorted(place['subnets']), turn
        stacks.delete_stack(StackName='together')
        stacks.get_waiter('stack_delete_complete').wait(StackName='together', WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
        wait_for(lambda: interfaces(ec2, place) == [], 'no interface is left')


def test_only_what_the_network_allows(client, place):
    lambda_, ec2 = client('lambda'), client('ec2')
    create(lambda_, place, 'inside')
    config = lambda_.get_function_configuration(FunctionName='inside')
    assert config['VpcConfig']['VpcId'] == place['vpc']
    made = interfaces(ec2, place)
    assert sorted(i['SubnetId'] for i in made) == sorted(place['subnets'])
    assert all(i['Description'].startswith('AWS Lambda VPC ENI-inside-') for i in made)
    create(lambda_, place, 'second')
    assert len(interfaces(ec2, place)) == 2  # shared
    assert invoke(lambda_, 'inside') == 'ConnectTimeoutError'
    endpoint = ec2.create_vpc_endpoint(VpcId=place['vpc'], VpcEndpointType='Interface', ServiceName='com.amazonaws.us-east-1.kms', SubnetIds=place['subnets'],
                                       SecurityGroupIds=[place['endpoint']], PrivateDnsEnabled=True)['VpcEndpoint']['VpcEndpointId']
    wait_for(lambda: ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])['VpcEndpoints'][0]['State'] == 'available', 'the endpoint is available')
    wait_for(lambda: invoke(lambda_, 'inside', {'address': 'kms.us-east-1.amazonaws.com'})[0].startswith('10.0.1'), 'the private name')
    assert invoke(lambda_, 'inside') == 'ConnectTimeoutError'  # the endpoint's group lets nobody in
    ec2.authorize_security_group_ingress(GroupId=place['endpoint'], IpPermissions=[
        {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'UserIdGroupPairs': [{'GroupId': place['group']}]}])
    wait_for(lambda: invoke(lambda_, 'inside') == 0, 'the group lets the functions in')
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    for name in ('inside', 'second'):
        lambda_.delete_function(FunctionName=name)
    wait_for(lambda: not interfaces(ec2, place), 'the interfaces are gone')


STORES = '''
import boto3, botocore.config
def handler(event, context):
    config = botocore.config.Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})
    table = boto3.resource("dynamodb", config=config).Table("sessions")
    try:
        table.put_item(Item={"id": "a", "n": 1})
        return int(table.get_item(Key={"id": "a"})["Item"]["n"])
    except Exception as error:
        return type(error).__name__
'''


def test_gateway_endpoint(client, place):
    """Without the endpoint's route the call hangs; with it, it works; the role decides as ever."""
    lambda_, ec2, iam = client('lambda'), client('ec2'), client('iam')
    client('dynamodb').create_table(TableName='sessions', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                                    AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])
    lambda_.create_function(FunctionName='stores', Role=place['role'], Runtime='python3.11', Handler='index.handler', Timeout=15, MemorySize=256,
                            Code={'ZipFile': package(STORES)}, VpcConfig={'SubnetIds': place['subnets'], 'SecurityGroupIds': [place['group']]})
    wait_for(lambda: lambda_.get_function_configuration(FunctionName='stores')['State'] == 'Active', 'it is active')
    assert invoke(lambda_, 'stores') == 'ConnectTimeoutError'
    table = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [place['vpc']]}])['RouteTables'][0]['RouteTableId']
    ec2.create_vpc_endpoint(VpcId=place['vpc'], ServiceName='com.amazonaws.us-east-1.dynamodb', RouteTableIds=[table])
    wait_for(lambda: invoke(lambda_, 'stores') != 'ConnectTimeoutError', 'the route is there')
    assert invoke(lambda_, 'stores') == 'ClientError'
    iam.put_role_policy(RoleName='invpc', PolicyName='table', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': ['dynamodb:PutItem', 'dynamodb:GetItem'], 'Resource': '*'}]}))
    assert invoke(lambda_, 'stores') == 1


def test_a_time_out_names_what_was_blocked(client, place):
    lambda_ = client('lambda')
    lambda_.create_function(FunctionName='hangs', Role=place['role'], Runtime='python3.11', Handler='index.handler', Timeout=3, MemorySize=256,
                            Code={'ZipFile': package('import socket\ndef handler(event, context):\n    socket.create_connection(("10.0.77.7", 443), 60)\n')},
                            VpcConfig={'SubnetIds': place['subnets'], 'SecurityGroupIds': [place['group']]})
    wait_for(lambda: lambda_.get_function_configuration(FunctionName='hangs')['State'] == 'Active', 'it is active')
    answer = lambda_.invoke(FunctionName='hangs', LogType='Tail')
    log = base64.b64decode(answer['LogResult']).decode()
    assert 'haar: blocked: a connection to 10.0.77.7 TCP 443: dropped by route table local' in log, log


def test_the_role_has_to_allow_interfaces(client, place):
    lambda_, iam = client('lambda'), client('iam')
    role = iam.create_role(RoleName='without', AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
    with pytest.raises(botocore.exceptions.ClientError) as error:
        create(lambda_, {**place, 'role': role}, 'unlucky')
    assert error.value.response['Error']['Message'] == 'The provided execution role does not have permissions to call CreateNetworkInterface on EC2'


def test_subnets_have_to_be_there(client, place):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        create(client('lambda'), {**place, 'subnets': ['subnet-00000000000000000']}, 'nowhere')
    assert error.value.response['Error']['Code'] == 'InvalidParameterValueException'


MODULE_LEVEL = '''
import boto3, botocore.config
config = botocore.config.Config(connect_timeout=60, read_timeout=5, retries={"total_max_attempts": 1})
keys = len(boto3.client("kms", config=config).list_keys()["Keys"])
def handler(event, context):
    return keys
'''


def test_late_eni(client, place):
    """The fault profile: what calls at module level waits for an interface that comes only behind it; what calls in the handler does not notice."""
    lambda_, ec2 = client('lambda'), client('ec2')
    group = ec2.create_security_group(GroupName='late', Description='e', VpcId=place['vpc'])['GroupId']
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'UserIdGroupPairs': [{'GroupId': place['group']}]}])
    ec2.create_vpc_endpoint(VpcId=place['vpc'], VpcEndpointType='Interface', ServiceName='com.amazonaws.us-east-1.kms', SubnetIds=place['subnets'],
                            SecurityGroupIds=[group], PrivateDnsEnabled=True)
    create(lambda_, place, 'prompt')
    arn = lambda_.get_function_configuration(FunctionName='prompt')['FunctionArn']
    wait_for(lambda: invoke(lambda_, 'prompt') == 0, 'the endpoint answers')
    lambda_.tag_resource(Resource=arn, Tags={'haar:fault': 'late-eni stateless-groups'})
    lambda_.update_function_configuration(FunctionName='prompt', Description='again')
    wait_for(lambda: lambda_.get_function_configuration(FunctionName='prompt')['LastUpdateStatus'] == 'Successful', 'the update')
    assert invoke(lambda_, 'prompt') == 0
    lambda_.create_function(FunctionName='early', Role=place['role'], Runtime='python3.11', Handler='index.handler', Code={'ZipFile': package(MODULE_LEVEL)},
                            Timeout=2, MemorySize=256, VpcConfig={'SubnetIds': place['subnets'], 'SecurityGroupIds': [place['group']]},
                            Tags={'haar:fault': 'late-eni'})
    wait_for(lambda: lambda_.get_function_configuration(FunctionName='early')['State'] == 'Active', 'it is active')
    assert invoke(lambda_, 'early')['errorMessage'].endswith('Task timed out after 2.00 seconds')
    lambda_.untag_resource(Resource=lambda_.get_function_configuration(FunctionName='early')['FunctionArn'], TagKeys=['haar:fault'])
    assert invoke(lambda_, 'early') == 0


def states(haar):
    """The states of the processes that run this haar's functions: by the code that is mounted from its data directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as command, open(f'/proc/{pid}/mountinfo', encoding='utf-8') as mounts:
                if b'/var/runtime/bootstrap.py' in command.read() and os.path.basename(os.path.dirname(haar.data)) in mounts.read():
                    with open(f'/proc/{pid}/stat', encoding='utf-8') as stat:
                        found.append(stat.read().rsplit(')', 1)[1].split()[0])
        except OSError:
            continue
    return found


def test_after_kill_9(new_haar, network):
    haar = new_haar()
    setup = place.__pytest_wrapped__.obj(haar.client, network) if hasattr(place, '__pytest_wrapped__') else place.__wrapped__(haar.client, network)
    create(haar.client('lambda'), setup, 'inside')
    assert invoke(haar.client('lambda'), 'inside', {'address': 'localhost'}) == ['127.0.0.1']
    if os.path.exists('/sys/fs/cgroup/pids/cgroup.procs'):  # version 2 freezes without that state
        wait_for(lambda: 'T' in states(haar), 'the environment is frozen')
    haar.kill()
    wait_for(lambda: not states(haar), 'nothing outlives haar')
    haar.start()
    assert invoke(haar.client('lambda'), 'inside', {'address': 'localhost'}) == ['127.0.0.1']
    assert invoke(haar.client('lambda'), 'inside') == 'ConnectTimeoutError'


STRANGER = '''
import http.client, os, subprocess, sys
def ask(api, method, path):
    connection = http.client.HTTPConnection(api, timeout=5)
    connection.request(method, "/2018-06-01/runtime/" + path, b"{}" if method == "POST" else None)
    return connection.getresponse().status
def handler(event, context):
    own = os.environ["AWS_LAMBDA_RUNTIME_API"]
    if not event.get("api"):
        return own
    child = subprocess.run([sys.executable, "-c", "import http.client, sys; c = http.client.HTTPConnection(sys.argv[1], timeout=5); "
                            "c.request('POST', '/2018-06-01/runtime/invocation/0/response', b'x'); print(c.getresponse().status)", own],
                           capture_output=True, text=True)
    return {"next": ask(event["api"], "GET", "invocation/next"), "init": ask(event["api"], "POST", "init/error"),
            "answer": ask(event["api"], "POST", "invocation/0/response"), "own": ask(own, "POST", "invocation/0/response"),
            "child": child.stdout.strip()}
'''


def test_runtime_apis_are_apart(client, place):
    """Environments of one interface share its loopback: neither takes the other's events, nor answers for it; its own children may."""
    lambda_ = client('lambda')
    for name in ('victim', 'stranger'):
        lambda_.create_function(FunctionName=name, Role=place['role'], Runtime='python3.11', Handler='index.handler', Code={'ZipFile': package(STRANGER)},
                                Timeout=25, MemorySize=256, VpcConfig={'SubnetIds': place['subnets'][:1], 'SecurityGroupIds': [place['group']]})
        wait_for(lambda: lambda_.get_function_configuration(FunctionName=name)['State'] == 'Active', f'{name} is active')
    api = invoke(lambda_, 'victim')
    assert api.startswith('127.0.0.1:')
    assert invoke(lambda_, 'stranger', {'api': api}) == {'next': 403, 'init': 403, 'answer': 403, 'own': 400, 'child': '400'}
    assert invoke(lambda_, 'victim') == api  # still the same environment, unharmed
    for name in ('victim', 'stranger'):
        lambda_.delete_function(FunctionName=name)
