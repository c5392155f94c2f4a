"""The manual page and the completions know every command that `haar help` lists, with all its options and words."""

import os
import re
import subprocess

import pytest
from tests.support.daemon import BINARY, ROOT

MANUAL = os.path.join(ROOT, 'packaging', 'man', 'haar.1')
COMPLETIONS = os.path.join(ROOT, 'packaging', 'completions')


def haar(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30, check=True).stdout


COMMANDS = re.findall(r'^  ([a-z][a-z-]*)  ', haar('help'), re.M)


def options_of(command):
    """What its --help lists, long and short, without --help itself. version and help have none."""
    text = haar(command, '--help') if command not in ('version', 'help') else ''
    text = text.partition('Application Options:')[2]
    return set(re.findall(r'^  (?:-\w, )?(--[a-z-]+)', text, re.M)) | set(re.findall(r'^  (-\w),', text, re.M))


def words_of(command):
    """The words that its usage shows as the first argument: haar fault zone ..."""
    usage = haar(command, '--help').partition('Help Options:')[0]
    return {w for w in re.findall(rf'^  haar {command} ([a-z-]+)(?: |$)', usage, re.M) if not w.startswith('-')}


def manual():
    """command -> what its entry says, without the roff."""
    with open(MANUAL, encoding='utf-8') as page:
        commands = page.read().partition('.SH COMMANDS\n')[2].partition('.SH')[0].partition('.PP')[0]
    entries = [e.replace('\\-', '-') for e in commands.split('.TP\n') if e]
    return {re.match(r'\.BR? ([a-z-]+)', e)[1]: re.sub(r'\\f[A-Z]', '', e) for e in entries}


def test_manual_has_every_command():
    assert sorted(manual()) == sorted(COMMANDS) and len(COMMANDS) > 10


@pytest.mark.parametrize('command', COMMANDS)
def test_manual_has_the_options(command):
    listed = manual()[command].partition('Options: ')[2]
    assert set(re.findall(r'(?<![\w-])--?[a-z][a-z-]*', listed)) == options_of(command)


def test_manual_is_good_roff():
    result = subprocess.run(['man', '--warnings', '-l', MANUAL], capture_output=True, text=True, timeout=30, check=False,
                            env={**os.environ, 'LC_ALL': 'C.UTF-8', 'MANWIDTH': '100', 'MAN_KEEP_FORMATTING': ''}) if os.path.exists('/usr/bin/man') else None
    if result is None:
        pytest.skip('man is not installed')
    assert result.returncode == 0 and not result.stderr and 'haar' in result.stdout


def complete(*words):
    """What bash offers behind these words."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _haar; printf "%s\\n" "${COMPREPLY[@]}"')
    environment = {**os.environ, 'PATH': f'{os.path.dirname(BINARY)}:{os.environ["PATH"]}'}
    result = subprocess.run(['bash', '-c', script, 'bash', os.path.join(COMPLETIONS, 'haar.bash'), 'haar', *words], capture_output=True, text=True,
                            timeout=30, check=True, env=environment)
    return set(result.stdout.split())


def test_bash_offers_every_command():
    assert complete('') == set(COMMANDS)


@pytest.mark.parametrize('command', [c for c in COMMANDS if c not in ('version', 'help')])
def test_bash_offers_the_options(command):
    assert {o for o in options_of(command) if o.startswith('--')} <= complete(command, '--')


@pytest.mark.parametrize('command', ['clock', 'fault'])
def test_all_shells_offer_the_words(command):
    words = words_of(command)
    assert len(words) > 2 and complete(command, '') == words
    for name, pattern in (('_haar', rf"words\[2\] == {command}.*?_values '[^']*' ([^\n]*)\n"), ('haar.fish', rf"seen_subcommand_from {command}' -f -a '([^']*)'")):
        with open(os.path.join(COMPLETIONS, name), encoding='utf-8') as file:
            assert set(re.search(pattern, file.read(), re.S)[1].split()) == words, name


@pytest.mark.parametrize('shell, arguments, file', [('bash', ['-n'], 'haar.bash'), ('zsh', ['-n'], '_haar'), ('fish', ['-n'], 'haar.fish')])
def test_syntax(shell, arguments, file):
    try:
        result = subprocess.run([shell, *arguments, os.path.join(COMPLETIONS, file)], capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        pytest.skip(f'{shell} is not installed')
    assert result.returncode == 0 and not result.stderr
