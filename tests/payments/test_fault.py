"""Rehearsed failures of the whole stack: what `haar fault` breaks, and that it is whole again."""

from tests.support.daemon import wait_for


def writer(stack):
    cluster = stack.client('rds').describe_db_clusters(DBClusterIdentifier=stack.outputs['DatabaseClusterId'])['DBClusters'][0]
    return next(m['DBInstanceIdentifier'] for m in cluster['DBClusterMembers'] if m['IsClusterWriter'])


def test_a_failover_loses_no_payment(stack, payment):
    """The replica becomes the writer, and back; what was booked is there, and payments go on."""
    first = writer(stack)
    for expected in (lambda: writer(stack) != first, lambda: writer(stack) == first):
        done = stack.haar.run('fault', 'failover', stack.outputs['DatabaseClusterId'])
        assert done.returncode == 0 and done.stdout.endswith('fails over: its replica becomes the writer\n'), done
        wait_for(expected, 'the writer has changed')
        wait_for(lambda: stack.post({'amount': '1.00', 'currency': 'EUR'}, stack.key())[0] == 200, 'payments are booked again', 60)
        assert stack.ledger(payment['paymentId'])['payment']['amount_minor'] == '1234'
    assert stack.haar.run('fault').stdout == 'No fault is on.\n'


def test_a_throttled_service_is_tried_again_or_told(stack):
    """Half of DynamoDB's calls are throttled: a payment is booked, or answered with an error that says so; never half."""
    assert stack.haar.run('fault', 'service', 'dynamodb', '--throttle', '--rate', '50%').returncode == 0
    try:
        answers = [stack.post({'amount': '1.00', 'currency': 'EUR'}, stack.key()) for _ in range(4)]
    finally:
        assert stack.haar.run('fault', 'lift', 'all').returncode == 0
    for status, _, body in answers:
        assert status == 200 and stack.ledger(body['paymentId']) or status >= 500, (status, body)
    assert stack.pay()['status'] == 'completed'
