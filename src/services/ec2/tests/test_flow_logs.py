"""Flow logs: what really passed and what was dropped, to CloudWatch Logs and S3, on the movable clock."""

import gzip
import json
import re

import pytest

from tests.network.place import Place
from tests.support.daemon import wait_for
from tests.support.refusals import fails

TRUST = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'vpc-flow-logs.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
FIELDS = ['interface-id', 'srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol', 'packets', 'bytes', 'start', 'end', 'action', 'log-status', 'version', 'account-id', 'vpc-id',
          'subnet-id', 'instance-id', 'tcp-flags', 'type', 'pkt-srcaddr', 'pkt-dstaddr', 'region', 'az-id', 'sublocation-type', 'sublocation-id', 'pkt-src-aws-service',
          'pkt-dst-aws-service', 'flow-direction', 'traffic-path']


@pytest.fixture(scope='module')
def place(haar):
    if 'network off' in haar.log:
        pytest.skip(f'namespaces are forbidden here: {haar.log}')
    place = Place(haar)
    place.allow('dynamodb:*', 'secretsmanager:*')
    place.function('pay')
    place.logs = haar.client('logs')
    place.flow_role = place.iam.create_role(RoleName='flow', AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
    place.iam.put_role_policy(RoleName='flow', PolicyName='logs', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'logs:*', 'Resource': '*'}]}))
    place.log = place.ec2.create_flow_logs(ResourceIds=[place.vpc], ResourceType='VPC', TrafficType='ALL', LogGroupName='flows', DeliverLogsPermissionArn=place.flow_role,
                                           MaxAggregationInterval=60, LogFormat=' '.join(f'${{{f}}}' for f in FIELDS))['FlowLogIds'][0]
    place.eni = place.ec2.describe_network_interfaces(Filters=[{'Name': 'interface-type', 'Values': ['lambda']}])['NetworkInterfaces'][0]
    return place


def records(place, group='flows', **wanted):
    """What the group has, as dictionaries that have these values."""
    try:
        events = [e for page in place.logs.get_paginator('filter_log_events').paginate(logGroupName=group) for e in page['events']]
    except place.logs.exceptions.ResourceNotFoundException:
        return []
    found = [dict(zip(FIELDS, e['message'].split(' ')), stream=e['logStreamName']) for e in events]
    return [r for r in found if all(r[k.replace('_', '-')] == v for k, v in wanted.items())]


def after_a_minute(place, **wanted):
    place.haar.run('clock', 'advance', '61s')
    return wait_for(lambda: records(place, **wanted), f'a record with {wanted}')


def test_an_accepted_connection(place):
    place.ec2.create_vpc_endpoint(VpcId=place.vpc, ServiceName='com.amazonaws.us-east-1.dynamodb', RouteTableIds=[place.table])
    assert place.invoke('pay', service='dynamodb', operation='list_tables') == {'ok': 200}
    eni, address = place.eni['NetworkInterfaceId'], place.eni['PrivateIpAddress']
    out = after_a_minute(place, interface_id=eni, action='ACCEPT', flow_direction='egress', pkt_dst_aws_service='DYNAMODB')[0]
    assert (out['srcaddr'], out['dstport'], out['protocol'], out['log-status'], out['version']) == (address, '443', '6', 'OK', '5')
    assert (out['vpc-id'], out['subnet-id'], out['az-id'], out['region'], out['type']) == (place.vpc, place.subnets[0], 'use1-az1', 'us-east-1', 'IPv4')
    assert (out['instance-id'], out['sublocation-type'], out['traffic-path'], out['stream']) == ('-', '-', '7', f'{eni}-all')
    assert int(out['packets']) >= 5 and int(out['bytes']) > 500 and int(out['tcp-flags']) & 2
    assert int(out['start']) <= int(out['end'])
    back = [r for r in records(place, interface_id=eni, action='ACCEPT', flow_direction='ingress') if r['srcport'] == '443' and r['dstport'] == out['srcport']][0]
    assert (back['srcaddr'], back['dstaddr'], back['pkt-src-aws-service'], back['traffic-path']) == (out['dstaddr'], address, 'DYNAMODB', '-')
    assert int(back['tcp-flags']) & 18 == 18


def test_no_packet_is_told_twice(place):
    before = sum(int(r['packets']) for r in records(place, pkt_dst_aws_service='DYNAMODB'))
    after_a_minute(place, interface_id=place.eni['NetworkInterfaceId'], log_status='NODATA')
    assert sum(int(r['packets']) for r in records(place, pkt_dst_aws_service='DYNAMODB')) == before
    assert records(place, log_status='NODATA')[0]['srcaddr'] == '-'


def test_a_group_rejects_at_the_receiver(place):
    place.in_b = place.ec2.create_vpc_endpoint(VpcId=place.vpc, VpcEndpointType='Interface', ServiceName='com.amazonaws.us-east-1.secretsmanager', SubnetIds=place.subnets[1:],
                                               SecurityGroupIds=[place.endpoints], PrivateDnsEnabled=True)['VpcEndpoint']
    assert place.invoke('pay', service='secretsmanager', operation='list_secrets') == 'ConnectTimeoutError'
    target = place.in_b['NetworkInterfaceIds'][0]
    rejected = after_a_minute(place, interface_id=target, action='REJECT')[0]
    assert (rejected['flow-direction'], rejected['dstport'], rejected['srcaddr'], rejected['tcp-flags']) == ('ingress', '443', place.eni['PrivateIpAddress'], '2')
    sent = [r for r in records(place, interface_id=place.eni['NetworkInterfaceId'], flow_direction='egress') if r['dstaddr'] == rejected['dstaddr']]
    assert {r['action'] for r in sent} == {'ACCEPT'}
    assert not [r for r in records(place, interface_id=target) if r['action'] == 'ACCEPT']


def test_an_acl_that_stops_the_reply_shows_both(place):
    place.let_in()
    acl = place.ec2.create_network_acl(VpcId=place.vpc)['NetworkAcl']['NetworkAclId']
    place.ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False, Protocol='-1', RuleAction='allow', CidrBlock='0.0.0.0/0')
    old = [a for n in place.ec2.describe_network_acls()['NetworkAcls'] for a in n['Associations'] if a['SubnetId'] == place.subnets[1]][0]
    new = place.ec2.replace_network_acl_association(AssociationId=old['NetworkAclAssociationId'], NetworkAclId=acl)['NewAssociationId']
    assert place.invoke('pay', service='secretsmanager', operation='list_secrets') == 'ConnectTimeoutError'
    target = place.in_b['NetworkInterfaceIds'][0]
    reply = after_a_minute(place, interface_id=target, action='REJECT', flow_direction='egress')[0]
    assert reply['srcport'] == '443' and reply['tcp-flags'] == '18'
    request = [r for r in records(place, interface_id=target, action='ACCEPT', flow_direction='ingress') if r['srcport'] == reply['dstport']]
    assert len(request) == 1
    assert not [r for r in records(place, interface_id=target, action='ACCEPT', flow_direction='egress') if r['dstport'] == reply['dstport']]
    place.ec2.replace_network_acl_association(AssociationId=new, NetworkAclId=old['NetworkAclId'])


def test_to_a_bucket_in_the_default_format(place):
    s3 = place.haar.client('s3')
    s3.create_bucket(Bucket='flows')
    made = place.ec2.create_flow_logs(ResourceIds=[place.eni['NetworkInterfaceId']], ResourceType='NetworkInterface', TrafficType='ACCEPT', LogDestinationType='s3',
                                      LogDestination='arn:aws:s3:::flows/vpc')['FlowLogIds'][0]
    shown = place.ec2.describe_flow_logs(FlowLogIds=[made])['FlowLogs'][0]
    assert (shown['MaxAggregationInterval'], shown['LogDestinationType'], shown['DestinationOptions']['FileFormat']) == (600, 's3', 'plain-text')
    assert place.invoke('pay', service='dynamodb', operation='list_tables') == {'ok': 200}
    place.haar.run('clock', 'advance', '11m')
    keys = wait_for(lambda: [o['Key'] for o in s3.list_objects_v2(Bucket='flows').get('Contents', [])], 'an object')
    assert re.fullmatch(rf'vpc/AWSLogs/000000000000/vpcflowlogs/us-east-1/\d{{4}}/\d\d/\d\d/000000000000_vpcflowlogs_us-east-1_{made}_\d{{8}}T\d{{4}}Z_[0-9a-f]{{8}}\.log\.gz', keys[0])
    lines = gzip.decompress(s3.get_object(Bucket='flows', Key=keys[0])['Body'].read()).decode().splitlines()
    assert lines[0] == 'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'
    assert re.fullmatch(rf"2 000000000000 {place.eni['NetworkInterfaceId']} {re.escape(place.eni['PrivateIpAddress'])} \S+ \d+ 443 6 \d+ \d+ \d+ \d+ ACCEPT OK",
                        [line for line in lines if ' 443 6 ' in line][0])
    place.ec2.delete_flow_logs(FlowLogIds=[made])


def test_what_the_role_may_not_do_is_said(place):
    place.iam.create_role(RoleName='weak', AssumeRolePolicyDocument=json.dumps(TRUST))
    made = place.ec2.create_flow_logs(ResourceIds=[place.subnets[0]], ResourceType='Subnet', TrafficType='REJECT', LogGroupName='never',
                                      DeliverLogsPermissionArn='arn:aws:iam::000000000000:role/weak', MaxAggregationInterval=60)['FlowLogIds'][0]
    place.haar.run('clock', 'advance', '61s')
    failed = wait_for(lambda: [f for f in place.ec2.describe_flow_logs(Filters=[{'Name': 'deliver-log-status', 'Values': ['FAILED']}])['FlowLogs']], 'the failure is told')
    assert [(f['FlowLogId'], f['DeliverLogsErrorMessage']) for f in failed] == [(made, 'Access error')]
    place.ec2.delete_flow_logs(FlowLogIds=[made])


def test_errors(place):
    ec2, common = place.ec2, {'ResourceIds': [place.vpc], 'ResourceType': 'VPC', 'TrafficType': 'ALL'}
    role = {'LogGroupName': 'flows', 'DeliverLogsPermissionArn': place.flow_role}
    same = dict(common, **role, MaxAggregationInterval=60, LogFormat=' '.join(f'${{{f}}}' for f in FIELDS))
    assert fails('FlowLogAlreadyExists', ec2.create_flow_logs, **same) == 'Error. There is an existing Flow Log with the same configuration and log destination.'
    assert fails('InvalidParameter', ec2.create_flow_logs, **common, **role, LogFormat='${version} ${colour}') == 'Unknown fields provided: ${colour}'
    assert fails('InvalidParameter', ec2.create_flow_logs, **common, **role, MaxAggregationInterval=120) == 'Invalid Flow Log Max Aggregation Interval'
    assert fails('InvalidParameter', ec2.create_flow_logs, **common, LogGroupName='x') == "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs."
    assert 'does not exist' in fails('InvalidParameter', ec2.create_flow_logs, **common, LogDestinationType='s3', LogDestination='arn:aws:s3:::no-such-bucket')
    assert 'cannot be assumed by vpc-flow-logs.amazonaws.com' in fails('InvalidParameter', ec2.create_flow_logs, **common, LogGroupName='x', DeliverLogsPermissionArn=place.role)
    gone = ec2.create_flow_logs(ResourceIds=['vpc-0123456789abcdef0'], ResourceType='VPC', TrafficType='ALL', **role)['Unsuccessful'][0]
    assert (gone['ResourceId'], gone['Error']['Code']) == ('vpc-0123456789abcdef0', 'InvalidVpcID.NotFound')
    assert ec2.delete_flow_logs(FlowLogIds=['fl-0123456789abcdef0'])['Unsuccessful'][0]['Error']['Code'] == 'InvalidFlowLogId.NotFound'


def test_they_go_on_after_kill_9(place):
    place.haar.kill()
    place.haar.start()
    wait_for(lambda: place.lambda_.get_function_configuration(FunctionName='pay')['State'] == 'Active', 'the function is active')
    before = len(records(place, pkt_dst_aws_service='DYNAMODB'))
    assert place.invoke('pay', service='dynamodb', operation='list_tables', timeout=5) == {'ok': 200}
    place.haar.run('clock', 'advance', '61s')
    wait_for(lambda: len(records(place, pkt_dst_aws_service='DYNAMODB')) > before, 'records go on')
    place.ec2.delete_flow_logs(FlowLogIds=[place.log])
    assert place.ec2.describe_flow_logs()['FlowLogs'] == []


def test_it_ends_with_what_it_looks_at(place):
    vpc = place.ec2.create_vpc(CidrBlock='10.77.0.0/16')['Vpc']['VpcId']
    place.haar.client('s3').create_bucket(Bucket='short')
    made = place.ec2.create_flow_logs(ResourceIds=[vpc], ResourceType='VPC', TrafficType='ALL', LogDestinationType='s3', LogDestination='arn:aws:s3:::short',
                                      MaxAggregationInterval=60)['FlowLogIds'][0]
    place.ec2.delete_vpc(VpcId=vpc)
    place.haar.run('clock', 'advance', '61s')
    wait_for(lambda: not [f for f in place.ec2.describe_flow_logs()['FlowLogs'] if f['FlowLogId'] == made], 'the flow log is gone')
