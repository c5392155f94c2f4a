"""Alarms: what they watch, when they change, what they then do; time is moved."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError

from tests.support.daemon import wait_for

ACCOUNT = '000000000000'
HAAR_OPTIONS = ['--network=off']


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error'].get('Message', '')


@pytest.fixture
def cloudwatch(client):
    return client('cloudwatch')


def advance(haar, how):
    return haar.call('POST', 'clock', {'advance': how})


def arn(name):
    return f'arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}'


def measure(cloudwatch, metric, value, **more):
    cloudwatch.put_metric_data(Namespace='Shop', MetricData=[{'MetricName': metric, 'Value': value, **more}])


def put_alarm(cloudwatch, name, metric=None, **more):
    settings = {'Namespace': 'Shop', 'MetricName': metric or name, 'Statistic': 'Sum', 'Period': 60, 'EvaluationPeriods': 1, 'Threshold': 1,
                'ComparisonOperator': 'GreaterThanThreshold', **more}
    cloudwatch.put_metric_alarm(AlarmName=name, **{k: v for k, v in settings.items() if v is not None})


def alarm(cloudwatch, name):
    got = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=['MetricAlarm', 'CompositeAlarm'])
    return (got['MetricAlarms'] + got['CompositeAlarms'])[0]


def becomes(cloudwatch, name, state):
    return wait_for(lambda: alarm(cloudwatch, name) if alarm(cloudwatch, name)['StateValue'] == state else None, f'{name} is {state}')


def history(cloudwatch, name, kind=None):
    more = {'HistoryItemType': kind} if kind else {}
    return cloudwatch.describe_alarm_history(AlarmName=name, ScanBy='TimestampAscending', **more)['AlarmHistoryItems']


def test_alarm_and_back(haar, cloudwatch):
    put_alarm(cloudwatch, 'errors', AlarmDescription='too many', Tags=[{'Key': 'team', 'Value': 'pay'}])
    new = alarm(cloudwatch, 'errors')
    assert (new['StateValue'], new['StateReason'], new['AlarmArn']) == ('INSUFFICIENT_DATA', 'Unchecked: Initial alarm creation', arn('errors'))
    measure(cloudwatch, 'errors', 5)
    advance(haar, '1m')
    got = becomes(cloudwatch, 'errors', 'ALARM')
    at = json.loads(got['StateReasonData'])['evaluatedDatapoints'][0]
    stamp = datetime.datetime.strptime(at['timestamp'], '%Y-%m-%dT%H:%M:%S.000+0000').strftime('%d/%m/%y %H:%M:%S')
    assert got['StateReason'] == (f'Threshold Crossed: 1 out of the last 1 datapoints [5.0 ({stamp})] was greater than the threshold (1.0) '
                                  '(minimum 1 datapoint for OK -> ALARM transition).')
    assert (at['value'], at['sampleCount']) == (5, 1)
    measure(cloudwatch, 'errors', 0)
    advance(haar, '1m')
    assert becomes(cloudwatch, 'errors', 'OK')['StateReason'].endswith(
        'was not greater than the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).')
    advance(haar, '10m')
    assert becomes(cloudwatch, 'errors', 'INSUFFICIENT_DATA')['StateReason'] == 'Insufficient Data: 1 datapoint was unknown.'
    assert [(h['HistoryItemType'], h['HistorySummary']) for h in history(cloudwatch, 'errors')] == [
        ('ConfigurationUpdate', 'Alarm "errors" created'), ('StateUpdate', 'Alarm updated from INSUFFICIENT_DATA to ALARM'),
        ('StateUpdate', 'Alarm updated from ALARM to OK'), ('StateUpdate', 'Alarm updated from OK to INSUFFICIENT_DATA')]
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn('errors'))['Tags'] == [{'Key': 'team', 'Value': 'pay'}]
    cloudwatch.tag_resource(ResourceARN=arn('errors'), Tags=[{'Key': 'a', 'Value': '1'}])
    cloudwatch.untag_resource(ResourceARN=arn('errors'), TagKeys=['team'])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn('errors'))['Tags'] == [{'Key': 'a', 'Value': '1'}]
    cloudwatch.delete_alarms(AlarmNames=['errors', 'nosuch'])
    assert cloudwatch.describe_alarms(AlarmNames=['errors'])['MetricAlarms'] == []
    refused('ResourceNotFoundException', cloudwatch.list_tags_for_resource, ResourceARN=arn('errors'))


def test_each_minute_of_a_jump(haar, cloudwatch):
    """The clock jumps over an hour in which a metric was bad for three minutes: both changes are there, at their times."""
    put_alarm(cloudwatch, 'jump', EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData='notBreaching')
    now = datetime.datetime.fromisoformat(haar.call('GET', 'clock')['time'].replace('Z', '+00:00')).replace(second=0, microsecond=0)
    for minute in (30, 31, 32):
        measure(cloudwatch, 'jump', 5, Timestamp=now + datetime.timedelta(minutes=minute))
    advance(haar, '1h')
    wait_for(lambda: len(history(cloudwatch, 'jump', 'StateUpdate')) == 3, 'three changes')
    changes = history(cloudwatch, 'jump', 'StateUpdate')
    assert [c['HistorySummary'] for c in changes] == ['Alarm updated from INSUFFICIENT_DATA to OK', 'Alarm updated from OK to ALARM', 'Alarm updated from ALARM to OK']
    assert [(c['Timestamp'] - now) / datetime.timedelta(minutes=1) for c in changes][1:] == [32, 37]  # five periods are looked at where some are missing
    assert alarm(cloudwatch, 'jump')['StateReason'].endswith('2 missing datapoints were treated as [NonBreaching] (minimum 2 datapoints for ALARM -> OK transition).')


def test_missing_data(haar, cloudwatch):
    for how in ('missing', 'ignore', 'breaching', 'notBreaching'):
        put_alarm(cloudwatch, f'gap-{how}', 'gap', TreatMissingData=how)
    advance(haar, '2m')
    assert becomes(cloudwatch, 'gap-breaching', 'ALARM')['StateReason'] == \
        'Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching].'
    becomes(cloudwatch, 'gap-notBreaching', 'OK')
    assert alarm(cloudwatch, 'gap-missing')['StateValue'] == alarm(cloudwatch, 'gap-ignore')['StateValue'] == 'INSUFFICIENT_DATA'


def test_math_and_percentiles(haar, cloudwatch):
    def metric(id_, name):
        return {'Id': id_, 'ReturnData': False, 'MetricStat': {'Metric': {'Namespace': 'Shop', 'MetricName': name}, 'Period': 60, 'Stat': 'Sum'}}
    put_alarm(cloudwatch, 'rate', Namespace=None, MetricName=None, Statistic=None, Period=None, Threshold=10,
              Metrics=[metric('e', 'failed'), metric('n', 'all'), {'Id': 'r', 'Expression': '100 * e / n', 'Label': 'rate'}])
    put_alarm(cloudwatch, 'slow', Statistic=None, ExtendedStatistic='p90', Threshold=100)
    put_alarm(cloudwatch, 'slow-few', 'slow', Statistic=None, ExtendedStatistic='p90', Threshold=100, EvaluateLowSampleCountPercentile='ignore')
    measure(cloudwatch, 'failed', 2)
    measure(cloudwatch, 'all', 10)
    cloudwatch.put_metric_data(Namespace='Shop', MetricData=[{'MetricName': 'slow', 'Values': [1, 500], 'Counts': [8, 2]}])
    advance(haar, '1m')
    assert 'datapoints [20.0 (' in becomes(cloudwatch, 'rate', 'ALARM')['StateReason']
    assert 'datapoints [500.0 (' in becomes(cloudwatch, 'slow', 'ALARM')['StateReason']
    assert alarm(cloudwatch, 'slow-few')['StateValue'] == 'INSUFFICIENT_DATA'  # 100 samples are needed for p90


def test_high_resolution(haar, cloudwatch):
    put_alarm(cloudwatch, 'fast', Period=10)
    measure(cloudwatch, 'fast', 5, StorageResolution=1)
    advance(haar, '10s')
    becomes(cloudwatch, 'fast', 'ALARM')
    cloudwatch.delete_alarms(AlarmNames=['fast'])


def test_composite(haar, cloudwatch):
    put_alarm(cloudwatch, 'left')
    put_alarm(cloudwatch, 'right')
    cloudwatch.put_composite_alarm(AlarmName='both', AlarmRule=f'ALARM(left) AND ALARM("{arn("right")}")')
    cloudwatch.put_composite_alarm(AlarmName='top', AlarmRule='ALARM(both) OR FALSE')
    assert alarm(cloudwatch, 'both')['StateValue'] == 'OK'
    cloudwatch.set_alarm_state(AlarmName='left', StateValue='ALARM', StateReason='by hand')
    assert alarm(cloudwatch, 'both')['StateValue'] == 'OK'
    cloudwatch.set_alarm_state(AlarmName='right', StateValue='ALARM', StateReason='by hand')
    assert alarm(cloudwatch, 'both')['StateReason'].startswith(f'{arn("right")} transitioned to ALARM at ')
    assert alarm(cloudwatch, 'top')['StateReason'].startswith(f'{arn("both")} transitioned to ALARM at ')
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName='both')
    assert [a['AlarmName'] for a in children['MetricAlarms']] == ['left', 'right']
    assert [a['AlarmName'] for a in cloudwatch.describe_alarms(ParentsOfAlarmName='left')['CompositeAlarms']] == ['both']
    assert refused('ValidationError', cloudwatch.delete_alarms, AlarmNames=['left']) == \
        'Cannot delete left as there are composite alarm(s) depending on it: both'
    assert refused('ValidationError', cloudwatch.put_composite_alarm, AlarmName='x', AlarmRule='ALARM(nosuch)') == \
        'Could not save the composite alarm as alarms [nosuch] in the alarm rule do not exist'
    assert 'cycle' in refused('ValidationError', cloudwatch.put_composite_alarm, AlarmName='both', AlarmRule='ALARM(top)')
    assert refused('ValidationError', cloudwatch.put_composite_alarm, AlarmName='x', AlarmRule='ALARM(left) XOR TRUE') == \
        "AlarmRule is invalid: unexpected 'XOR TRUE' at position 13"
    cloudwatch.set_alarm_state(AlarmName='left', StateValue='OK', StateReason='by hand')
    assert alarm(cloudwatch, 'top')['StateValue'] == 'OK'
    cloudwatch.delete_alarms(AlarmNames=['left', 'right', 'both', 'top'])


def test_function_as_action(haar, cloudwatch):
    """An action on a function that is not there fails, and the history tells; the message is AWS's."""
    action = f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:nosuch'
    put_alarm(cloudwatch, 'acts', AlarmActions=[action], AlarmDescription='d', Dimensions=[{'Name': 'Host', 'Value': 'h'}])
    cloudwatch.set_alarm_state(AlarmName='acts', StateValue='ALARM', StateReason='by hand')
    [item] = wait_for(lambda: history(cloudwatch, 'acts', 'Action'), 'the action is told')
    assert item['HistorySummary'].startswith(f'Failed to execute action {action}. Received error: "')
    data = json.loads(item['HistoryData'])
    event = json.loads(data['publishedMessage'])
    assert (data['actionState'], event['source'], event['alarmArn'], event['alarmData']['state']['value']) == ('Failed', 'aws.cloudwatch', arn('acts'), 'ALARM')
    assert event['alarmData']['previousState']['value'] == 'INSUFFICIENT_DATA'
    assert event['alarmData']['configuration'] == {'description': 'd', 'metrics': [{'id': 'm1', 'returnData': True, 'metricStat': {
        'metric': {'namespace': 'Shop', 'name': 'acts', 'dimensions': {'Host': 'h'}}, 'period': 60, 'stat': 'Sum'}}]}
    cloudwatch.disable_alarm_actions(AlarmNames=['acts'])
    cloudwatch.set_alarm_state(AlarmName='acts', StateValue='OK', StateReason='by hand')
    cloudwatch.set_alarm_state(AlarmName='acts', StateValue='ALARM', StateReason='by hand')
    cloudwatch.enable_alarm_actions(AlarmNames=['acts'])
    cloudwatch.set_alarm_state(AlarmName='acts', StateValue='OK', StateReason='by hand')
    cloudwatch.set_alarm_state(AlarmName='acts', StateValue='ALARM', StateReason='again')
    wait_for(lambda: len(history(cloudwatch, 'acts', 'Action')) == 2, 'one action more')


def test_describe(cloudwatch):
    for i in range(5):
        put_alarm(cloudwatch, f'page-{i}', 'paged', OKActions=[f'arn:aws:sns:us-east-1:{ACCOUNT}:t{i}'])
    pages = [cloudwatch.describe_alarms(AlarmNamePrefix='page-', MaxRecords=3)]
    pages.append(cloudwatch.describe_alarms(AlarmNamePrefix='page-', MaxRecords=3, NextToken=pages[0]['NextToken']))
    assert [[a['AlarmName'] for a in p['MetricAlarms']] for p in pages] == [['page-0', 'page-1', 'page-2'], ['page-3', 'page-4']]
    assert [a['AlarmName'] for a in cloudwatch.describe_alarms(ActionPrefix=f'arn:aws:sns:us-east-1:{ACCOUNT}:t3')['MetricAlarms']] == ['page-3']
    assert len(cloudwatch.describe_alarms_for_metric(Namespace='Shop', MetricName='paged')['MetricAlarms']) == 5
    assert cloudwatch.describe_alarms_for_metric(Namespace='Shop', MetricName='paged', Dimensions=[{'Name': 'a', 'Value': 'b'}])['MetricAlarms'] == []
    refused('ValidationError', cloudwatch.describe_alarms, AlarmNames=['a'], AlarmNamePrefix='b')


def test_bad_alarms(cloudwatch):
    def bad(code='ValidationError', **more):
        return refused(code, lambda **k: put_alarm(cloudwatch, 'bad', **k), **more)
    assert bad(Period=3600, EvaluationPeriods=200) == 'Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800).'
    assert bad(EvaluationPeriods=1441) == 'Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).'
    assert bad(AlarmActions=['what']) == 'Invalid arn syntax: what'
    assert bad(AlarmActions=['arn:aws:automate:us-east-1:ec2:stop']) == 'haar has no alarm actions of EC2: arn:aws:automate:us-east-1:ec2:stop'
    assert bad(TreatMissingData='never') == 'The value never is not supported for TreatMissingData parameter.'
    assert bad(Period=45) == 'Period must be 10, 20, 30 or a multiple of 60'
    assert bad(DatapointsToAlarm=2) == 'DatapointsToAlarm (2) must be less than or equal to EvaluationPeriods (1).'
    assert bad('MissingParameter', Threshold=None) == 'The parameter Threshold is required.'
    assert bad('InvalidParameterCombination', ExtendedStatistic='p9').startswith('The parameters Statistic and ExtendedStatistic are mutually exclusive')
    assert bad(ComparisonOperator='GreaterThanUpperThreshold', ThresholdMetricId='ad').startswith('haar has no anomaly detection')
    assert refused('ResourceNotFound', cloudwatch.set_alarm_state, AlarmName='nosuch', StateValue='OK', StateReason='r') == 'Alarm nosuch does not exist.'
    put_alarm(cloudwatch, 'bad-data')
    refused('InvalidFormat', cloudwatch.set_alarm_state, AlarmName='bad-data', StateValue='OK', StateReason='r', StateReasonData='{')


def test_clock_that_goes_back(new_haar):
    haar = new_haar('--network=off')
    cloudwatch = haar.client('cloudwatch')
    put_alarm(cloudwatch, 'back')
    advance(haar, '1d')
    put_alarm(cloudwatch, 'ahead', 'back')
    haar.call('POST', 'clock', {'reset': True})
    measure(cloudwatch, 'back', 5)
    advance(haar, '1m')
    becomes(cloudwatch, 'back', 'ALARM')
    becomes(cloudwatch, 'ahead', 'ALARM')


def test_kill(new_haar):
    haar = new_haar('--network=off')
    cloudwatch = haar.client('cloudwatch')
    put_alarm(cloudwatch, 'kept', AlarmActions=[f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:nosuch'])
    measure(cloudwatch, 'kept', 5)
    haar.kill()
    haar.start()
    cloudwatch = haar.client('cloudwatch')
    advance(haar, '1m')
    becomes(cloudwatch, 'kept', 'ALARM')
    haar.kill()
    haar.start()
    cloudwatch = haar.client('cloudwatch')
    assert alarm(cloudwatch, 'kept')['StateValue'] == 'ALARM'
    wait_for(lambda: history(cloudwatch, 'kept', 'Action'), 'the action is not lost')
