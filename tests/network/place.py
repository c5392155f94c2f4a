"""A VPC with a private subnet, functions that do as they are told, and what they may."""

import io
import json
import zipfile

from tests.support.daemon import wait_for

TRUST = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
NEEDED = ['logs:*', 'ec2:CreateNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DeleteNetworkInterface']
CODE = '''
import socket, threading, time
import boto3, botocore.config

def handler(event, context):
    if "wait" in event:
        socket.create_connection((event["wait"], event.get("port", 443)), 60)
    if "echo" in event:
        begin = time.monotonic()
        with socket.create_connection((event["echo"], 7000), 30) as to:
            connected = time.monotonic()
            data = bytes(range(256)) * event.get("kib", 0) * 4 + b"."
            threading.Thread(target=to.sendall, args=(data,)).start()
            back = b""
            while len(back) < len(data):
                more = to.recv(65536)
                if not more:
                    break
                back += more
        return {"connect": (connected - begin) * 1000, "request": (time.monotonic() - connected) * 1000, "same": back == data}
    if "connect" in event:
        try:
            socket.create_connection((event["connect"], event.get("port", 443)), event.get("timeout", 0.5)).close()
            return "connected"
        except OSError as error:
            return type(error).__name__
    if "resolve" in event:
        try:
            return socket.gethostbyname(event["resolve"])
        except OSError as error:
            return str(error)
    config = botocore.config.Config(connect_timeout=event.get("timeout", 1), read_timeout=event.get("read", 10), retries={"total_max_attempts": 1})
    try:
        answer = getattr(boto3.client(event["service"], config=config), event["operation"])(**event.get("arguments", {}))
        return {"ok": answer["ResponseMetadata"]["HTTPStatusCode"]}
    except Exception as error:
        code = (getattr(error, "response", None) or {}).get("Error", {}).get("Code")
        return code or type(error).__name__
'''


def package(text=CODE):
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        archive.writestr('index.py', text)
    return data.getvalue()


class Place:
    """10.0.0.0/16 with one private subnet in us-east-1a and one in us-east-1b, a group for functions, one for endpoints, a role."""

    def __init__(self, haar):
        self.haar = haar
        self.ec2, self.lambda_, self.iam = haar.client('ec2'), haar.client('lambda'), haar.client('iam')
        ec2 = self.ec2
        self.vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={'Value': True})
        self.table = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [self.vpc]}])['RouteTables'][0]['RouteTableId']
        self.subnets = [ec2.create_subnet(VpcId=self.vpc, CidrBlock=f'10.0.{10 + i}.0/24', AvailabilityZone=f'us-east-1{"ab"[i]}')['Subnet']['SubnetId']
                        for i in range(2)]
        self.functions = ec2.create_security_group(GroupName='functions', Description='f', VpcId=self.vpc)['GroupId']
        self.endpoints = ec2.create_security_group(GroupName='endpoints', Description='e', VpcId=self.vpc)['GroupId']
        self.role = self.iam.create_role(RoleName='app', AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
        self.allow(*NEEDED)

    def allow(self, *actions):
        self.iam.put_role_policy(RoleName='app', PolicyName=actions[0].replace(':', '-').replace('*', 'all'), PolicyDocument=json.dumps(
            {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': list(actions), 'Resource': '*'}]}))

    def function(self, name, timeout=20, subnets=None, **more):
        self.lambda_.create_function(FunctionName=name, Role=self.role, Runtime='python3.11', Handler='index.handler', Code={'ZipFile': package()}, Timeout=timeout,
                                     MemorySize=256, VpcConfig={'SubnetIds': subnets or self.subnets[:1], 'SecurityGroupIds': [self.functions]}, **more)
        wait_for(lambda: self.lambda_.get_function_configuration(FunctionName=name)['State'] == 'Active', f'{name} is active')

    def invoke(self, name, **event):
        return json.loads(self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event))['Payload'].read())

    def endpoint(self, service, **more):
        """An interface endpoint that lets the functions in."""
        made = self.ec2.create_vpc_endpoint(VpcId=self.vpc, VpcEndpointType='Interface', ServiceName=f'com.amazonaws.us-east-1.{service}', SubnetIds=self.subnets[:1],
                                            SecurityGroupIds=[self.endpoints], PrivateDnsEnabled=True, **more)['VpcEndpoint']['VpcEndpointId']
        wait_for(lambda: self.ec2.describe_vpc_endpoints(VpcEndpointIds=[made])['VpcEndpoints'][0]['State'] == 'available', 'the endpoint is available')
        return made

    def let_in(self):
        self.ec2.authorize_security_group_ingress(GroupId=self.endpoints, IpPermissions=[
            {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'UserIdGroupPairs': [{'GroupId': self.functions}]}])

    def why(self, of=None, **query):
        """The entries of `haar why`."""
        path = '&'.join(['why?'] + [f'{k}={v}' for k, v in {**query, **({'of': of} if of else {})}.items()])
        return self.haar.call('GET', path)['entries']
