"""What the services measure of themselves, from what really happened; alarms on it, in a stack; the message that a topic gets."""

import json
import time
import urllib.error
import urllib.request

import pytest

from tests.support.daemon import wait_for

ACCOUNT = '000000000000'
TEMPLATE = '''
Parameters:
  Threshold: {Type: Number, Default: 0}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: pay
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code:
        ZipFile: |
          def handler(event, context):
              if event.get('fail'):
                  raise ValueError('no')
              return {'statusCode': 200, 'body': 'paid'}
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Function}}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Function, Name: live, FunctionVersion: !GetAtt Version.Version}}
  Queue: {Type: AWS::SQS::Queue}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: sns.amazonaws.com}, Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn}]}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {Subscription: [{Protocol: sqs, Endpoint: !GetAtt Queue.Arn}]}
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: pay-errors
      AlarmDescription: the function fails
      Namespace: AWS/Lambda
      MetricName: Errors
      Dimensions: [{Name: FunctionName, Value: !Ref Function}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: !Ref Threshold
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
      Tags: [{Key: team, Value: pay}]
  Any:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties: {AlarmRule: !Sub 'ALARM("${Errors}")'}
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties: {DashboardName: pay, DashboardBody: '{"widgets": []}'}
Outputs:
  Alarm: {Value: !Ref Errors}
  Arn: {Value: !GetAtt Errors.Arn}
  Any: {Value: !Ref Any}
  Queue: {Value: !Ref Queue}
'''


@pytest.fixture(scope='module')
def stack(client, network):
    formation = client('cloudformation')
    formation.create_stack(StackName='watch', TemplateBody=TEMPLATE, Capabilities=['CAPABILITY_IAM'])

    def ended():
        found = formation.describe_stacks(StackName='watch')['Stacks'][0]
        return None if found['StackStatus'].endswith('PROGRESS') else found
    found = wait_for(ended, 'the stack is up')
    assert found['StackStatus'] == 'CREATE_COMPLETE', formation.describe_stack_events(StackName='watch')['StackEvents']
    return {o['OutputKey']: o['OutputValue'] for o in found['Outputs']}


def total(client, namespace, metric, statistic='Sum', **dimensions):
    got = client('cloudwatch').get_metric_data(
        StartTime=int(time.time()) - 3600, EndTime=int(time.time()) + 3600,
        MetricDataQueries=[{'Id': 'm', 'MetricStat': {'Period': 60, 'Stat': statistic, 'Metric': {
            'Namespace': namespace, 'MetricName': metric, 'Dimensions': [{'Name': k, 'Value': v} for k, v in dimensions.items()]}}}])
    values = got['MetricDataResults'][0]['Values']
    return sum(values) if statistic == 'Sum' else max(values, default=None)


def test_function(client, stack):
    functions = client('lambda')
    for event in ({}, {'fail': True}, {}):
        functions.invoke(FunctionName='pay', Payload=json.dumps(event))
    functions.invoke(FunctionName='pay', Qualifier='live', Payload='{}')
    assert total(client, 'AWS/Lambda', 'Invocations', FunctionName='pay') == 4
    assert total(client, 'AWS/Lambda', 'Errors', FunctionName='pay') == 1
    assert total(client, 'AWS/Lambda', 'Invocations', FunctionName='pay', Resource='pay:live') == 1
    assert total(client, 'AWS/Lambda', 'Invocations', FunctionName='pay', Resource='pay:live', ExecutedVersion='1') == 1
    assert 0 < total(client, 'AWS/Lambda', 'Duration', 'Maximum', FunctionName='pay') < 60000
    assert total(client, 'AWS/Lambda', 'ConcurrentExecutions', 'Maximum', FunctionName='pay') == 1
    functions.put_function_concurrency(FunctionName='pay', ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName='pay', Payload='{}')
    functions.delete_function_concurrency(FunctionName='pay')
    assert total(client, 'AWS/Lambda', 'Throttles', FunctionName='pay') >= 1
    assert total(client, 'AWS/Lambda', 'Invocations', FunctionName='pay') == 4


def test_alarm_of_the_stack(haar, client, stack):
    cloudwatch, queue = client('cloudwatch'), client('sqs')
    assert (stack['Alarm'], stack['Arn']) == ('pay-errors', f'arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:pay-errors')
    client('lambda').invoke(FunctionName='pay', Payload=json.dumps({'fail': True}))
    haar.call('POST', 'clock', {'advance': '1m'})
    wait_for(lambda: cloudwatch.describe_alarms(AlarmNames=['pay-errors'])['MetricAlarms'][0]['StateValue'] == 'ALARM', 'the alarm')
    [message] = wait_for(lambda: queue.receive_message(QueueUrl=stack['Queue'], WaitTimeSeconds=2).get('Messages'), 'a message')
    envelope = json.loads(message['Body'])
    assert envelope['Subject'] == 'ALARM: "pay-errors" in US East (N. Virginia)'
    told = json.loads(envelope['Message'])
    assert list(told) == ['AlarmName', 'AlarmDescription', 'AWSAccountId', 'AlarmConfigurationUpdatedTimestamp', 'NewStateValue', 'NewStateReason', 'StateChangeTime',
                          'Region', 'AlarmArn', 'OldStateValue', 'OKActions', 'AlarmActions', 'InsufficientDataActions', 'Trigger']
    assert (told['AlarmName'], told['AlarmDescription'], told['AWSAccountId'], told['NewStateValue']) == ('pay-errors', 'the function fails', ACCOUNT, 'ALARM')
    assert '"Threshold":0.0,' in envelope['Message']
    assert told['NewStateReason'].startswith('Threshold Crossed: 1 out of the last 1 datapoints [')
    assert told['Trigger'] == {
        'MetricName': 'Errors', 'Namespace': 'AWS/Lambda', 'StatisticType': 'Statistic', 'Statistic': 'SUM', 'Unit': None,
        'Dimensions': [{'value': 'pay', 'name': 'FunctionName'}], 'Period': 60, 'EvaluationPeriods': 1, 'ComparisonOperator': 'GreaterThanThreshold',
        'Threshold': 0.0, 'TreatMissingData': 'notBreaching', 'EvaluateLowSampleCountPercentile': ''}
    history = wait_for(lambda: cloudwatch.describe_alarm_history(AlarmName='pay-errors', HistoryItemType='Action')['AlarmHistoryItems'], 'the action is told')
    assert history[0]['HistorySummary'].startswith('Successfully executed action arn:aws:sns:')
    assert cloudwatch.describe_alarms(AlarmNames=[stack['Any']], AlarmTypes=['CompositeAlarm'])['CompositeAlarms'][0]['StateValue'] == 'ALARM'
    shown = haar.run('alarms').stdout
    assert 'pay-errors' in shown and 'ALARM' in shown and 'Threshold Crossed' in shown


def test_stack_changes_its_alarm(client, stack):
    formation, cloudwatch = client('cloudformation'), client('cloudwatch')
    before = cloudwatch.describe_alarms(AlarmNames=['pay-errors'])['MetricAlarms'][0]
    formation.update_stack(StackName='watch', UsePreviousTemplate=True, Parameters=[{'ParameterKey': 'Threshold', 'ParameterValue': '5'}],
                           Capabilities=['CAPABILITY_IAM'])
    wait_for(lambda: formation.describe_stacks(StackName='watch')['Stacks'][0]['StackStatus'] == 'UPDATE_COMPLETE', 'the update')
    after = cloudwatch.describe_alarms(AlarmNames=['pay-errors'])['MetricAlarms'][0]
    assert (before['Threshold'], after['Threshold'], after['AlarmArn']) == (0, 5, before['AlarmArn'])
    assert {'Key': 'team', 'Value': 'pay'} in cloudwatch.list_tags_for_resource(ResourceARN=after['AlarmArn'])['Tags']
    assert cloudwatch.get_dashboard(DashboardName='pay')['DashboardBody'] == '{"widgets": []}'
    assert [d['DashboardName'] for d in cloudwatch.list_dashboards()['DashboardEntries']] == ['pay']
    with pytest.raises(cloudwatch.exceptions.DashboardInvalidInputError) as caught:
        cloudwatch.put_dashboard(DashboardName='bad', DashboardBody='{')
    assert caught.value.response['Error']['Message']
    formation.delete_stack(StackName='watch')
    wait_for(lambda: not cloudwatch.describe_alarms()['MetricAlarms'], 'the alarms are gone')
    assert cloudwatch.list_dashboards()['DashboardEntries'] == []


def test_api(haar, client):
    gateway = client('apigateway')
    api = gateway.create_rest_api(name='shop')['id']
    root = gateway.get_resources(restApiId=api)['items'][0]['id']
    gateway.put_method(restApiId=api, resourceId=root, httpMethod='GET', authorizationType='NONE')
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod='GET', type='MOCK', requestTemplates={'application/json': '{"statusCode": 200}'})
    gateway.put_integration_response(restApiId=api, resourceId=root, httpMethod='GET', statusCode='200')
    gateway.create_stage(restApiId=api, stageName='live', deploymentId=gateway.create_deployment(restApiId=api)['id'])
    for path, status in (('/', 200), ('/', 200), ('/nosuch', 403)):
        try:
            answered = urllib.request.urlopen(f'{haar.url}/restapis/{api}/live/_user_request_{path}').status
        except urllib.error.HTTPError as error:
            answered = error.code
        assert answered == status
    assert total(client, 'AWS/ApiGateway', 'Count', ApiName='shop') == 3
    assert total(client, 'AWS/ApiGateway', '4XXError', ApiName='shop', Stage='live') == 1
    assert total(client, 'AWS/ApiGateway', '5XXError', ApiName='shop') == 0
    assert total(client, 'AWS/ApiGateway', 'Latency', 'Maximum', ApiName='shop') > 0


def test_table(client):
    table, cloudwatch = client('dynamodb'), client('cloudwatch')
    table.create_table(TableName='sessions', AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                       KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}], BillingMode='PAY_PER_REQUEST')
    for i in range(3):
        table.put_item(TableName='sessions', Item={'id': {'S': str(i)}})
    table.get_item(TableName='sessions', Key={'id': {'S': '1'}}, ConsistentRead=True)
    table.scan(TableName='sessions')
    with pytest.raises(table.exceptions.ConditionalCheckFailedException):
        table.put_item(TableName='sessions', Item={'id': {'S': '1'}}, ConditionExpression='attribute_not_exists(id)')
    with pytest.raises(table.exceptions.ClientError):
        table.put_item(TableName='sessions', Item={'wrong': {'S': '1'}})
    assert total(client, 'AWS/DynamoDB', 'ConsumedWriteCapacityUnits', TableName='sessions') == 3
    assert total(client, 'AWS/DynamoDB', 'ConsumedReadCapacityUnits', TableName='sessions') == 1.5
    assert total(client, 'AWS/DynamoDB', 'SuccessfulRequestLatency', 'SampleCount', TableName='sessions', Operation='PutItem') == 3
    assert total(client, 'AWS/DynamoDB', 'SuccessfulRequestLatency', 'Maximum', TableName='sessions', Operation='PutItem') > 0
    assert total(client, 'AWS/DynamoDB', 'ReturnedItemCount', TableName='sessions', Operation='Scan') == 3
    assert total(client, 'AWS/DynamoDB', 'ConditionalCheckFailedRequests', TableName='sessions') == 1
    assert total(client, 'AWS/DynamoDB', 'UserErrors') == 1
    assert {m['MetricName'] for m in cloudwatch.list_metrics(Namespace='AWS/DynamoDB')['Metrics']} >= {'UserErrors', 'ConsumedReadCapacityUnits'}
