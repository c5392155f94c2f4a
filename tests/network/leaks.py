"""Stacks that come and go: a VPC with subnets, groups, endpoints and a function that ran in it. What haar and its warden then have is what they had."""

import json
import os

from tests.support.daemon import wait_for

CODE = 'import socket\n\ndef handler(event, context):\n    return "ran"\n'

TEMPLATE = {
    'Resources': {
        'Vpc': {'Type': 'AWS::EC2::VPC', 'Properties': {'CidrBlock': '10.0.0.0/16', 'EnableDnsHostnames': True}},
        'Gateway': {'Type': 'AWS::EC2::InternetGateway'},
        'Attached': {'Type': 'AWS::EC2::VPCGatewayAttachment', 'Properties': {'VpcId': {'Ref': 'Vpc'}, 'InternetGatewayId': {'Ref': 'Gateway'}}},
        'Subnet': {'Type': 'AWS::EC2::Subnet', 'Properties': {'VpcId': {'Ref': 'Vpc'}, 'CidrBlock': '10.0.1.0/24'}},
        'Table': {'Type': 'AWS::EC2::RouteTable', 'Properties': {'VpcId': {'Ref': 'Vpc'}}},
        'Group': {'Type': 'AWS::EC2::SecurityGroup', 'Properties': {'GroupDescription': 'all', 'VpcId': {'Ref': 'Vpc'}}},
        'S3': {'Type': 'AWS::EC2::VPCEndpoint', 'Properties': {'VpcId': {'Ref': 'Vpc'}, 'ServiceName': 'com.amazonaws.us-east-1.s3', 'RouteTableIds': [{'Ref': 'Table'}]}},
        'Secrets': {'Type': 'AWS::EC2::VPCEndpoint', 'Properties': {
            'VpcId': {'Ref': 'Vpc'}, 'ServiceName': 'com.amazonaws.us-east-1.secretsmanager', 'VpcEndpointType': 'Interface',
            'SubnetIds': [{'Ref': 'Subnet'}], 'SecurityGroupIds': [{'Ref': 'Group'}]}},
        'Role': {'Type': 'AWS::IAM::Role', 'Properties': {
            'AssumeRolePolicyDocument': {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]},
            'ManagedPolicyArns': ['arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole']}},
        'Function': {'Type': 'AWS::Lambda::Function', 'Properties': {
            'Handler': 'index.handler', 'Runtime': 'python3.11', 'Code': {'ZipFile': CODE}, 'Role': {'Fn::GetAtt': ['Role', 'Arn']},
            'VpcConfig': {'SubnetIds': [{'Ref': 'Subnet'}], 'SecurityGroupIds': [{'Ref': 'Group'}]}}},
    },
    'Outputs': {'Function': {'Value': {'Ref': 'Function'}}},
}


def children(pid):
    found = []
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as file:
            found += [int(child) for child in file.read().split()]
    return found


def all_of(pid):
    return [pid] + [one for child in children(pid) for one in all_of(child)]


class Use:
    """What a daemon and all below it have now. Memory is what is theirs alone: pages of the store's file are the kernel's cache, and go when it wants."""

    def __init__(self, haar):
        pids = all_of(haar.process.pid)
        namespaces, self.descriptors, self.memory = set(), 0, 0
        for pid in pids:
            namespaces.add(os.readlink(f'/proc/{pid}/ns/net'))
            for fd in os.listdir(f'/proc/{pid}/fd'):
                try:
                    target = os.readlink(f'/proc/{pid}/fd/{fd}')
                except OSError:
                    continue
                self.descriptors += 1
                if target.startswith('net:['):
                    namespaces.add(target)
            with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
                self.memory += next(int(line.split()[1]) for line in file if line.startswith('Pss_Anon:')) / 1024
        self.processes, self.namespaces = len(pids), len(namespaces)

    def counts(self):
        return self.processes, self.namespaces, self.descriptors


def come_and_go(haar, name):
    stacks, functions = haar.client('cloudformation'), haar.client('lambda')
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE), Capabilities=['CAPABILITY_IAM'])
    stacks.get_waiter('stack_create_complete').wait(StackName=name, WaiterConfig={'Delay': 1, 'MaxAttempts': 120})
    function = stacks.describe_stacks(StackName=name)['Stacks'][0]['Outputs'][0]['OutputValue']
    answer = functions.invoke(FunctionName=function)['Payload'].read()
    assert answer == b'"ran"', answer
    stacks.delete_stack(StackName=name)
    stacks.get_waiter('stack_delete_complete').wait(StackName=name, WaiterConfig={'Delay': 1, 'MaxAttempts': 120})


def assert_nothing_leaks(haar, stacks, warm=3, memory_mib=None):
    for i in range(warm):
        come_and_go(haar, f'warm-{i}')
    before = settled(haar, None)
    for i in range(stacks):
        come_and_go(haar, f'stack-{i}')
    after = settled(haar, before)
    assert after.counts() == before.counts(), 'processes, network namespaces, descriptors'
    if memory_mib:
        assert after.memory < before.memory + memory_mib, f'{before.memory:.1f} MiB became {after.memory:.1f} MiB'
    return before, after


def settled(haar, like):
    """Use, when what was deleted is gone; connections of clients end by themselves."""
    last = [None]

    def same():
        now = Use(haar)
        before, last[0] = last[0], now
        return now if (now.counts() == like.counts() if like else before and now.counts() == before.counts()) else None

    try:
        return wait_for(same, 'what was deleted is gone', 30)
    except AssertionError:
        return last[0]
