"""Changes of a template that was read into dictionaries. Each fails where what it changes is not there."""

import json

import yaml

GONE = object()


class _Loader(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):
    """YAML with CloudFormation's short forms, and no dates: 2012-10-17 is text."""


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    else:
        value = loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node, deep=True)
    if suffix == 'GetAtt' and isinstance(value, str):
        value = value.split('.', 1)
    return {suffix if suffix in ('Ref', 'Condition') else f'Fn::{suffix}': value}


_Loader.add_multi_constructor('!', _short_form)
_Loader.yaml_implicit_resolvers = {first: [(tag, form) for tag, form in resolvers if tag != 'tag:yaml.org,2002:timestamp']
                                   for first, resolvers in _Loader.yaml_implicit_resolvers.items()}


def read(text):
    return yaml.load(text, _Loader)


def _names(value, logical_id):
    text = json.dumps(value)
    return any(form in text for form in (f'"Ref": "{logical_id}"', f'["{logical_id}", ', f'${{{logical_id}}}', f'${{{logical_id}.', f'"{logical_id}.'))


def without(*logical_ids):
    """The resources are not there; nothing waits for them, and no output names them."""
    def patch(template):
        for logical_id in logical_ids:
            del template['Resources'][logical_id]
            for resource in template['Resources'].values():
                before = resource.get('DependsOn', [])
                resource['DependsOn'] = [n for n in ([before] if isinstance(before, str) else before) if n != logical_id]
            for name in [n for n, output in template['Outputs'].items() if _names(output, logical_id)]:
                del template['Outputs'][name]
    return patch


def prop(logical_id, path, value):
    """Sets a property, or takes it away if value is GONE. It must have been there; ADDED sets one that is new."""
    def patch(template):
        *way, last = path.split('.')
        place = template['Resources'][logical_id]['Properties']
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        last = int(last) if isinstance(place, list) else last
        before = place[last]
        assert before != value, f'{logical_id}.{path} is so already'
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return patch


def added(logical_id, path, value):
    """Sets a property that was not there, or appends to a list."""
    def patch(template):
        *way, last = path.split('.')
        place = template['Resources'][logical_id]['Properties']
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        if isinstance(place.get(last), list):
            place[last].append(value)
        else:
            assert last not in place, f'{logical_id}.{path} is there already'
            place[last] = value
    return patch


def depends(logical_id, *names):
    """What a resource waits for."""
    def patch(template):
        assert template['Resources'][logical_id]['DependsOn'] != list(names)
        template['Resources'][logical_id]['DependsOn'] = list(names)
    return patch


def _lists(value):
    if isinstance(value, dict):
        for member in value.values():
            yield from _lists(member)
    elif isinstance(value, list):
        yield value
        for member in value:
            yield from _lists(member)


def statement(logical_id, sid, **changes):
    """Changes members of a policy's statement; without changes, it is dropped. A member that is GONE is taken away."""
    def patch(template):
        homes = [(home, s) for home in _lists(template['Resources'][logical_id]['Properties']) for s in home if isinstance(s, dict) and s.get('Sid') == sid]
        assert len(homes) == 1, f'{logical_id} has {len(homes)} statements {sid}'
        home, found = homes[0]
        if not changes:
            home.remove(found)
        for member, value in changes.items():
            if value is GONE:
                del found[member]
            else:
                found[member] = value
    return patch


def output(name, value):
    def patch(template):
        assert name in template['Outputs']
        template['Outputs'][name]['Value'] = value
    return patch
