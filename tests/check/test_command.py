"""haar check as a command: formats, exit status, switches, parameters, and the payment stack with one fault at a time."""

import json
import os
import pty
import subprocess

import pytest
from tests.support.daemon import BINARY, ROOT

HERE = os.path.join(ROOT, 'tests', 'check')
BAD = 'rules/no-way-to-service/bad.yaml'
WARNING = 'rules/gateway-dependency/bad.yaml'
NOTE = 'rules/stateless-reply/bad.yaml'
GOOD = 'rules/no-way-to-service/mended.yaml'


def check(*arguments, cwd=HERE):
    return subprocess.run([BINARY, 'check', *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def rules(*arguments, cwd=HERE):
    result = check('--format', 'json', *arguments, cwd=cwd)
    assert result.returncode in (0, 1), result.stderr
    return sorted({f['rule'] for f in json.loads(result.stdout)['findings']})


@pytest.mark.parametrize('arguments, status', [
    ([GOOD], 0), ([BAD], 1), ([GOOD, BAD], 1), ([WARNING], 0), ([WARNING, '--fail-on', 'warning'], 1), ([NOTE, '--fail-on=warning'], 0),
    ([NOTE, '--fail-on=note'], 1), ([BAD, '--disable', 'no-way-to-service'], 0)])
def test_exit_status(arguments, status):
    assert check(*arguments).returncode == status


@pytest.mark.parametrize('arguments, message', [
    ([], 'haar check: it needs a template: haar check template.yaml'),
    (['none.yaml'], 'haar check: Failed to open file “none.yaml”: No such file or directory'),
    ([GOOD, '--format', 'xml'], 'haar check: --format xml: human, json, sarif or github'),
    ([GOOD, '--fail-on', 'all'], 'haar check: --fail-on all: error, warning or note'),
    ([GOOD, '--disable', 'nonsense'], 'haar check: there is no rule "nonsense"; --list-rules shows them'),
    ([GOOD, '--parameter', 'No=1'], f'haar check: {GOOD}: Parameters: [No] do not exist in the template'),
    ([GOOD, '--parameters-file', GOOD], None)])
def test_wrong_usage_is_2(arguments, message):
    result = check(*arguments)
    assert result.returncode == 2 and not result.stdout
    assert message is None or result.stderr == message + '\n'


def test_text_that_is_no_template_is_2(tmp_path):
    (tmp_path / 'bad.yaml').write_text('Resources: [\n')
    result = check('bad.yaml', cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith('haar check: bad.yaml: Template format error: YAML not well-formed. (line 2, column 1)')


def test_several_templates_are_told_together():
    result = check(BAD, WARNING, GOOD)
    assert result.stdout.endswith('\n3 templates: 1 error, 1 warning, 0 notes\n')


def test_github():
    result = check('--format', 'github', WARNING)
    assert result.stdout == (
        '::warning file=rules/gateway-dependency/bad.yaml,line=19,col=3,title=ToInternet%3A A route to an internet gateway does not wait for its attachment '
        '[gateway-dependency]::ToInternet may be made before the gateway is attached, and then fails: route table and network gateway belong to different '
        'networks%0Awhy: ToInternet refers to Internet, not to Attachment: CloudFormation makes both at the same time%0Alikely: which of the two is first is '
        "chance; AWS's page on DependsOn names this case%0Amend:%0AToInternet:%0A  DependsOn: Attachment\n")


def test_json_has_every_part():
    document = json.loads(check('--format', 'json', WARNING).stdout)
    assert document['suppressed'] == 0
    [finding] = document['findings']
    assert {k: finding[k] for k in ('rule', 'severity', 'certainty', 'file', 'line', 'column', 'logicalId', 'mend')} == {
        'rule': 'gateway-dependency', 'severity': 'warning', 'certainty': 'likely', 'file': WARNING, 'line': 19, 'column': 3,
        'logicalId': 'ToInternet', 'mend': 'ToInternet:\n  DependsOn: Attachment'}
    assert finding['title'] and finding['onAws'] and finding['why'] and finding['reason']


def test_sarif_has_what_its_schema_requires():
    log = json.loads(check('--format', 'sarif', BAD, WARNING).stdout)
    assert log['version'] == '2.1.0' and log['$schema'].endswith('sarif-2.1.0.json')
    [run] = log['runs']
    driver = run['tool']['driver']
    assert driver['name'] == 'haar check' and all(rule['id'] and rule['shortDescription']['text'] for rule in driver['rules'])
    assert [r['ruleId'] for r in run['results']] == ['no-way-to-service', 'gateway-dependency']
    for result in run['results']:
        assert result['message']['text'] and result['level'] in ('error', 'warning', 'note')
        assert driver['rules'][result['ruleIndex']]['id'] == result['ruleId']
        place = result['locations'][0]['physicalLocation']
        assert place['artifactLocation']['uri'].endswith('bad.yaml') and place['region']['startLine'] > 1


def in_terminal(*arguments, **environment):
    """What is printed where standard output is a terminal."""
    primary, secondary = pty.openpty()
    process = subprocess.Popen([BINARY, 'check', *arguments], cwd=HERE, stdout=secondary, stdin=subprocess.DEVNULL,
                               env={**os.environ, 'TERM': 'xterm', **environment})
    os.close(secondary)
    text = b''
    while True:
        try:
            part = os.read(primary, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(primary)
    process.wait(timeout=30)
    return text.decode()


def test_colours_only_in_a_terminal_that_wants_them():
    assert '\033[31merror\033[0m' in in_terminal(BAD, NO_COLOR='')
    assert '\033' not in in_terminal(BAD, NO_COLOR='1')
    assert '\033' not in check(BAD).stdout


def suppressed(tmp_path, text):
    (tmp_path / 'template.yaml').write_text(text)
    result = check('template.yaml', cwd=tmp_path)
    return result.stdout


def test_metadata_ignores(tmp_path):
    with open(os.path.join(HERE, WARNING), encoding='utf-8') as file:
        text = file.read()
    whole = 'Metadata: {haar: {ignore: [gateway-dependency]}}\n' + text
    one = text.replace('  ToInternet:\n', '  ToInternet:\n    Metadata: {haar: {ignore: gateway-dependency}}\n')
    other = text.replace('  Internet:\n', '  Internet:\n    Metadata: {haar: {ignore: gateway-dependency}}\n')
    assert suppressed(tmp_path, whole) == '1 template: 0 errors, 0 warnings, 0 notes, 1 ignored by Metadata\n'
    assert suppressed(tmp_path, one) == '1 template: 0 errors, 0 warnings, 0 notes, 1 ignored by Metadata\n'
    assert '[gateway-dependency]' in suppressed(tmp_path, other)


CHOICE = '''
Parameters:
  Endpoint: {Type: String, AllowedValues: ['yes', 'no']}
Conditions:
  HasEndpoint: !Equals [!Ref Endpoint, 'yes']
'''


def test_parameters_decide(tmp_path):
    """Without its value a condition says nothing; with it, it decides."""
    with open(os.path.join(HERE, GOOD), encoding='utf-8') as file:
        text = CHOICE + file.read().replace('  TableEndpoint:\n', '  TableEndpoint:\n    Condition: HasEndpoint\n')
    (tmp_path / 'template.yaml').write_text(text)
    (tmp_path / 'list.json').write_text('[{"ParameterKey": "Endpoint", "ParameterValue": "no"}]')
    (tmp_path / 'object.json').write_text('{"Parameters": {"Endpoint": "no"}}')
    assert rules('template.yaml', cwd=tmp_path) == []
    assert rules('template.yaml', '--parameter', 'Endpoint=yes', cwd=tmp_path) == []
    assert rules('template.yaml', '-p', 'Endpoint=no', cwd=tmp_path) == ['no-way-to-service']
    assert rules('template.yaml', '--parameters-file', 'list.json', cwd=tmp_path) == ['no-way-to-service']
    assert rules('template.yaml', '--parameters-file', 'object.json', cwd=tmp_path) == ['no-way-to-service']
    assert rules('template.yaml', '--parameters-file', 'list.json', '-p', 'Endpoint=yes', cwd=tmp_path) == []


def test_local_code_is_read(tmp_path):
    with open(os.path.join(HERE, 'rules/role-lacks-action/mended.yaml'), encoding='utf-8') as file:
        text = file.read()
    (tmp_path / 'template.yaml').write_text(text[:text.index('      Code:')] + '      Code: ./src\n')
    (tmp_path / 'src').mkdir()
    (tmp_path / 'src' / 'app.py').write_text('import boto3\n\ns = boto3.client("sqs")\n\n\ndef handler(event, context):\n    s.send_message(QueueUrl="q")\n')
    document = json.loads(check('--format', 'json', 'template.yaml', cwd=tmp_path).stdout)
    assert [(f['rule'], f['file'], f['line']) for f in document['findings']] == [('role-lacks-action', 'src/app.py', 7)]


def test_mend_is_in_the_templates_language(tmp_path):
    """JSON for JSON; the snippet put into the template mends it."""
    template = {'Resources': {
        'Vpc': {'Type': 'AWS::EC2::VPC', 'Properties': {'CidrBlock': '10.0.0.0/16'}},
        'Internet': {'Type': 'AWS::EC2::InternetGateway'},
        'Attachment': {'Type': 'AWS::EC2::VPCGatewayAttachment', 'Properties': {'VpcId': {'Ref': 'Vpc'}, 'InternetGatewayId': {'Ref': 'Internet'}}},
        'Table': {'Type': 'AWS::EC2::RouteTable', 'Properties': {'VpcId': {'Ref': 'Vpc'}}},
        'Out': {'Type': 'AWS::EC2::Route', 'Properties': {'RouteTableId': {'Ref': 'Table'}, 'DestinationCidrBlock': '0.0.0.0/0',
                                                         'GatewayId': {'Ref': 'Internet'}}}}}
    (tmp_path / 'template.json').write_text(json.dumps(template, indent=2))
    [finding] = json.loads(check('--format', 'json', 'template.json', cwd=tmp_path).stdout)['findings']
    for name, members in json.loads(finding['mend']).items():
        template['Resources'].setdefault(name, {}).update(members)
    (tmp_path / 'template.json').write_text(json.dumps(template, indent=2))
    assert rules('template.json', cwd=tmp_path) == []


PAYMENTS = {
    'endpoint-route-table': [("${AWS::Region}.s3'\n      VpcEndpointType: Gateway\n      RouteTableIds: [!Ref PrivateRouteTable]",
                              "${AWS::Region}.s3'\n      VpcEndpointType: Gateway\n      RouteTableIds: [!Ref PublicRouteTable]")],
    'no-way-to-service': [("${AWS::Region}.dynamodb'\n      VpcEndpointType", "${AWS::Region}.sqs'\n      VpcEndpointType")],
    'endpoint-private-dns': [('PrivateDnsEnabled: true', 'PrivateDnsEnabled: false')],
    'endpoint-vpc-dns': [('EnableDnsHostnames: true', 'EnableDnsHostnames: false')],
    'vpc-dns-off': [('EnableDnsSupport: true', 'EnableDnsSupport: false'), ('PrivateDnsEnabled: true', 'PrivateDnsEnabled: false')],
    'endpoint-ingress': [('FromPort: 443\n          ToPort: 443', 'FromPort: 8443\n          ToPort: 8443')],
    'function-egress': [("{IpProtocol: '-1', CidrIp: 0.0.0.0/0, Description: All egress}", "{IpProtocol: '-1', CidrIp: 10.0.0.0/16}")],
    'database-ingress': [('          FromPort: 3306\n          ToPort: 3306', '          FromPort: 5432\n          ToPort: 5432')],
    'endpoint-policy': [("'s3:GetObject', 's3:DeleteObject'", "'s3:GetObject'")],
    'key-policy': [(", !Sub 'secretsmanager.${AWS::Region}.amazonaws.com']", ']'),
                   (",\n                       !Sub 'secretsmanager.${AWS::Region}.amazonaws.com']", ']')],
    'role-network-interface': [("'ec2:CreateNetworkInterface'", "'ec2:DescribeVpcs'")],
    'public-subnet-no-way-out': [('SubnetIds: [!Ref PrivateSubnetA, !Ref PrivateSubnetB], SecurityGroupIds: [!Ref FunctionSecurityGroup]',
                                  'SubnetIds: [!Ref PublicSubnetA, !Ref PublicSubnetB], SecurityGroupIds: [!Ref FunctionSecurityGroup]')],
    'gateway-dependency': [('    DependsOn: InternetGatewayAttachment\n', '')],
    'subnet-group-one-zone': [('AvailabilityZone: !Select [1, !GetAZs', 'AvailabilityZone: !Select [0, !GetAZs')],
    'endpoint-zone': [('PrivateDnsEnabled: true\n      SubnetIds: [!Ref PrivateSubnetA, !Ref PrivateSubnetB]',
                       'PrivateDnsEnabled: true\n      SubnetIds: [!Ref PrivateSubnetA]')],
    'stateless-reply': [('          Description: HTTPS from the payment function\n',
                         "          Description: HTTPS from the payment function\n      SecurityGroupEgress: [{IpProtocol: '-1', CidrIp: 127.0.0.1/32}]\n")],
    'unknown-property': [('BackupRetentionPeriod', 'BackupRetentionPeroid')],
    'cidr-overlap': [('!Select [11, !Cidr', '!Select [10, !Cidr')],
}


@pytest.mark.parametrize('rule', sorted(PAYMENTS))
def test_payment_stack_with_one_fault(tmp_path, rule):
    with open(os.path.join(ROOT, 'stacks', 'payments', 'template.yaml'), encoding='utf-8') as file:
        text = file.read()
    for old, new in PAYMENTS[rule]:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / 'template.yaml').write_text(text)
    assert rules('template.yaml', cwd=tmp_path) == [rule]
