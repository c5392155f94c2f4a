"""The function, its API, its role, its log."""

import http.client
import json

from tests.support.daemon import wait_for


def config(stack, **qualifier):
    return stack.client('lambda').get_function_configuration(FunctionName=stack.outputs['FunctionName'], **qualifier)


def test_function_is_configured(stack, outputs):
    found = config(stack)
    assert found['State'] == 'Active' and found['Runtime'] == 'provided.al2023' and found['MemorySize'] == 512 and found['Timeout'] == 30
    variables = found['Environment']['Variables']
    assert variables['SESSION_TABLE'] == outputs['SessionTableName'] and variables['LOG_BUCKET'] == outputs['LogBucketName']
    assert variables['SECRET_ARN'] == outputs['DatabaseSecretArn'] and variables['DATABASE_HOST'] == outputs['DatabaseEndpoint']


def test_live_alias_is_the_version(stack, outputs):
    alias = stack.client('lambda').get_alias(FunctionName=outputs['FunctionName'], Name='live')
    assert alias['FunctionVersion'] == '1' and config(stack, Qualifier='live')['Version'] == '1'
    body = json.loads(stack.invoke({'amount': '1.00', 'currency': 'EUR'}, qualifier='live')['body'])
    assert body['status'] == 'completed'


def test_api_invokes_with_permission_only(stack, outputs):
    """Without the permission API Gateway answers 500, as on AWS."""
    lambda_, name = stack.client('lambda'), outputs['FunctionName']
    policy = json.loads(lambda_.get_policy(FunctionName=name, Qualifier='live')['Policy'])
    statement = next(s for s in policy['Statement'] if s['Condition']['ArnLike']['AWS:SourceArn'].endswith('/POST/payment'))
    lambda_.remove_permission(FunctionName=name, Qualifier='live', StatementId=statement['Sid'])
    try:
        status, _, body = stack.post({'amount': '1.00', 'currency': 'EUR'})
        assert status == 500 and body == {'message': 'Internal server error'}
    finally:
        lambda_.add_permission(FunctionName=name, Qualifier='live', StatementId=statement['Sid'], Action='lambda:InvokeFunction',
                               Principal='apigateway.amazonaws.com', SourceArn=statement['Condition']['ArnLike']['AWS:SourceArn'])
    assert stack.post({'amount': '1.00', 'currency': 'EUR'})[0] == 200


def test_api_answers_only_what_is_deployed(stack, outputs):
    stage = outputs['ApiStageName']
    assert stack.post({}, path=f'/{stage}/nothing')[0] == 403
    connection = http.client.HTTPConnection('127.0.0.1', stack.haar.port, timeout=30)
    connection.request('GET', f'/{stage}/payment', headers={'Host': f"{outputs['ApiId']}.execute-api.us-east-1.amazonaws.com"})
    assert connection.getresponse().status == 403
    connection.close()


def denied(answer, action, stack):
    role = config(stack)['Role'].split('/')[-1]
    assert answer['error'].startswith('AccessDenied'), answer
    assert f'assumed-role/{role}/' in answer['message'] and f'is not authorized to perform: {action}' in answer['message']
    assert 'because no identity-based policy allows' in answer['message']


def test_role_may_not_read_other_data(stack, probe, outputs):
    answer = probe.probe_call('dynamodb', 'delete_item', TableName=outputs['SessionTableName'], Key={'sessionId': {'S': 'x'}})
    denied(answer, 'dynamodb:DeleteItem', stack)
    answer = probe.probe_call('secretsmanager', 'list_secrets')
    denied(answer, 'secretsmanager:ListSecrets', stack)


def test_role_may_not_write_outside_its_prefix(probe, outputs):
    answer = probe.probe_call('s3', 'put_object', Bucket=outputs['LogBucketName'], Key='elsewhere.json', Body='{}')
    assert answer['error'] == 'AccessDenied'


def test_role_may_do_what_it_must(probe, outputs):
    assert 'ok' in probe.probe_call('secretsmanager', 'get_secret_value', SecretId=outputs['DatabaseSecretArn'])
    assert 'ok' in probe.probe_call('dynamodb', 'get_item', TableName=outputs['SessionTableName'], Key={'sessionId': {'S': 'x'}})


def test_log_is_kept_and_tells_each_step(stack, payment, outputs):
    logs, group = stack.client('logs'), f"/aws/lambda/{outputs['FunctionName']}"
    assert logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'][0]['retentionInDays'] == 30
    message = wait_for(lambda: [e['message'] for e in logs.filter_log_events(logGroupName=group)['events'] if payment['paymentId'] in e['message']],
                       'the payment is in the log')[0]
    line = json.loads(message[message.index('{'):])
    assert set(line['ms']) == {'session', 'secret', 'ledger', 'log', 'commit', 'complete'}


def test_tags_and_exports(stack):
    tags = {t['Key']: t['Value'] for t in stack.client('ec2').describe_vpcs(VpcIds=[stack.id('Vpc')])['Vpcs'][0]['Tags']}
    assert tags['Environment'] == 'development' and tags['aws:cloudformation:stack-name'] == stack.name
    exports = {e['Name']: e['Value'] for e in stack.client('cloudformation').list_exports()['Exports']}
    assert exports[f'{stack.name}-VpcId'] == stack.id('Vpc')


def test_stack_survives_a_restart(stack):
    """kill -9: everything is there again, and what was booked stays booked."""
    before = stack.pay()
    stack.haar.kill()
    stack.haar.start()
    wait_for(lambda: stack.post({'amount': '1.00', 'currency': 'EUR'}, stack.key())[0] == 200, 'payments are booked again', 60)
    assert stack.ledger(before['paymentId'])['payment']['amount_minor'] == '1234'
