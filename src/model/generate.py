#!/usr/bin/python3
"""Writes C from AWS's API models and the declarations in the sources. Run by Meson; see README.md."""

import os
import sys

import emit
import load
import scan


def put(path, content):
    """Writes only what changed, so that Ninja stops where nothing did."""
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            if file.read() == content:
                return
    with open(path, 'w', encoding='utf-8') as file:
        file.write(content)


def service(folder, path, header, source, *sources):
    outputs = emit.service(folder, load.load(folder, path), scan.operations(sources))
    put(header, outputs[0])
    put(source, outputs[1])


def registry(output, *folders):
    put(output, emit.registry(folders))


def resources(output, *sources):
    put(output, emit.resources(scan.resources(sources)))


def commands(output, *sources):
    put(output, emit.commands(scan.commands(sources)))


COMMANDS = {'service': service, 'registry': registry, 'resources': resources, 'commands': commands}

if __name__ == '__main__':
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except load.ModelError as error:
        load.fail(error)
