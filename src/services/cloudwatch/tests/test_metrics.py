"""Measurements: what is put, listed, and read back in every form; math; protocols; kill -9."""

import datetime
import json
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

MINUTE = datetime.timedelta(minutes=1)


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error'].get('Message', '')


@pytest.fixture
def cloudwatch(client):
    return client('cloudwatch')


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)


def put(cloudwatch, namespace, **datum):
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{'MetricName': 'm', **datum}])


def points(cloudwatch, namespace, statistics, period=60, dimensions=(), name='m', back=10, ahead=1):
    plain = [s for s in statistics if s in ('Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount')]
    extended = [s for s in statistics if s not in plain]
    more = {'Statistics': plain} if plain else {}
    if extended:
        more['ExtendedStatistics'] = extended
    got = cloudwatch.get_metric_statistics(Namespace=namespace, MetricName=name, Dimensions=list(dimensions), StartTime=now() - back * MINUTE,
                                           EndTime=now() + ahead * MINUTE, Period=period, **more)
    return [{**{s: p[s] for s in plain}, **p.get('ExtendedStatistics', {}), 'Unit': p['Unit'], 'at': p['Timestamp']}
            for p in sorted(got['Datapoints'], key=lambda p: p['Timestamp'])]


def test_all_forms(cloudwatch):
    at = now() - 5 * MINUTE
    put(cloudwatch, 'Forms', Timestamp=at, Value=1, Unit='Count')
    put(cloudwatch, 'Forms', Timestamp=at + datetime.timedelta(seconds=30), Value=3, Unit='Count')
    put(cloudwatch, 'Forms', Timestamp=at, Values=[5, 7], Counts=[2, 1], Unit='Count')
    put(cloudwatch, 'Forms', Timestamp=at, StatisticValues={'SampleCount': 4, 'Sum': 40, 'Minimum': 10, 'Maximum': 10}, Unit='Count')
    [got] = points(cloudwatch, 'Forms', ['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount', 'p50', 'p99', 'tm90', 'PR(3:7)'])
    assert got == {'Sum': 61, 'SampleCount': 9, 'Average': 61 / 9, 'Minimum': 1, 'Maximum': 10, 'p50': 7, 'p99': 10, 'Unit': 'Count', 'at': at,
                   'tm90': pytest.approx((61 - 9) / 8.1), 'PR(3:7)': pytest.approx(100 * 3 / 9)}
    put(cloudwatch, 'Forms', Timestamp=at, StatisticValues={'SampleCount': 2, 'Sum': 3, 'Minimum': 1, 'Maximum': 2}, Unit='Count')
    [got] = points(cloudwatch, 'Forms', ['Sum', 'p50'])
    assert got['Sum'] == 64 and 'p50' not in got  # a statistic set does not tell its values


def test_units_and_dimensions_are_apart(cloudwatch):
    one, two = {'Name': 'Host', 'Value': 'one'}, {'Name': 'Zone', 'Value': 'z'}
    put(cloudwatch, 'Apart', Value=1, Unit='Bytes')
    put(cloudwatch, 'Apart', Value=2)
    put(cloudwatch, 'Apart', Value=4, Dimensions=[one])
    put(cloudwatch, 'Apart', Value=8, Dimensions=[one, two])
    put(cloudwatch, 'Apart', Value=16, Dimensions=[two, one])  # the order says nothing
    assert sorted((p['Sum'], p['Unit']) for p in points(cloudwatch, 'Apart', ['Sum'])) == [(1, 'Bytes'), (2, 'None')]
    assert [p['Sum'] for p in points(cloudwatch, 'Apart', ['Sum'], dimensions=[one])] == [4]
    assert [p['Sum'] for p in points(cloudwatch, 'Apart', ['Sum'], dimensions=[two, one])] == [24]
    listed = cloudwatch.list_metrics(Namespace='Apart')['Metrics']
    assert sorted(len(m['Dimensions']) for m in listed) == [0, 1, 2]
    assert len(cloudwatch.list_metrics(Namespace='Apart', Dimensions=[{'Name': 'Host'}])['Metrics']) == 2
    assert len(cloudwatch.list_metrics(Namespace='Apart', Dimensions=[{'Name': 'Zone', 'Value': 'y'}])['Metrics']) == 0


def test_list_metrics_in_pages(cloudwatch):
    for batch in range(2):
        cloudwatch.put_metric_data(Namespace='Pages', MetricData=[{'MetricName': f'm{batch}-{i}', 'Value': 1} for i in range(300)])
    pages = list(cloudwatch.get_paginator('list_metrics').paginate(Namespace='Pages'))
    assert [len(p['Metrics']) for p in pages] == [500, 100]
    assert len({m['MetricName'] for p in pages for m in p['Metrics']}) == 600
    assert refused('InvalidNextToken', cloudwatch.list_metrics, NextToken='what')


def test_periods(cloudwatch):
    begin = now() - 8 * MINUTE
    for i in range(6):
        put(cloudwatch, 'Periods', Timestamp=begin + i * MINUTE, Value=i)
    got = cloudwatch.get_metric_statistics(Namespace='Periods', MetricName='m', StartTime=begin, EndTime=begin + 6 * MINUTE, Period=120, Statistics=['Sum'])
    assert sorted((p['Timestamp'], p['Sum']) for p in got['Datapoints']) == [(begin, 1), (begin + 2 * MINUTE, 5), (begin + 4 * MINUTE, 9)]
    assert got['Label'] == 'm'


def test_high_resolution(cloudwatch):
    begin = now() - MINUTE
    for second in range(20):
        put(cloudwatch, 'High', Timestamp=begin + datetime.timedelta(seconds=second), Value=1, StorageResolution=1)
    assert [p['Sum'] for p in points(cloudwatch, 'High', ['Sum'], period=10)] == [10, 10]
    assert [p['Sum'] for p in points(cloudwatch, 'High', ['Sum'])] == [20]


def query(id_, **more):
    return {'Id': id_, **more}


def stat(id_, namespace, stat_='Sum', period=60, **more):
    return query(id_, MetricStat={'Metric': {'Namespace': namespace, 'MetricName': 'm', **more.pop('metric', {})}, 'Period': period, 'Stat': stat_}, **more)


def test_metric_data_and_math(cloudwatch):
    begin = now() - 8 * MINUTE
    for i in range(4):
        put(cloudwatch, 'MathA', Timestamp=begin + i * MINUTE, Value=i + 1)
    put(cloudwatch, 'MathB', Timestamp=begin, Value=10)
    put(cloudwatch, 'MathB', Timestamp=begin + 2 * MINUTE, Value=30)

    def get(queries, **more):
        got = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=begin, EndTime=begin + 4 * MINUTE, ScanBy='TimestampAscending', **more)
        return {r['Id']: r['Values'] for r in got['MetricDataResults']}
    both = [stat('a', 'MathA', ReturnData=False), stat('b', 'MathB', ReturnData=False)]
    assert get(both + [query('e', Expression='a + FILL(b, 0)')]) == {'e': [11, 2, 33, 4]}
    assert get(both + [query('e', Expression='100 * a / b'), query('f', Expression='e > 10')]) == {'e': [10, 10], 'f': [0, 0]}
    assert get(both + [query('e', Expression='SUM(METRICS())')]) == {'e': [11, 2, 33, 4]}
    assert get([query('s', Expression="SUM(SEARCH('MetricName=\"m\" (Namespace=MathA OR Namespace=MathB)', 'Sum', 60))")]) == {'s': [11, 2, 33, 4]}
    assert get([stat('a', 'MathA', 'p50'), stat('n', 'Nothing')]) == {'a': [1, 2, 3, 4], 'n': []}
    result = cloudwatch.get_metric_data(MetricDataQueries=[stat('a', 'MathA', Label='mine')], StartTime=begin, EndTime=begin + 4 * MINUTE)['MetricDataResults'][0]
    assert (result['Label'], result['StatusCode'], result['Values'], result['Timestamps'][-1]) == ('mine', 'Complete', [4, 3, 2, 1], begin)
    pages = [cloudwatch.get_metric_data(MetricDataQueries=[stat('a', 'MathA')], StartTime=begin, EndTime=begin + 4 * MINUTE, MaxDatapoints=3)]
    pages.append(cloudwatch.get_metric_data(MetricDataQueries=[stat('a', 'MathA')], StartTime=begin, EndTime=begin + 4 * MINUTE, MaxDatapoints=3,
                                            NextToken=pages[0]['NextToken']))
    assert [p['MetricDataResults'][0]['Values'] for p in pages] == [[4, 3, 2], [1]]
    assert 'NextToken' not in pages[1]


def test_bad_queries(cloudwatch):
    def bad(*queries):
        return refused('ValidationError', cloudwatch.get_metric_data, MetricDataQueries=list(queries), StartTime=now() - MINUTE, EndTime=now())
    assert bad(query('e', Expression='x + 1')) == "Error in expression 'e': Undefined variable 'x'"
    assert bad(query('e', Expression='1 +')) == "Query 'e': Error in expression: it ends where something more is expected"
    assert bad(stat('a', 'N'), query('e', Expression='SUM(a)')).startswith("Error in expression 'e': The expression must return a time series")
    assert bad(query('e', Expression='f'), query('f', Expression='e')).endswith("Circular reference of the expression 'e'")
    assert bad(stat('a', 'N'), stat('a', 'M')) == 'The values for parameter Id in MetricDataQueries are not unique.'
    assert bad(stat('a', 'N', 'Middle')) == 'The value Middle for parameter MetricDataQueries.member.1.MetricStat.Stat is not supported.'
    assert 'ANOMALY_DETECTION_BAND' in bad(stat('a', 'N'), query('e', Expression='ANOMALY_DETECTION_BAND(a)'))


def test_bad_data(cloudwatch):
    def bad(code, namespace='Bad', **datum):
        return refused(code, cloudwatch.put_metric_data, Namespace=namespace, MetricData=[{'MetricName': 'm', **datum}])
    assert bad('InvalidParameterValue', 'AWS/Lambda', Value=1) == 'The value AWS/ for parameter Namespace is invalid.'
    assert bad('InvalidParameterCombination', Value=1, StatisticValues={'SampleCount': 1, 'Sum': 1, 'Minimum': 1, 'Maximum': 1}) == \
        'The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive and you have specified both.'
    assert bad('MissingParameter').startswith('At least one of the parameters MetricData.member.1.Value')
    assert bad('InvalidParameterValue', Value=float('nan')) == 'The value NaN for parameter MetricData.member.1.Value is invalid.'
    assert bad('InvalidParameterValue', Value=1, Timestamp=now() - datetime.timedelta(days=15)) == \
        'The parameter MetricData.member.1.Timestamp must specify a time no more than two weeks in the past.'
    assert bad('InvalidParameterValue', Value=1, Timestamp=now() + datetime.timedelta(hours=3)) == \
        'The parameter MetricData.member.1.Timestamp must specify a time no more than two hours in the future.'
    assert bad('InvalidParameterValue', Values=[1, 2], Counts=[1]).endswith('must be of the same size.')
    assert refused('InvalidParameterCombination', cloudwatch.get_metric_statistics, Namespace='Bad', MetricName='m', StartTime=now() - 2000 * MINUTE, EndTime=now(),
                   Period=60, Statistics=['Sum']) == \
        'You have requested up to 2000 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.'
    assert cloudwatch.list_metrics(Namespace='Bad')['Metrics'] == []


def test_json(haar, cloudwatch):
    def call(operation, body):
        request = AWSRequest('POST', haar.url, data=json.dumps(body).encode(), headers={
            'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': f'GraniteServiceVersion20100801.{operation}', 'x-amzn-query-mode': 'true'})
        SigV4Auth(Credentials('test', 'test'), 'monitoring', 'us-east-1').add_auth(request)
        try:
            with urllib.request.urlopen(urllib.request.Request(haar.url, request.data, dict(request.headers))) as answer:
                return answer.status, dict(answer.headers), json.loads(answer.read() or b'{}')
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), json.loads(error.read())
    assert call('PutMetricData', {'Namespace': 'Json', 'MetricData': [{'MetricName': 'm', 'Value': 2.5}]})[0] == 200
    status, headers, body = call('ListMetrics', {'Namespace': 'Json'})
    assert (status, body) == (200, {'Metrics': [{'Namespace': 'Json', 'MetricName': 'm', 'Dimensions': []}]})
    assert headers['Content-Type'] == 'application/x-amz-json-1.0'
    status, headers, body = call('PutMetricData', {'Namespace': 'Json', 'MetricData': [{'MetricName': 'm'}]})
    assert status == 400 and headers['x-amzn-query-error'] == 'MissingParameter;Sender' and body['__type'] == 'MissingRequiredParameterException'


def test_retention(new_haar):
    haar = new_haar()
    cloudwatch = haar.client('cloudwatch')
    begin = now().replace(minute=0) - datetime.timedelta(hours=1)
    for i in range(6):
        put(cloudwatch, 'Old', Timestamp=begin + i * 10 * datetime.timedelta(seconds=1), Value=1, StorageResolution=1)

    def widths(period):
        got = cloudwatch.get_metric_statistics(Namespace='Old', MetricName='m', StartTime=begin, EndTime=begin + datetime.timedelta(hours=1), Period=period,
                                               Statistics=['Sum'])
        return sorted(p['Sum'] for p in got['Datapoints'])
    assert widths(10) == [1] * 6
    haar.call('POST', 'clock', {'advance': '5h'})
    from tests.support.daemon import wait_for
    wait_for(lambda: widths(10) == [6], 'seconds become a minute')
    haar.call('POST', 'clock', {'advance': '460d'})
    wait_for(lambda: widths(3600) == [], 'all of it is gone')


def test_kill(new_haar):
    haar = new_haar()
    put(haar.client('cloudwatch'), 'Kill', Value=1)
    haar.kill()
    haar.start()
    assert [p['Sum'] for p in points(haar.client('cloudwatch'), 'Kill', ['Sum'])] == [1]
