"""haar up, status and down: a stack from a shell."""

import json
import os

import pytest

TEMPLATE = '''
Parameters:
  Word: {Type: String, Default: one}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: app.handler
      Role: !GetAtt Role.Arn
      Code: ./code  # packaged
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      LoggingConfiguration: {LogFilePrefix: x}
  Parameter:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Name: /word, Value: !Ref Word}
Outputs:
  Name: {Value: !Ref Function}
'''


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / 'shop'
    (folder / 'code').mkdir(parents=True)
    (folder / 'code' / 'app.py').write_text('def handler(event, context):\n    return "packaged"\n')
    (folder / 'template.yaml').write_text(TEMPLATE)
    return folder


def test_up_status_down(haar, client, shop):
    template = str(shop / 'template.yaml')
    up = haar.run('up', template)
    assert up.returncode == 0, up.stdout + up.stderr
    assert 'Stack shop is up, ' in up.stdout and 'Bucket.LoggingConfiguration (line 21) has no effect here' in up.stdout
    name = next(line.split()[1] for line in up.stdout.splitlines() if line.startswith('  Name '))
    code = client('lambda').get_function(FunctionName=name)['Code']
    assert code
    again = haar.run('up', template)
    assert again.returncode == 0 and '(nothing to change)' in again.stdout
    changed = haar.run('up', template, '--parameter', 'Word=two', '--json')
    end = json.loads(changed.stdout.splitlines()[-1])
    assert end['Changed'] is True and end['Stack']['StackStatus'] == 'UPDATE_COMPLETE'
    assert client('ssm').get_parameter(Name='/word')['Parameter']['Value'] == 'two'
    kept = haar.run('up', template)
    assert kept.returncode == 0 and '(nothing to change)' in kept.stdout  # as with aws cloudformation deploy, not the default again
    (shop / 'template.yaml').write_text(TEMPLATE.replace('  Word: {Type: String, Default: one}', '  Term: {Type: String, Default: three}').replace('Ref Word', 'Ref Term'))
    renamed = haar.run('up', template)
    assert renamed.returncode == 0, renamed.stdout + renamed.stderr
    assert client('ssm').get_parameter(Name='/word')['Parameter']['Value'] == 'three'
    status = haar.run('status')
    assert 'shop  UPDATE_COMPLETE' in status.stdout and 'AWS::Lambda::Function' in status.stdout
    down = haar.run('down')
    assert down.returncode == 0 and 'Stack shop is gone, ' in down.stdout
    assert 'no stacks' in haar.run('status').stdout


def test_what_goes_wrong_is_said(haar, shop):
    template = shop / 'template.yaml'
    assert haar.run('up').returncode == 2
    missing = haar.run('up', str(shop / 'nothing.yaml'))
    assert missing.returncode == 1 and 'nothing.yaml' in missing.stderr
    template.write_text(TEMPLATE.replace('./code ', './kode '))
    kode = haar.run('up', str(template))
    assert kode.returncode == 1 and 'template.yaml:17: there is no file or directory' in kode.stderr
    template.write_text(TEMPLATE.replace('Runtime:', 'Runtyme:'))
    typo = haar.run('up', str(template))
    assert typo.returncode == 1 and 'Runtyme' in typo.stdout + typo.stderr and 'line 14' in typo.stdout + typo.stderr
    assert haar.run('down', 'nonesuch').returncode == 1
    assert haar.run('up', str(template), '--parameter', 'x').returncode == 1
    assert os.path.exists(template)


def test_a_large_template_goes_through_the_bucket(haar, client, tmp_path):
    resources = ''.join(f'  P{i}:\n    Type: AWS::SSM::Parameter\n    Properties: {{Type: String, Value: "{"x" * 1000}"}}\n' for i in range(60))
    template = tmp_path / 'large.yaml'
    template.write_text(f'Resources:\n{resources}')
    assert template.stat().st_size > 51200
    up = haar.run('up', str(template), '--stack', 'large')
    assert up.returncode == 0, up.stderr + up.stdout
    assert len(client('cloudformation').list_stack_resources(StackName='large')['StackResourceSummaries']) == 60
    assert haar.run('down', 'large').returncode == 0


def test_every_event_is_shown(haar, tmp_path):
    """More of them at once than a page of DescribeStackEvents holds."""
    template = tmp_path / 'many.json'
    template.write_text(json.dumps({'Resources': {f'P{i}': {'Type': 'AWS::SSM::Parameter', 'Properties': {'Type': 'String', 'Value': 'x'}} for i in range(120)}}))
    done = haar.run('up', str(template), '--stack', 'many')
    assert done.returncode == 0, done.stdout + done.stderr
    shown = {line.split()[3] for line in done.stdout.splitlines() if ' CREATE_COMPLETE ' in line}
    assert {f'P{i}' for i in range(120)} <= shown
    assert haar.run('down', 'many').returncode == 0


def test_the_first_failure_is_told_again_at_the_end(haar, tmp_path):
    template = tmp_path / 'bad.json'
    template.write_text(json.dumps({'Resources': {'Bad': {'Type': 'AWS::SSM::Parameter', 'Properties': {
        'Type': 'String', 'Value': 'no', 'AllowedPattern': '^yes$'}}}}))
    done = haar.run('up', str(template), '--stack', 'bad')
    assert done.returncode == 1
    first, second = done.stderr.strip().splitlines()
    assert first == 'haar: stack bad did not come up: ROLLBACK_COMPLETE'
    assert second.startswith('  Bad: ') and 'cannot be validated against allowedPattern: ^yes$' in second
