"""The function, its API, its role, its log."""

import http.client
import json

from tests.support.daemon import wait_for


def config(stack, **qualifier):
    return stack.client('lambda').get_function_configuration(FunctionName=stack.outputs['FunctionName'], **qualifier)


def test_function_is_configured(stack, outputs):
    found = config(stack)
    assert found['State'] == 'Active' and found['Runtime'] == 'provided.al2023' and found['MemorySize'] == 512 and found['Timeout'] == 30
    wanted = {'ENVIRONMENT': 'development', 'SESSION_TABLE': outputs['SessionTableName'], 'LOG_BUCKET': outputs['LogBucketName'],
              'SECRET_ARN': outputs['DatabaseSecretArn'], 'DATABASE_HOST': outputs['DatabaseEndpoint'], 'DATABASE_PORT': '3306',
              'DATABASE_NAME': 'payments'}
    for name, value in wanted.items():
        assert found['Environment']['Variables'].get(name) == value, name
    assert config(stack, Qualifier='live')['Environment']['Variables']['RELEASE'] == '1'


def test_live_alias_is_the_version(stack, outputs):
    """Payments go to a published version, which a change of the function's code does not touch."""
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


def test_api_answers_health(stack, outputs):
    """GET /health tries the database, the table and the bucket, and needs a method and a permission of its own."""
    connection = http.client.HTTPConnection('127.0.0.1', stack.haar.port, timeout=30)
    connection.request('GET', f"/{outputs['ApiStageName']}/health", headers={'Host': f"{outputs['ApiId']}.execute-api.us-east-1.amazonaws.com"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, (answer.status, body)


def test_api_answers_only_what_is_deployed(stack, outputs):
    stage = outputs['ApiStageName']
    assert stack.post({}, path=f'/{stage}/nothing')[0] == 403
    connection = http.client.HTTPConnection('127.0.0.1', stack.haar.port, timeout=30)
    connection.request('GET', f'/{stage}/payment', headers={'Host': f"{outputs['ApiId']}.execute-api.us-east-1.amazonaws.com"})
    assert connection.getresponse().status == 403
    connection.close()


def test_log_tells_each_step(stack, payment, outputs):
    logs, group = stack.client('logs'), f"/aws/lambda/{outputs['FunctionName']}"
    message = wait_for(lambda: [e['message'] for e in logs.filter_log_events(logGroupName=group)['events'] if payment['paymentId'] in e['message']],
                       'the payment is in the log')[0]
    line = json.loads(message[message.index('{'):])
    assert set(line['ms']) == {'session', 'secret', 'ledger', 'log', 'commit', 'complete'}


def test_stack_survives_a_restart(stack):
    """kill -9: everything is there again, and what was booked stays booked."""
    before = stack.pay()
    stack.haar.kill()
    stack.haar.start()
    wait_for(lambda: stack.post({'amount': '1.00', 'currency': 'EUR'}, stack.key())[0] == 200, 'payments are booked again', 60)
    assert stack.ledger(before['paymentId'])['payment']['amount_minor'] == '1234'
