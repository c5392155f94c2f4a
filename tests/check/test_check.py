"""haar check: every rule with a template that has its fault and one that is mended, correct stacks, formats, exit status."""

import json
import os
import re
import subprocess

import pytest
from tests.support.daemon import BINARY, ROOT

HERE = os.path.join(ROOT, 'tests', 'check')
RULES = sorted(os.listdir(os.path.join(HERE, 'rules')))
PAYMENTS = os.path.join(ROOT, 'stacks', 'payments', 'template.yaml')
OFF_BY_DEFAULT = ['timeout-hides-cause']


def check(*arguments, cwd=HERE):
    return subprocess.run([BINARY, 'check', *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def findings(*arguments, cwd=HERE):
    result = check('--format', 'json', *arguments, cwd=cwd)
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)['findings']


def rule_options(rule):
    return ['--enable', rule] if rule in OFF_BY_DEFAULT else []


def listed_rules():
    return {line.split()[0]: line for line in check('--list-rules').stdout.splitlines()}


def test_every_rule_has_its_templates():
    assert sorted(listed_rules()) == RULES


@pytest.mark.parametrize('rule', RULES)
def test_fault_is_found(rule):
    """The whole text, so that it says what happens, where, why, how certain, and the mend."""
    result = check(*rule_options(rule), f'rules/{rule}/bad.yaml')
    with open(os.path.join(HERE, 'rules', rule, 'expected.txt'), encoding='utf-8') as file:
        assert result.stdout == file.read()
    assert f'[{rule}]' in result.stdout


@pytest.mark.parametrize('rule', RULES)
def test_mended_template_has_nothing(rule):
    assert findings(*rule_options(rule), f'rules/{rule}/mended.yaml') == []


def test_payment_stack_has_nothing():
    assert [f for f in findings(PAYMENTS) if f['severity'] != 'note'] == []


@pytest.mark.parametrize('name', sorted(os.listdir(os.path.join(HERE, 'correct'))))
def test_correct_stacks_have_nothing(name):
    assert findings(f'correct/{name}') == []


@pytest.mark.parametrize('rule', RULES)
def test_page_of_every_rule(rule):
    """The page shows the finding as the rule writes it, its severity and how it is switched."""
    with open(os.path.join(ROOT, 'docs', 'explain', f'check-{rule}.md'), encoding='utf-8') as file:
        page = file.read()
    with open(os.path.join(HERE, 'rules', rule, 'expected.txt'), encoding='utf-8') as file:
        first = file.read().split('\n\n')[0].replace(f'rules/{rule}/bad.yaml', 'template.yaml')
    line = listed_rules()[rule]
    severity, title = line.split()[1], re.sub(r' \(off; --enable\)$', '', line[36:])
    assert page.startswith(f'# {rule}\n\n{title}.\n\n| severity | {severity} |\n')
    assert first in page
    assert f'--{"enable" if rule in OFF_BY_DEFAULT else "disable"} {rule}`' in page
    assert re.search(r'^AWS: <https://docs\.aws\.amazon\.com/', page, re.M)


def test_pages_are_listed():
    with open(os.path.join(ROOT, 'docs', 'explain', 'README.md'), encoding='utf-8') as file:
        page = file.read()
    for rule, line in listed_rules().items():
        title = re.sub(r' \(off; --enable\)$', '', line[36:])
        assert f'| [{rule}](check-{rule}.md) | {line.split()[1]} | {title} |\n' in page


def test_sam():
    """Functions with their globals, roles from policy templates, each handler's own code of a shared folder."""
    result = check('sam/bad.yaml')
    with open(os.path.join(HERE, 'sam', 'expected.txt'), encoding='utf-8') as file:
        assert result.stdout == file.read()


def test_sam_refers_to_what_is_not_known_here(tmp_path):
    (tmp_path / 'template.yaml').write_text('''Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, InlineCode: 'def handler(e, c): pass', AutoPublishAlias: live}
Outputs:
  Version: {Value: !Ref Function.Version}
''')
    [finding] = findings('template.yaml', cwd=tmp_path)
    assert (finding['rule'], finding['severity'], finding['line']) == ('not-analysed', 'note', 1)
