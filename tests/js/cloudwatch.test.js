// CloudWatch in the three protocols that SDKs speak. Skipped where the SDK's client is not installed (make deps).
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { startHaar } from './daemon.js';

const absent = (error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  return {};
};
const { CloudWatchClient, DescribeAlarmsCommand, GetMetricDataCommand, ListMetricsCommand, PutMetricAlarmCommand, PutMetricDataCommand, SetAlarmStateCommand } =
  await import('@aws-sdk/client-cloudwatch').catch(absent);
// The protocols that go with this client, whatever versions the other clients need.
const theirs = CloudWatchClient ? createRequire(import.meta.resolve('@aws-sdk/client-cloudwatch')) : () => ({});
const { AwsQueryProtocol } = theirs('@aws-sdk/core/protocols');
const { SmithyRpcV2CborProtocol } = theirs('@smithy/core/cbor');

let haar;
before(async () => { haar = await startHaar('--network=off'); });
after(() => haar.stop());

const settings = {
  defaultNamespace: 'com.amazonaws.cloudwatch', xmlNamespace: 'http://monitoring.amazonaws.com/doc/2010-08-01/', version: '2010-08-01',
  serviceTarget: 'GraniteServiceVersion20100801',
};
const protocols = {
  json: undefined,
  cbor: SmithyRpcV2CborProtocol,
  query: AwsQueryProtocol,
};

for (const [name, protocol] of Object.entries(protocols)) {
  test(`measurements and alarms over ${name}`, { skip: CloudWatchClient ? false : '@aws-sdk/client-cloudwatch is not installed' }, async () => {
    const client = new CloudWatchClient(protocol ? { protocol, protocolSettings: settings } : {});
    const at = new Date(Math.floor(Date.now() / 60000) * 60000 - 60000);
    await client.send(new PutMetricDataCommand({
      Namespace: name, MetricData: [{ MetricName: 'm', Timestamp: at, Values: [1, 2.5], Counts: [2, 1], Unit: 'Count', Dimensions: [{ Name: 'Host', Value: 'h' }] }],
    }));
    const listed = await client.send(new ListMetricsCommand({ Namespace: name }));
    assert.deepEqual(listed.Metrics, [{ Namespace: name, MetricName: 'm', Dimensions: [{ Name: 'Host', Value: 'h' }] }]);
    const { MetricDataResults: [result] } = await client.send(new GetMetricDataCommand({
      StartTime: new Date(at - 600000), EndTime: new Date(+at + 600000),
      MetricDataQueries: [{ Id: 'm', MetricStat: { Metric: listed.Metrics[0], Period: 60, Stat: 'Sum' } }],
    }));
    assert.deepEqual(result.Values, [4.5]);
    assert.equal(+result.Timestamps[0], +at);
    await client.send(new PutMetricAlarmCommand({
      AlarmName: name, Namespace: name, MetricName: 'm', Statistic: 'Sum', Period: 60, EvaluationPeriods: 1, Threshold: 0.5, ComparisonOperator: 'GreaterThanThreshold',
    }));
    const { MetricAlarms: [alarm] } = await client.send(new DescribeAlarmsCommand({ AlarmNames: [name] }));
    assert.equal(alarm.Threshold, 0.5);
    assert.equal(alarm.StateValue, 'INSUFFICIENT_DATA');
    assert.ok(Math.abs(alarm.AlarmConfigurationUpdatedTimestamp - Date.now()) < 3600000);
    await assert.rejects(client.send(new SetAlarmStateCommand({ AlarmName: 'nosuch', StateValue: 'OK', StateReason: 'r' })), (error) => {
      assert.match(error.name, /^ResourceNotFound/);
      assert.equal(error.message, 'Alarm nosuch does not exist.');
      return true;
    });
  });
}
