"""A share of the defects, another one each day; PAYMENTS_SEED=N chooses it. tests/soak runs all."""

import os
import random
import time

import pytest

from tests.payments.mutations.defects import DEFECTS
from tests.payments.mutations.run import run

SHARE = 8
SEED = int(os.environ.get('PAYMENTS_SEED') or time.time() // 86400)


def test_names_are_unique():
    assert len({d.name for d in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize('defect', random.Random(SEED).sample(DEFECTS, SHARE), ids=lambda d: d.name)
def test_defect_is_caught(defect):
    """The stack with this defect fails the named tests, by assertion."""
    reason = run(defect)
    assert reason is None, f'PAYMENTS_SEED={SEED}: {defect.name}: {reason}'
