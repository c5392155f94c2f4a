"""Makes the fixtures of tests/support known to every test, wherever it lies."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

pytest_plugins = ['tests.support.fixtures']
