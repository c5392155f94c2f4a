"""The way back: what the candidate's alarm does by itself. How that goes under load, tests/release shows."""

from tests.support.daemon import wait_for


def test_alarm_takes_traffic_from_the_candidate(split, outputs):
    """The candidate's alarm calls the rollback function, and that gives all payments back to blue."""
    blue, shares = split.live()
    assert blue == outputs['BlueVersion'] and list(shares) == [outputs['GreenVersion']]
    cloudwatch, name = split.client('cloudwatch'), f'{split.name}-candidate'
    split.begin_minute()   # the alarm is not evaluated while the test has set it
    cloudwatch.set_alarm_state(AlarmName=name, StateValue='ALARM', StateReason='a rehearsal')
    wait_for(lambda: split.live() == (blue, {}), 'the traffic is taken back', 20)
    assert split.post({'amount': '1.00', 'currency': 'EUR'}, split.key())[0] == 200
    cloudwatch.set_alarm_state(AlarmName=name, StateValue='OK', StateReason='the rehearsal is over')
