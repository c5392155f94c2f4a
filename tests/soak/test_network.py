"""The long versions: thousands of random networks, hundreds of stacks. HAAR_SOAK=0.1 is a tenth of them."""

import os
import subprocess

from tests.network.leaks import assert_nothing_leaks
from tests.support.daemon import ROOT

SHARE = float(os.environ.get('HAAR_SOAK', '1'))
NETWORKS, STACKS = int(3000 * SHARE), int(200 * SHARE)


def test_reach_and_packets_agree_in_thousands_of_networks():
    build = os.path.join(ROOT, 'build')
    subprocess.run(['ninja', '-C', build, '--quiet', 'src/test_fabric_agree'], check=True)
    run = subprocess.run([os.path.join(build, 'src', 'test_fabric_agree')], env={**os.environ, 'HAAR_ROUNDS': str(NETWORKS)}, capture_output=True, text=True, timeout=3600, check=False)
    assert run.returncode == 0, run.stdout[-4000:]


def test_two_hundred_stacks_leave_nothing(haar, network):
    before, after = assert_nothing_leaks(haar, STACKS, memory_mib=8)
    print(f'{before.memory:.1f} MiB before, {after.memory:.1f} MiB after {STACKS} stacks')
