"""The stock AWS CLI: cp and sync, with multipart uploads."""

import os
import subprocess


def test_cp_and_sync(haar, tmp_path):
    environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': 'us-east-1', 'AWS_EC2_METADATA_DISABLED': 'true'}

    def aws(*arguments):
        return subprocess.run(['aws', '--endpoint-url', haar.url, 's3', *map(str, arguments)], env=environment, check=True, capture_output=True, text=True).stdout

    there, back = tmp_path / 'there', tmp_path / 'back'
    there.mkdir()
    (there / 'large').write_bytes(os.urandom(20 * 1024 * 1024 + 3))
    (there / 'small').write_text('small')
    aws('mb', 's3://by-cli')
    aws('sync', there, 's3://by-cli/dir/')
    assert 'large' in aws('ls', 's3://by-cli/dir/')
    aws('sync', 's3://by-cli/dir/', back)
    for name in ('large', 'small'):
        assert (back / name).read_bytes() == (there / name).read_bytes()
    aws('cp', 's3://by-cli/dir/large', 's3://by-cli/copy')
    aws('rb', '--force', 's3://by-cli')
