"""Every defect of the payment stack's list, and the test that catches it."""

import pytest

from tests.payments.mutations.defects import DEFECTS
from tests.payments.mutations.run import run


@pytest.mark.parametrize('defect', DEFECTS, ids=lambda d: d.name)
def test_defect_is_caught(defect):
    """The stack with this defect fails the named tests, by assertion."""
    reason = run(defect)
    assert reason is None, f'{defect.name}: {reason}'
