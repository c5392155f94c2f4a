"""Topics, subscriptions and deliveries with boto3."""

import base64
import http.server
import json
import os
import re
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.support.daemon import wait_for

HAAR_OPTIONS = ['--network=off']
ACCOUNT = '000000000000'


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error']['Message']


@pytest.fixture(scope='module')
def sns(client):
    return client('sns')


@pytest.fixture(scope='module')
def sqs(client):
    return client('sqs')


@pytest.fixture
def topic(sns, request):
    arn = sns.create_topic(Name=request.node.name.replace('[', '-').replace(']', ''))['TopicArn']
    yield arn
    sns.delete_topic(TopicArn=arn)


@pytest.fixture
def queue(sqs, request, topic):
    made = []

    def make(name, allow=True):
        url = sqs.create_queue(QueueName=name)['QueueUrl']
        arn = f'arn:aws:sqs:us-east-1:{ACCOUNT}:{name}'
        if allow:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
                {'Effect': 'Allow', 'Principal': {'Service': 'sns.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': arn,
                 'Condition': {'ArnEquals': {'aws:SourceArn': topic}}}]})})
        made.append(url)
        return url, arn

    yield make
    for url in made:
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def server():
    """An endpoint on the loopback: what it got is in .got; .status is what it answers."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers['Content-Length']))
            self.server.got.append((dict(self.headers), body.decode()))
            self.send_response(self.server.status)
            self.send_header('Content-Length', '0')
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.got, server.status = [], 200
    server.url = f'http://127.0.0.1:{server.server_port}/hook'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def take(sqs, url):
    message = wait_for(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=['All']).get('Messages'), 'a message')[0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message['ReceiptHandle'])
    return message


def verify(haar, document):
    """As AWS's page says."""
    names = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] if document['Type'] == 'Notification' else \
        ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
    text = ''.join(f'{name}\n{document[name]}\n' for name in names if name in document)
    assert re.fullmatch(r'https://sns\.us-east-1\.amazonaws\.com/SimpleNotificationService-[0-9a-f]+\.pem', document['SigningCertURL'])
    pem = urllib.request.urlopen(document['SigningCertURL'].replace('https://sns.us-east-1.amazonaws.com', haar.url)).read()
    with open(os.path.join(haar.directory.name, 'sns.pem'), 'wb') as file:
        file.write(pem)
    subprocess.run(['openssl', 'verify', '-CAfile', haar.ca, file.name], check=True, capture_output=True)
    digest = hashes.SHA1() if document['SignatureVersion'] == '1' else hashes.SHA256()
    key = x509.load_pem_x509_certificate(pem).public_key()
    key.verify(base64.b64decode(document['Signature']), text.encode(), padding.PKCS1v15(), digest)


def test_topic(sns, topic):
    assert topic == f'arn:aws:sns:us-east-1:{ACCOUNT}:test_topic'
    assert sns.create_topic(Name='test_topic')['TopicArn'] == topic
    assert refused('InvalidParameter', sns.create_topic, Name='test_topic', Attributes={'DisplayName': 'x'}) == \
        'Invalid parameter: Attributes Reason: Topic already exists with different attributes'
    assert refused('InvalidParameter', sns.create_topic, Name='a b') == 'Invalid parameter: Topic Name'
    assert topic in [t['TopicArn'] for t in sns.list_topics()['Topics']]
    sns.set_topic_attributes(TopicArn=topic, AttributeName='DisplayName', AttributeValue='Shown')
    shown = sns.get_topic_attributes(TopicArn=topic)['Attributes']
    assert (shown['DisplayName'], shown['Owner'], shown['SubscriptionsConfirmed']) == ('Shown', ACCOUNT, '0')
    assert '__default_policy_ID' in shown['Policy'] and 'numRetries' in shown['EffectiveDeliveryPolicy']
    sns.tag_resource(ResourceArn=topic, Tags=[{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}])
    sns.untag_resource(ResourceArn=topic, TagKeys=['a'])
    assert sns.list_tags_for_resource(ResourceArn=topic)['Tags'] == [{'Key': 'b', 'Value': '2'}]
    assert refused('NotFound', sns.get_topic_attributes, TopicArn=topic + 'x') == 'Topic does not exist'
    assert refused('InvalidParameter', sns.publish, TopicArn=topic, Message='') == 'Invalid parameter: Empty message'
    assert refused('InvalidParameter', sns.publish, TopicArn=topic, Message='x' * 262145) == 'Invalid parameter: Message too long'
    assert 'No default entry' in refused('InvalidParameter', sns.publish, TopicArn=topic, Message='{}', MessageStructure='json')


def test_queue(sns, sqs, haar, topic, queue):
    url, arn = queue('plain')
    subscription = sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)['SubscriptionArn']
    assert subscription.startswith(topic + ':')
    assert sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)['SubscriptionArn'] == subscription
    sent = sns.publish(TopicArn=topic, Message='hällo', Subject='it', MessageAttributes={'a': {'DataType': 'String', 'StringValue': 'b'}})
    document = json.loads(take(sqs, url)['Body'])
    assert (document['Type'], document['MessageId'], document['Message'], document['Subject'], document['TopicArn']) == \
        ('Notification', sent['MessageId'], 'hällo', 'it', topic)
    assert document['MessageAttributes'] == {'a': {'Type': 'String', 'Value': 'b'}}
    verify(haar, document)
    sns.set_topic_attributes(TopicArn=topic, AttributeName='SignatureVersion', AttributeValue='2')
    sns.publish(TopicArn=topic, Message=json.dumps({'default': 'd', 'sqs': 'for queues'}), MessageStructure='json')
    document = json.loads(take(sqs, url)['Body'])
    assert (document['Message'], document['SignatureVersion']) == ('for queues', '2')
    verify(haar, document)
    sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName='RawMessageDelivery', AttributeValue='true')
    sns.publish(TopicArn=topic, Message='raw', MessageAttributes={'n': {'DataType': 'Number', 'StringValue': '1'}})
    message = take(sqs, url)
    assert message['Body'] == 'raw' and message['MessageAttributes'] == {'n': {'DataType': 'Number', 'StringValue': '1'}}
    assert sns.get_subscription_attributes(SubscriptionArn=subscription)['Attributes']['RawMessageDelivery'] == 'true'
    assert [s['SubscriptionArn'] for s in sns.list_subscriptions_by_topic(TopicArn=topic)['Subscriptions']] == [subscription]
    assert subscription in [s['SubscriptionArn'] for s in sns.list_subscriptions()['Subscriptions']]
    sns.unsubscribe(SubscriptionArn=subscription)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)['Subscriptions'] == []
    assert refused('NotFound', sns.get_subscription_attributes, SubscriptionArn=subscription) == 'Subscription does not exist'


def test_a_queue_that_does_not_allow_it(sns, sqs, topic, queue):
    url, arn = queue('closed', allow=False)
    dead_url, dead = queue('dead')
    sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn, Attributes={'RedrivePolicy': json.dumps({'deadLetterTargetArn': dead})})
    sent = sns.publish(TopicArn=topic, Message='nobody lets me in')
    assert json.loads(take(sqs, dead_url)['Body'])['MessageId'] == sent['MessageId']
    assert 'Messages' not in sqs.receive_message(QueueUrl=url)


def test_filters(sns, sqs, topic, queue):
    urls = {}
    for name, policy, scope in (('red', {'colour': ['red']}, 'MessageAttributes'), ('big', {'order': {'size': [{'numeric': ['>', 10]}]}}, 'MessageBody')):
        urls[name], arn = queue(name)
        sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn, Attributes={
            'FilterPolicyScope': scope, 'FilterPolicy': json.dumps(policy), 'RawMessageDelivery': 'true'})
    send = lambda body, colour: sns.publish(TopicArn=topic, Message=json.dumps(body), MessageAttributes={'colour': {'DataType': 'String', 'StringValue': colour}})
    send({'order': {'size': 5}}, 'red')
    send({'order': {'size': 50}}, 'blue')
    assert json.loads(take(sqs, urls['red'])['Body']) == {'order': {'size': 5}}
    assert json.loads(take(sqs, urls['big'])['Body']) == {'order': {'size': 50}}
    assert all('Messages' not in sqs.receive_message(QueueUrl=url) for url in urls.values())
    assert 'Unrecognized match type' in refused('InvalidParameter', sns.subscribe, TopicArn=topic, Protocol='email', Endpoint='a@b',
                                                Attributes={'FilterPolicy': '{"a": [{"like": "x"}]}'})


def test_batch(sns, sqs, topic, queue):
    url, arn = queue('batch')
    sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn, Attributes={'RawMessageDelivery': 'true'})
    out = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{'Id': 'a', 'Message': '1'}, {'Id': 'b', 'Message': ' ', 'Subject': 'x\ny'}])
    assert [e['Id'] for e in out['Successful']] == ['a'] and [(e['Id'], e['Code']) for e in out['Failed']] == [('b', 'InvalidParameter')]
    assert take(sqs, url)['Body'] == '1'
    refused('TooManyEntriesInBatchRequest', sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=[{'Id': str(i), 'Message': 'x'} for i in range(11)])


def test_http(sns, haar, topic, server):
    answer = sns.subscribe(TopicArn=topic, Protocol='http', Endpoint=server.url)
    assert answer['SubscriptionArn'] == 'pending confirmation'
    assert sns.list_subscriptions_by_topic(TopicArn=topic)['Subscriptions'][0]['SubscriptionArn'] == 'PendingConfirmation'
    wait_for(lambda: server.got, 'the handshake')
    headers, body = server.got.pop()
    document = json.loads(body)
    assert headers['x-amz-sns-message-type'] == document['Type'] == 'SubscriptionConfirmation'
    assert headers['Content-Type'] == 'text/plain; charset=UTF-8' and headers['x-amz-sns-topic-arn'] == topic
    verify(haar, document)
    assert refused('InvalidParameter', sns.confirm_subscription, TopicArn=topic, Token='x') == 'Invalid parameter: Token'
    sns.publish(TopicArn=topic, Message='too early')
    confirmed = urllib.request.urlopen(document['SubscribeURL']).read().decode()
    subscription = re.search(r'<SubscriptionArn>(.*)</SubscriptionArn>', confirmed)[1]
    sns.publish(TopicArn=topic, Message='now')
    wait_for(lambda: server.got, 'the message')
    headers, body = server.got.pop()
    document = json.loads(body)
    assert document['Message'] == 'now' and headers['x-amz-sns-subscription-arn'] == subscription
    verify(haar, document)
    urllib.request.urlopen(document['UnsubscribeURL'])
    assert sns.list_subscriptions_by_topic(TopicArn=topic)['Subscriptions'] == []


def test_http_retries_on_the_clock(new_haar, server):
    haar = new_haar('--network=off')
    sns, sqs = haar.client('sns'), haar.client('sqs')
    topic = sns.create_topic(Name='t')['TopicArn']
    url = sqs.create_queue(QueueName='dead', Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'sns.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': '*'}]})})['QueueUrl']
    sns.subscribe(TopicArn=topic, Protocol='http', Endpoint=server.url, Attributes={
        'RedrivePolicy': json.dumps({'deadLetterTargetArn': f'arn:aws:sqs:us-east-1:{ACCOUNT}:dead'}),
        'DeliveryPolicy': json.dumps({'healthyRetryPolicy': {'numRetries': 2, 'minDelayTarget': 600, 'maxDelayTarget': 600}})})
    wait_for(lambda: server.got, 'the handshake')
    token = json.loads(server.got.pop()[1])['Token']
    sns.confirm_subscription(TopicArn=topic, Token=token)
    server.status = 503
    sns.publish(TopicArn=topic, Message='again and again')
    wait_for(lambda: len(server.got) == 1, 'the first attempt')
    # haar may note an attempt's failure a moment after it was made: the retry is due 10 minutes after that
    wait_for(lambda: haar.call('POST', 'clock', {'advance': '11m'}) and len(server.got) == 3, 'two retries')
    assert json.loads(take(sqs, url)['Body'])['Message'] == 'again and again'
    assert len(server.got) == 3


def test_deliveries_survive_a_kill(new_haar):
    haar = new_haar('--network=off')
    sns, sqs = haar.client('sns'), haar.client('sqs')
    topic = sns.create_topic(Name='t')['TopicArn']
    url = sqs.create_queue(QueueName='q', Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'sns.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': '*'}]})})['QueueUrl']
    sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=f'arn:aws:sqs:us-east-1:{ACCOUNT}:q', Attributes={'RawMessageDelivery': 'true'})
    for i in range(50):
        sns.publish(TopicArn=topic, Message=str(i))
    haar.kill()
    haar.start()
    sqs = haar.client('sqs')
    got = set()

    def all_there():
        got.update(m['Body'] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get('Messages', []))
        return len(got) == 50
    wait_for(all_there, 'all that were acknowledged')


def mails(haar, to):
    return [m for m in map(json.loads, haar.run('mail', '--json').stdout.splitlines()) if m['to'] == to]


def test_mail(sns, haar, topic):
    sns.set_topic_attributes(TopicArn=topic, AttributeName='DisplayName', AttributeValue='Payments')
    sns.subscribe(TopicArn=topic, Protocol='email', Endpoint='ops@example.com')
    mail, = wait_for(lambda: mails(haar, 'ops@example.com'), 'the confirmation')
    assert mail['subject'] == 'AWS Notification - Subscription Confirmation' and mail['from'] == 'Payments <no-reply@sns.amazonaws.com>'
    listed = haar.run('mail').stdout
    link = re.search(r"confirm: curl '(.*)'", listed)[1]
    assert link in haar.run('mail', 'read', str(mail['number'])).stdout
    out = subprocess.run(['curl', '-sf', link], capture_output=True, text=True, timeout=30, check=True).stdout
    assert '<SubscriptionArn>' + topic in out
    sns.publish(TopicArn=topic, Subject='Alarm', Message='Zwölf')
    wait_for(lambda: len(mails(haar, 'ops@example.com')) == 2, 'the letter')
    letter = mails(haar, 'ops@example.com')[1]
    assert letter['subject'] == 'Alarm' and letter['body'].startswith('Zwölf\n')
    with open(letter['file'], encoding='utf-8', newline='') as file:
        text = file.read()
    assert 'To: ops@example.com\r\n' in text and 'Subject: Alarm\r\n' in text and '\r\n\r\nZwölf\r\n' in text
    subprocess.run(['curl', '-sf', letter['link']], capture_output=True, timeout=30, check=True)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)['Subscriptions'] == []
    assert haar.run('mail', 'read', '999').returncode == 1
    assert haar.run('mail', 'write').returncode == 2


def test_mail_json_and_sms(sns, haar, topic):
    sns.subscribe(TopicArn=topic, Protocol='email-json', Endpoint='json@example.com')
    mail, = wait_for(lambda: mails(haar, 'json@example.com'), 'the confirmation')
    verify(haar, json.loads(mail['body']))
    sns.subscribe(TopicArn=topic, Protocol='sms', Endpoint='+15550100')
    sns.publish(TopicArn=topic, Message='short')
    sms, = wait_for(lambda: mails(haar, '+15550100'), 'the SMS')
    assert (sms['kind'], sms['body']) == ('sms', 'short')
    assert 'haar sends no SMS' in refused('InvalidParameter', sns.publish, PhoneNumber='+15550100', Message='x')
    assert 'haar does not deliver to firehose' in refused('InvalidParameter', sns.subscribe, TopicArn=topic, Protocol='firehose', Endpoint='arn:aws:x')


def test_encrypted(sns, sqs, client, haar, topic, queue):
    kms = client('kms')
    key = kms.create_key()['KeyMetadata']['Arn']
    sns.set_topic_attributes(TopicArn=topic, AttributeName='KmsMasterKeyId', AttributeValue=key)
    url, arn = queue('enc')
    sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn, Attributes={'RawMessageDelivery': 'true'})
    sns.publish(TopicArn=topic, Message='with the key')
    assert take(sqs, url)['Body'] == 'with the key'
    kms.disable_key(KeyId=key)
    assert 'is disabled' in refused('KMSDisabled', sns.publish, TopicArn=topic, Message='x')
    kms.enable_key(KeyId=key)
    iam = client('iam')
    iam.create_user(UserName='publisher')
    iam.put_user_policy(UserName='publisher', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'sns:Publish', 'Resource': topic}]}))
    pair = iam.create_access_key(UserName='publisher')['AccessKey']
    poor = haar.client('sns', aws_access_key_id=pair['AccessKeyId'], aws_secret_access_key=pair['SecretAccessKey'])
    assert 'kms:GenerateDataKey' in refused('KMSAccessDenied', poor.publish, TopicArn=topic, Message='x')
    assert 'is not authorized to perform: sns:Subscribe' in refused('AuthorizationError', poor.subscribe, TopicArn=topic, Protocol='email', Endpoint='a@b.c')


def test_policy_lets_another_account_publish(sns, haar, topic):
    other = haar.client('sns', aws_access_key_id='111111111111')
    refused('AuthorizationError', other.publish, TopicArn=topic, Message='x')
    sns.set_topic_attributes(TopicArn=topic, AttributeName='Policy', AttributeValue=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': '111111111111'}, 'Action': 'sns:Publish', 'Resource': topic}]}))
    other.publish(TopicArn=topic, Message='x')


def test_fifo(sns, sqs):
    topic = sns.create_topic(Name='t.fifo', Attributes={'FifoTopic': 'true', 'ContentBasedDeduplication': 'true'})['TopicArn']
    url = sqs.create_queue(QueueName='t.fifo', Attributes={'FifoQueue': 'true', 'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'sns.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': '*'}]})})['QueueUrl']
    sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=f'arn:aws:sqs:us-east-1:{ACCOUNT}:t.fifo', Attributes={'RawMessageDelivery': 'true'})
    refused('InvalidParameter', sns.publish, TopicArn=topic, Message='x')
    first = sns.publish(TopicArn=topic, Message='0', MessageGroupId='g')
    assert sns.publish(TopicArn=topic, Message='0', MessageGroupId='g')['MessageId'] == first['MessageId']
    for i in range(1, 8):
        sns.publish(TopicArn=topic, Message=str(i), MessageGroupId='g')
    got = [m['Body'] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)['Messages']]
    assert got == [str(i) for i in range(8)]
    assert 'only be subscribed to by SQS queues' in refused('InvalidParameter', sns.subscribe, TopicArn=topic, Protocol='email', Endpoint='a@b.c')


def test_stack(sns, sqs, client):
    template = '''
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: stacked
      DisplayName: one
      Subscription: [{Protocol: email, Endpoint: stack@example.com}]
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Queue.Arn, RawMessageDelivery: true, FilterPolicy: {a: [x]}}
  Policy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: cloudwatch.amazonaws.com}, Action: sns:Publish, Resource: !Ref Topic}]
Outputs:
  Topic: {Value: !Ref Topic}
  Name: {Value: !GetAtt Topic.TopicName}
  Subscription: {Value: !Ref Subscription}
'''
    cloud = client('cloudformation')
    cloud.create_stack(StackName='s', TemplateBody=template)
    cloud.get_waiter('stack_create_complete').wait(StackName='s', WaiterConfig={'Delay': 1})
    out = {o['OutputKey']: o['OutputValue'] for o in cloud.describe_stacks(StackName='s')['Stacks'][0]['Outputs']}
    assert out['Topic'] == f'arn:aws:sns:us-east-1:{ACCOUNT}:stacked' and out['Name'] == 'stacked'
    shown = sns.get_subscription_attributes(SubscriptionArn=out['Subscription'])['Attributes']
    assert json.loads(shown['FilterPolicy']) == {'a': ['x']} and shown['RawMessageDelivery'] == 'true'
    topic = sns.get_topic_attributes(TopicArn=out['Topic'])['Attributes']
    assert topic['DisplayName'] == 'one' and 'cloudwatch' in topic['Policy'] and topic['SubscriptionsPending'] == '1'
    cloud.update_stack(StackName='s', TemplateBody=template.replace('one', 'two').replace('{a: [x]}', '{a: [y]}'))
    cloud.get_waiter('stack_update_complete').wait(StackName='s', WaiterConfig={'Delay': 1})
    assert json.loads(sns.get_subscription_attributes(SubscriptionArn=out['Subscription'])['Attributes']['FilterPolicy']) == {'a': ['y']}
    assert sns.get_topic_attributes(TopicArn=out['Topic'])['Attributes']['DisplayName'] == 'two'
    cloud.delete_stack(StackName='s')
    cloud.get_waiter('stack_delete_complete').wait(StackName='s', WaiterConfig={'Delay': 1})
    refused('NotFound', sns.get_topic_attributes, TopicArn=out['Topic'])
