"""The whole workflow: what a payment leaves behind, and that it is booked once."""

import threading

import pytest

from tests.payments.stack import CARD


def test_payment_is_booked_everywhere(stack, payment, outputs):
    assert payment['status'] == 'completed' and payment['amount'] == '12.34' and payment['currency'] == 'EUR'
    assert payment['card'] == {'brand': 'visa', 'last4': '4242'}
    session = stack.session(payment['key'], 'ada')
    assert session['status'] == 'completed' and session['paymentId'] == payment['paymentId']
    rows = stack.ledger(payment['paymentId'])
    assert rows['payment']['amount_minor'] == '1234' and rows['payment']['currency'] == 'EUR'
    log = stack.log_object(payment)
    assert log['paymentId'] == payment['paymentId'] and log['amountMinor'] == 1234
    assert payment['transactionLog'].startswith(f"s3://{outputs['LogBucketName']}/transactions/")


def test_ledger_balances(stack, payment):
    entries = stack.ledger(payment['paymentId'])['entries']
    assert [(e['direction'], e['account']) for e in entries] == [('debit', 'receivable:card'), ('credit', 'merchant:settlement')]
    assert len({e['amount_minor'] for e in entries}) == 1


def test_same_key_is_booked_once_with_the_same_answer(stack):
    key, body = stack.key(), {'amount': 5, 'currency': 'USD'}
    first, second = stack.post(body, key), stack.post(body, key)
    assert first[0] == second[0] == 200 and first[2] == second[2]
    assert 'idempotent-replayed' not in first[1] and second[1]['idempotent-replayed'] == 'true'


def test_same_key_at_the_same_time_is_booked_once(stack):
    key, answers = stack.key(), []
    threads = [threading.Thread(target=lambda: answers.append(stack.post({'amount': '7.00', 'currency': 'EUR'}, key))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a[0] for a in answers] == [200] * 4
    assert len({a[2]['paymentId'] for a in answers}) == 1


def test_key_of_another_payment_is_refused(stack):
    key = stack.key()
    stack.pay(key, amount='1.00')
    status, _, body = stack.post({'amount': '2.00', 'currency': 'EUR', 'card': CARD}, key)
    assert status == 422 and body['error']['code'] == 'IdempotencyKeyReused'


def test_key_belongs_to_its_user(stack):
    key = stack.key()
    assert stack.pay(key, userId='ada')['paymentId'] != stack.pay(key, userId='bob')['paymentId']


def test_without_a_key_each_request_is_a_payment(stack):
    body = {'amount': '1.00', 'currency': 'EUR'}
    assert stack.post(body)[2]['paymentId'] != stack.post(body)[2]['paymentId']


@pytest.mark.parametrize('change, code', [
    ({'amount': 0}, 'InvalidAmount'), ({'amount': '1.234'}, 'InvalidAmount'), ({'amount': '-1'}, 'InvalidAmount'), ({'amount': None}, 'InvalidAmount'),
    ({'currency': 'XXX'}, 'InvalidCurrency'), ({'currency': 'JPY', 'amount': '1.5'}, 'InvalidAmount'),
    ({'card': {**CARD, 'number': '4242424242424241'}}, 'InvalidCard'), ({'card': {**CARD, 'expiryYear': 2020}}, 'CardExpired'),
])
def test_bad_requests_are_refused_and_leave_nothing(stack, change, code):
    key = stack.key()
    status, _, body = stack.post({'amount': '1.00', 'currency': 'EUR', 'card': CARD, **change}, key)
    assert status == 400 and body['error']['code'] == code and body['error']['retry'] is False
    assert stack.session(key) is None


def test_body_that_is_not_json(stack):
    assert stack.post('amount=1')[2]['error']['code'] == 'InvalidRequest'


@pytest.mark.parametrize('amount, currency, minor', [('500', 'JPY', '500'), ('1.005', 'KWD', '1005'), (0.1, 'EUR', '10'), ('99999999.99', 'USD', '9999999999')])
def test_amounts_are_exact(stack, amount, currency, minor):
    payment = stack.pay(amount=amount, currency=currency)
    assert stack.ledger(payment['paymentId'])['payment']['amount_minor'] == minor
