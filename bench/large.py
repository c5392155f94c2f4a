#!/usr/bin/python3
"""One large object: PUT and GET beside cp and md5sum of the same file (S3's ETag is an MD5, which one core computes), and how much memory the daemon took at most. The object is encrypted on disk and
its MD5 taken on the way in; what comes back is compared."""

import argparse
import filecmp
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import botocore.config

from tests.support.daemon import Haar


def high_water_mib(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as status:
        return int(re.search(r'VmHWM:\s+(\d+) kB', status.read())[1]) / 1024


def timed(*command):
    """Seconds. What was written before is on the disk, so that nobody waits for another's pages."""
    os.sync()
    begin = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--mib', type=int, default=1024)
    size = parser.parse_args().mib
    with tempfile.TemporaryDirectory(prefix='haar-bench-') as directory:
        source, copy, back = (os.path.join(directory, name) for name in ('source', 'copy', 'back'))
        block = os.urandom(1 << 20)
        with open(source, 'wb') as file:
            for i in range(size):
                file.write(i.to_bytes(8, 'big') + block[8:])
        haar = Haar(data=os.path.join(directory, 'data'), options=['--network=off']).start()
        try:
            s3 = haar.client('s3', config=botocore.config.Config(signature_version='s3v4'))
            s3.create_bucket(Bucket='large')
            url = lambda what: s3.generate_presigned_url(what, Params={'Bucket': 'large', 'Key': 'one'}, ExpiresIn=3600)
            before = high_water_mib(haar.process.pid)
            rows = [('cp', timed('cp', source, copy)), ('md5sum', timed('md5sum', source)), ('S3 PUT', timed('curl', '-sS', '--fail', '-T', source, url('put_object')))]
            os.unlink(copy)
            rows.append(('S3 GET', timed('curl', '-sS', '--fail', '-o', back, url('get_object'))))
            after = high_water_mib(haar.process.pid)
            if not filecmp.cmp(source, back, shallow=False):
                sys.exit('what came back is not what was sent')
        finally:
            haar.close()
    for name, seconds in rows:
        print(f'{f"{name}, {size} MiB":26} {size / seconds:>9.0f} MiB/s')
    print(f'{"memory at most":26} {after:>9.1f} MiB   before {before:.1f} MiB')


main()
