"""Ten stacks that come and go leave nothing behind; tests/soak does it with two hundred."""

from tests.network.leaks import assert_nothing_leaks


def test_stacks_come_and_go(haar, network):
    assert_nothing_leaks(haar, 10)
