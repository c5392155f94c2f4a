"""Reads an API model of python3-botocore and lays the service's overlay.json over it."""

import glob
import gzip
import json
import os
import sys

DATA = '/usr/lib/python3/dist-packages/botocore/data'

# Shape names that any overlay may use; they are ours, whatever the model calls its own.
BUILTIN = {
    'String': {'type': 'string'},
    'Boolean': {'type': 'boolean'},
    'Integer': {'type': 'integer'},
    'Long': {'type': 'long'},
    'Double': {'type': 'double'},
    'Timestamp': {'type': 'timestamp'},
    'Blob': {'type': 'blob'},
    'Document': {'type': 'structure', 'document': True},
    'StringList': {'type': 'list', 'member': {'shape': 'haar.String'}},
    'StringMap': {'type': 'map', 'key': {'shape': 'haar.String'}, 'value': {'shape': 'haar.String'}},
}


class ModelError(Exception):
    """What is wrong with a model, an overlay or a declaration, with its place."""


def read_json(path):
    try:
        opener = gzip.open if path.endswith('.gz') else open
        with opener(path, 'rt', encoding='utf-8') as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise ModelError(f'{path}: {error}') from error


def _refer(shapes, reference, own):
    """Points a reference of an overlay at a builtin shape where the overlay and the model have none of that name."""
    name = reference['shape']
    if name in BUILTIN and (own or name not in shapes):
        reference['shape'] = 'haar.' + name


def _adopt(shapes, name, shape, own):
    for reference in shape.get('members', {}).values():
        _refer(shapes, reference, own)
    for part in ('member', 'key', 'value'):
        if part in shape:
            _refer(shapes, shape[part], own)
    old = shapes.get(name)
    if old and old['type'] == 'structure' and shape.get('type', 'structure') == 'structure':
        old.setdefault('members', {}).update(shape.get('members', {}))
        required = list(old.get('required', [])) + list(shape.get('required', []))
        old['required'] = [member for member in required if member not in shape.get('optional', [])]   # what AWS asks for no more
        for key, value in shape.items():
            if key not in ('members', 'required', 'optional'):
                old[key] = value
    elif old:
        old.update(shape)
    else:
        shapes[name] = shape


def load(service, folder):
    """The model of a service as botocore writes it, with the overlay's shapes, operations and records in it."""
    overlay_path = os.path.join(folder, 'overlay.json')
    overlay = read_json(overlay_path)
    name = overlay.get('model', service)
    paths = sorted(glob.glob(f'{DATA}/{name}/*/service-2.json*'))
    if paths:
        model = read_json(paths[-1])
    elif 'metadata' in overlay:
        model = {'metadata': overlay['metadata'], 'operations': {}, 'shapes': {}}
    else:
        raise ModelError(f'{overlay_path}: python3-botocore has no model {name}')
    model['metadata'].update(overlay.get('metadata', {}))
    shapes = model['shapes']
    for builtin, shape in BUILTIN.items():
        shapes['haar.' + builtin] = json.loads(json.dumps(shape))
    for shape_name, shape in overlay.get('shapes', {}).items():
        _adopt(shapes, shape_name, shape, False)
    for operation, value in overlay.get('operations', {}).items():
        model['operations'].setdefault(operation, {'name': operation, 'http': {'method': 'POST', 'requestUri': '/'}}).update(value)
    model['records'] = sorted(overlay.get('records', {}))
    for record, shape in overlay.get('records', {}).items():
        shape.setdefault('type', 'structure')
        if record in shapes:
            raise ModelError(f'{overlay_path}: record {record} has the name of a shape of the model')
        # A record may use the model's shapes, other records and the builtins; builtins win over the model's.
        _adopt(shapes, record, shape, True)
    _check(overlay_path, shapes)
    for shape in shapes.values():  # some models say it at the member
        for reference in shape.get('members', {}).values():
            if reference.get('streaming') and shapes[reference['shape']]['type'] == 'blob':
                shapes[reference['shape']]['streaming'] = True
    return model


def _check(path, shapes):
    for name, shape in shapes.items():
        references = list(shape.get('members', {}).values()) + [shape[p] for p in ('member', 'key', 'value') if p in shape]
        for reference in references:
            if reference['shape'] not in shapes:
                raise ModelError(f"{path}: shape {name} refers to {reference['shape']}, which is nowhere")


def fail(error):
    sys.exit(str(error))
