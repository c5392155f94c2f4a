"""The template itself: what a call takes, what CloudFormation says of it."""

import json
import os
import subprocess

from tests.payments.stack import TEMPLATE
from tests.support.daemon import ROOT

TEMPLATE_BODY_MAX = 51200   # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html


def test_template_needs_no_bucket():
    assert os.path.getsize(os.path.join(ROOT, 'stacks', 'payments', 'template.yaml')) < TEMPLATE_BODY_MAX


def test_template_is_valid_for_the_aws_cli(stack):
    """As a body, by the stock CLI."""
    environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': 'us-east-1'}
    done = subprocess.run(['aws', '--endpoint-url', stack.haar.url, 'cloudformation', 'validate-template', '--template-body', f'file://{TEMPLATE}'],
                          env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told['Capabilities'] == ['CAPABILITY_IAM']
    assert {'GreenRelease', 'CandidateWeight', 'RotationDays'} <= {p['ParameterKey'] for p in told['Parameters']}
