"""Finds the declarations in C sources: the upper-case lines that make lists by themselves."""

import re

from load import ModelError

OPERATION = re.compile(r'^OPERATION\(\s*(\w+)\s*,\s*(\w+)')
RESOURCE = re.compile(r'^RESOURCE\(\s*([\w:]+)\s*,\s*(\w+)')
COMMAND = re.compile(r'^COMMAND\(\s*([\w-]+)\s*,\s*(\w+)')


def _scan(pattern, what, paths):
    """(name, second word, file, line) of each declaration, each name once."""
    found = {}
    for path in paths:
        if not path.endswith('.c'):
            continue
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                match = pattern.match(line)
                if not match:
                    continue
                name = match[1]
                if name in found:
                    raise ModelError(f'{path}:{number}: {what} {name} is declared twice, first in {found[name][1]}:{found[name][2]}')
                found[name] = (match[2], path, number)
    return [(name, *found[name]) for name in sorted(found)]


def operations(paths):
    return _scan(OPERATION, 'operation', paths)


def resources(paths):
    return _scan(RESOURCE, 'resource type', paths)


def commands(paths):
    return _scan(COMMAND, 'command', paths)
