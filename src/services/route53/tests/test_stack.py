"""Zones, record sets and health checks as CloudFormation makes, changes and deletes them."""

import json

from tests.support.daemon import wait_for
from tests.support.dns import ask

HAAR_OPTIONS = ('--network', 'off', '--dns-port', '0')


def template(blue=100, green=0, extra=True, path='/health'):
    def weighted(colour, address, weight):
        return {'Type': 'AWS::Route53::RecordSet', 'Properties': {
            'HostedZoneId': {'Ref': 'Zone'}, 'Name': 'pay.example.com', 'Type': 'A', 'TTL': '30', 'ResourceRecords': [address],
            'SetIdentifier': colour, 'Weight': weight, 'HealthCheckId': {'Ref': 'Check'}}}

    resources = {
        'Zone': {'Type': 'AWS::Route53::HostedZone', 'Properties': {
            'Name': 'example.com', 'HostedZoneConfig': {'Comment': 'stack'}, 'HostedZoneTags': [{'Key': 'team', 'Value': 'pay'}]}},
        'Check': {'Type': 'AWS::Route53::HealthCheck', 'Properties': {'HealthCheckConfig': {
            'Type': 'HTTPS', 'FullyQualifiedDomainName': 'localhost', 'Port': 1, 'ResourcePath': path, 'RequestInterval': 30, 'FailureThreshold': 3}}},
        'Blue': weighted('blue', '192.0.2.1', blue), 'Green': weighted('green', '192.0.2.2', green),
        'Group': {'Type': 'AWS::Route53::RecordSetGroup', 'DependsOn': 'Zone', 'Properties': {'HostedZoneName': 'example.com.', 'RecordSets': [
            {'Name': 'a.example.com', 'Type': 'A', 'TTL': 60, 'ResourceRecords': ['192.0.2.7']},
            *([{'Name': 'b.example.com', 'Type': 'TXT', 'TTL': 60, 'ResourceRecords': ['"hello"']}] if extra else [])]}},
        'Alias': {'Type': 'AWS::Route53::RecordSet', 'DependsOn': ['Blue', 'Green'], 'Properties': {
            'HostedZoneId': {'Ref': 'Zone'}, 'Name': 'example.com', 'Type': 'A', 'AliasTarget': {'HostedZoneId': {'Ref': 'Zone'}, 'DNSName': 'pay.example.com'}}},
    }
    outputs = {'Servers': {'Value': {'Fn::Join': [',', {'Fn::GetAtt': ['Zone', 'NameServers']}]}}, 'Name': {'Value': {'Ref': 'Blue'}},
               'Zone': {'Value': {'Ref': 'Zone'}}, 'Check': {'Value': {'Fn::GetAtt': ['Check', 'HealthCheckId']}}}
    return json.dumps({'Resources': resources, 'Outputs': outputs})


def test_stack(haar, client):
    formation, route53 = client('cloudformation'), client('route53')

    def settled():
        stacks = formation.describe_stacks(StackName=stack)['Stacks']
        return None if stacks[0]['StackStatus'].endswith('IN_PROGRESS') else stacks[0]

    stack = formation.create_stack(StackName='dns', TemplateBody=template())['StackId']
    made = wait_for(settled, 'the stack is there')
    events = formation.describe_stack_events(StackName=stack)['StackEvents']
    assert made['StackStatus'] == 'CREATE_COMPLETE', [e.get('ResourceStatusReason') for e in events]
    outputs = {o['OutputKey']: o['OutputValue'] for o in made['Outputs']}
    server = haar.call('GET', 'status')['dns']
    assert outputs['Name'] == 'pay.example.com' and len(outputs['Servers'].split(',')) == 4
    assert {ask(server, 'example.com').values[0] for _ in range(50)} == {'192.0.2.1'}
    assert ask(server, 'b.example.com', 'TXT').values == [('hello',)]
    assert route53.list_tags_for_resource(ResourceType='hostedzone', ResourceId=outputs['Zone'])['ResourceTagSet']['Tags'] == [{'Key': 'team', 'Value': 'pay'}]
    formation.update_stack(StackName=stack, TemplateBody=template(0, 100, extra=False, path='/new'))
    assert wait_for(settled, 'the update is done')['StackStatus'] == 'UPDATE_COMPLETE'
    assert {ask(server, 'example.com').values[0] for _ in range(50)} == {'192.0.2.2'}
    assert ask(server, 'b.example.com', 'TXT').code == 'NXDOMAIN' and ask(server, 'a.example.com').values == ['192.0.2.7']
    assert route53.get_health_check(HealthCheckId=outputs['Check'])['HealthCheck']['HealthCheckConfig']['ResourcePath'] == '/new'
    formation.delete_stack(StackName=stack)
    assert wait_for(settled, 'the stack is gone')['StackStatus'] == 'DELETE_COMPLETE'
    assert route53.list_hosted_zones()['HostedZones'] == [] and route53.list_health_checks()['HealthChecks'] == []
