"""A steady load of payments, each with its key, sent again only where the API says so; and what the ledger holds of them."""

import http.client
import json
import threading
import time
import uuid

from tests.support.daemon import wait_for
from tests.support.inside import Inside


class Load:
    """with Load(stack) as load: ... Payments go through the live API from some connections, until it ends.

    paid: {key: payment id}. failed: what was neither paid nor to be sent again. refused: how often a payment had to be sent again."""

    def __init__(self, stack, clients=3):
        self.outputs, self.port = stack.outputs, stack.haar.port
        self.paid, self.failed, self.refused = {}, [], 0
        self.count = [0] * clients
        self.again = lambda status, body: isinstance(body.get('error'), dict) and body['error'].get('retry') is True
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._pay, args=(i,)) for i in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads), 'a payment hangs'

    def _post(self, connection, key):
        body = json.dumps({'amount': '1.23', 'currency': 'EUR', 'userId': 'load'})
        host = f"{self.outputs['ApiId']}.execute-api.us-east-1.amazonaws.com"
        connection.request('POST', f"/{self.outputs['ApiStageName']}/payment", body, {'Host': host, 'Idempotency-Key': key, 'Content-Type': 'application/json'})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def _pay(self, client):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        while not self._stop.is_set():
            self._pay_one(connection, f'load-{client}-{uuid.uuid4()}')
            self.count[client] += 1
        connection.close()

    def _pay_one(self, connection, key):
        while True:
            status, body = self._post(connection, key)
            with self._lock:
                if status == 200:
                    self.paid[key] = body['paymentId']
                    return
                if not self.again(status, body):
                    self.failed.append((key, status, body))
                    return
                self.refused += 1
            time.sleep(0.05)

    def await_payments(self, number):
        """Until each client has ended this many more: those in flight now are over then."""
        before = list(self.count)
        wait_for(lambda: all(now >= then + number for now, then in zip(self.count, before)), f'{number} payments of each client', 60)


class LedgerReader:
    """Reads the ledger from a private subnet, with the secret's user, as nothing outside the VPC can."""

    def __init__(self, stack):
        self.stack, self.outputs, self.ec2 = stack, stack.outputs, stack.client('ec2')
        made = self.ec2.create_network_interface(SubnetId=self.outputs['PrivateSubnetIds'].split(',')[0], Groups=[self.outputs['FunctionSecurityGroupId']])
        self.interface = made['NetworkInterface']['NetworkInterfaceId']
        self.inside = Inside(stack.haar, made['NetworkInterface']['PrivateIpAddress'])

    def close(self):
        self.ec2.delete_network_interface(NetworkInterfaceId=self.interface)

    def sql(self, statement):
        """Rows of text columns."""
        secret = json.loads(self.stack.client('secretsmanager').get_secret_value(SecretId=self.outputs['DatabaseSecretArn'])['SecretString'])
        address = self.inside.ask('10.0.0.2:53', self.outputs['DatabaseEndpoint'])[1][0]
        text = self.inside.python(f'''
            import subprocess
            run = subprocess.run(['mysql', '--no-defaults', '--skip-column-names', '--batch', '--connect-timeout=5', '--host={address}',
                                  '--user={secret['username']}', 'payments', '--execute', {statement!r}], capture_output=True, text=True,
                                 env={{'PATH': '/usr/bin:/bin', 'MYSQL_PWD': {secret['password']!r}}})
            assert run.returncode == 0, run.stderr
            print(run.stdout)
            ''')
        return [tuple(line.split('\t')) for line in text.splitlines() if line]

    def check(self, paid):
        """Every payment that was acknowledged is booked, once, as it was answered; the books balance."""
        rows = self.sql("SELECT idempotency_key, payment_id FROM payments WHERE user_id = 'load'")
        booked = {key.split(':', 1)[1]: payment for key, payment in rows}
        assert len(booked) == len(rows), 'a key is booked twice'
        assert {key: booked.get(key) for key in paid} == paid
        entries = self.sql("SELECT e.payment_id, GROUP_CONCAT(e.direction ORDER BY e.direction), SUM(e.amount_minor) FROM entries e "
                           "JOIN payments p USING (payment_id) WHERE p.user_id = 'load' GROUP BY e.payment_id")
        assert {payment for payment, _, _ in entries} == set(booked.values())
        assert {(directions, total) for _, directions, total in entries} == {('debit,credit', '246')}
        return booked
