"""Writes the C of one service: structs, shape tables, operation rows."""

import re

from load import ModelError

WORDS = set('''NULL default enum auto register signed double float int long short union struct case if else for while do static const char void return
switch break continue goto extern inline unsigned volatile restrict sizeof typedef linux unix TRUE FALSE bool true false errno stdin stdout stderr
major minor'''.split())

SCALARS = {
    'string': ('const char *', 'SHAPE_STRING'), 'character': ('const char *', 'SHAPE_STRING'),
    'boolean': ('OptBool ', 'SHAPE_BOOLEAN'), 'integer': ('OptInt ', 'SHAPE_INTEGER'), 'short': ('OptInt ', 'SHAPE_INTEGER'),
    'long': ('OptInt ', 'SHAPE_LONG'), 'biginteger': ('OptInt ', 'SHAPE_LONG'),
    'float': ('OptDouble ', 'SHAPE_FLOAT'), 'double': ('OptDouble ', 'SHAPE_DOUBLE'),
    'timestamp': ('OptTime ', 'SHAPE_TIMESTAMP'), 'blob': ('Blob ', 'SHAPE_BLOB'),
}
LOCATIONS = {'header': 'LOCATION_HEADER', 'headers': 'LOCATION_HEADERS', 'querystring': 'LOCATION_QUERY', 'uri': 'LOCATION_URI',
             'statusCode': 'LOCATION_STATUS'}
TIMES = {'iso8601': 'TIME_ISO8601', 'rfc822': 'TIME_RFC822', 'unixTimestamp': 'TIME_UNIX'}
PROTOCOLS = {'json': 'PROTOCOL_JSON', 'query': 'PROTOCOL_QUERY', 'ec2': 'PROTOCOL_EC2', 'rest-json': 'PROTOCOL_REST_JSON',
             'rest-xml': 'PROTOCOL_REST_XML', 'smithy-rpc-v2-cbor': 'PROTOCOL_CBOR'}


def camel(folder):
    return folder[0].upper() + folder[1:]


def text(value):
    """A C string, or NULL."""
    if value is None:
        return 'NULL'
    out = []
    for byte in value.encode('utf-8', 'surrogatepass'):
        char = chr(byte)
        if char in '"\\':
            out.append('\\' + char)
        elif char == '?' or not 32 <= byte < 127:  # no trigraphs, no raw bytes
            out.append(f'\\{byte:03o}')
        else:
            out.append(char)
    return '"' + ''.join(out) + '"'


def ident(name):
    name = re.sub(r'\W', '_', name)
    return name + '_' if name in WORDS or name[0].isdigit() else name


class Service:
    """Collects what a service's operations and records need, in order, and prints it."""

    def __init__(self, folder, model):
        self.folder, self.model, self.prefix = folder, model, camel(folder)
        self.shapes = model['shapes']
        self.names = {}      # shape name -> C name
        self.order = []      # shape names, in order of discovery
        self.aliases = []    # (alias, C name or None for an empty structure)
        self.operations = []

    # -- names and types ---------------------------------------------------------------------------------------------------

    def reserve(self, operation):
        """The names <Op>Input and <Op>Output belong to the operations."""
        model = self.model['operations'][operation]
        for side, suffix in (('input', 'Input'), ('output', 'Output')):
            alias = f'{self.prefix}{operation}{suffix}'
            shape = model.get(side, {}).get('shape')
            self.aliases.append((alias, shape))

    def c_name(self, shape):
        if shape not in self.names:
            name = self.prefix + re.sub(r'\W', '_', shape.replace('haar.', ''))
            taken = {alias: own for alias, own in self.aliases}
            if name in taken and taken[name] != shape or name in self.names.values():
                name += 'Shape'
            self.names[shape] = name
        return self.names[shape]

    def need(self, shape):
        """Adds a shape and all that it is made of."""
        if shape in self.names:
            return
        self.c_name(shape)
        self.order.append(shape)
        definition = self.shapes[shape]
        for reference in definition.get('members', {}).values():
            self.need(reference['shape'])
        for part in ('member', 'key', 'value'):
            if part in definition:
                self.need(definition[part]['shape'])

    def is_strings(self, shape):
        definition = self.shapes[shape]
        return self.shapes[definition['member' if definition['type'] == 'list' else 'value']['shape']]['type'] in ('string', 'character')

    def c_type(self, shape):
        definition = self.shapes[shape]
        kind = definition['type']
        if definition.get('document'):
            return 'const Json *'
        if kind == 'blob' and definition.get('streaming'):
            return 'Body *'
        if kind in SCALARS:
            return SCALARS[kind][0]
        if kind == 'structure':
            return self.c_name(shape) + ' *'
        if self.is_strings(shape):
            return 'StringList ' if kind == 'list' else 'StringMap '
        return self.c_name(shape) + ' '

    def shape_symbol(self, shape):
        definition = self.shapes[shape]
        return self.c_name(shape) + '_shape' if definition['type'] == 'structure' and not definition.get('document') else 's_' + self.c_name(shape)

    # -- header ------------------------------------------------------------------------------------------------------------

    def structures(self):
        return [s for s in self.order if self.shapes[s]['type'] == 'structure' and not self.shapes[s].get('document')]

    def containers(self):
        return [s for s in self.order if self.shapes[s]['type'] in ('list', 'map') and not self.is_strings(s)]

    def header(self):
        out = [f'/* Generated from the API model of {self.folder}: do not edit. */', '#pragma once', '#include "server/call.h"', '',
               f'extern const ServiceModel {self.prefix}_service;',
               '#ifndef OPERATION /* a service includes its own header first */',
               f'#define OPERATION(Name, function, ...) OPERATION_({self.prefix}, Name, function, __VA_ARGS__)', '#endif', '']
        for shape in self.structures():
            out.append(f'typedef struct {self.c_name(shape)} {self.c_name(shape)};')
        first = {}  # (kind, element's C type) -> C name: containers of one element type are one C type
        struct = {}  # C name -> the name that its struct has
        for shape in self.containers():
            kind = self.shapes[shape]['type']
            element = self.c_type(self.shapes[shape]['member' if kind == 'list' else 'value']['shape'])
            struct[self.c_name(shape)] = first.setdefault((kind, element), self.c_name(shape))
        first = {}
        for shape in self.containers():
            name, kind = self.c_name(shape), self.shapes[shape]['type']
            element = self.c_type(self.shapes[shape]['member' if kind == 'list' else 'value']['shape'])
            same = first.setdefault((kind, element), name)
            if same != name:
                out.append(f'typedef {same} {name};')
                if kind == 'map':
                    out.append(f'typedef struct {same}Entry {name}Entry;')
            elif kind == 'list':
                if element.startswith(self.prefix) and not element.endswith('*'):
                    element = f'struct {struct.get(element.strip(), element.strip())} '
                out.append(f'typedef struct {name} {{ gsize n; {element}*v; }} {name};')
            else:
                out.append(f'typedef struct {name} {{ gsize n; struct {name}Entry *v; }} {name};')
        for (kind, element), name in first.items():
            if kind == 'map':
                out.append(f'typedef struct {name}Entry {{ const char *key; {element}value; }} {name}Entry;')
        for shape in self.structures():
            out.append(f'struct {self.c_name(shape)} {{')
            for member, reference in self.shapes[shape].get('members', {}).items():
                out.append(f"  {self.c_type(reference['shape'])}{ident(member)};")
            if not self.shapes[shape].get('members'):
                out.append('  char unused_;')
            out.append('};')
            out.append(f'extern const Shape {self.c_name(shape)}_shape;')
        for alias, shape in self.aliases:
            if shape is None:
                out.append(f'typedef struct {alias} {{ char unused_; }} {alias};')
                out.append(f'extern const Shape {alias}_shape;')
            elif self.c_name(shape) != alias:
                out.append(f'typedef {self.c_name(shape)} {alias};')
                out.append(f'#define {alias}_shape {self.c_name(shape)}_shape')
        for operation in self.operations:
            out.append(f'extern const OperationModel {self.prefix}{operation}_model;')
            out.append(f'extern const Operation {self.prefix}Operation{operation};')
        return '\n'.join(out) + '\n'

    # -- tables ------------------------------------------------------------------------------------------------------------

    def flags(self, definition):
        flags = []
        error = definition.get('error', {})
        for key, flag in (('flattened', 'FLATTENED'), ('streaming', 'STREAMING'), ('union', 'UNION'), ('exception', 'EXCEPTION'),
                          ('sensitive', 'SENSITIVE'), ('eventstream', 'EVENTSTREAM'), ('fault', 'FAULT')):
            if definition.get(key):
                flags.append('SHAPE_' + flag)
        if isinstance(definition.get('min'), (int, float)):
            flags.append('SHAPE_HAS_MIN')
        if isinstance(definition.get('max'), (int, float)):
            flags.append('SHAPE_HAS_MAX')
        if definition.get('exception') and error.get('httpStatusCode', 0) >= 500:
            flags.append('SHAPE_FAULT')
        return ' | '.join(dict.fromkeys(flags)) or '0'

    def members(self, shape):
        definition = self.shapes[shape]
        name = self.c_name(shape)
        out = [f'static const Member {name}_members[] = {{']
        for member, reference in definition.get('members', {}).items():
            target = self.shapes[reference['shape']]
            flags = []
            if member in definition.get('required', []):
                flags.append('MEMBER_REQUIRED')
            if reference.get('flattened') or target.get('flattened'):
                flags.append('MEMBER_FLATTENED')
            for key, flag in (('idempotencyToken', 'IDEMPOTENCY_TOKEN'), ('xmlAttribute', 'XML_ATTRIBUTE'), ('jsonvalue', 'JSON_VALUE')):
                if reference.get(key):
                    flags.append('MEMBER_' + flag)
            if definition.get('payload') == member:
                flags.append('MEMBER_PAYLOAD')
            wire = reference.get('locationName', member)
            ec2 = reference.get('queryName') or (reference['locationName'][0].upper() + reference['locationName'][1:]
                                                 if reference.get('locationName') else member)
            uri = reference.get('xmlNamespace', {})
            time = TIMES.get(reference.get('timestampFormat'), 'TIME_DEFAULT')
            out.append(f'  {{ {text(member)}, {text(wire)}, {text(ec2)}, &{self.shape_symbol(reference["shape"])}, '
                       f'G_STRUCT_OFFSET({name}, {ident(member)}), {LOCATIONS.get(reference.get("location"), "LOCATION_BODY")}, {time}, '
                       f'{" | ".join(flags) or "0"}, {text(uri.get("prefix"))}, {text(uri.get("uri"))} }},')
        out.append('};')
        return out if definition.get('members') else []

    def table(self, shape):
        """The Shape of one shape, and its members."""
        definition = self.shapes[shape]
        kind, name = definition['type'], self.c_name(shape)
        row = {'name': text(shape.replace('haar.', '')), 'flags': self.flags(definition),
               'time_format': TIMES.get(definition.get('timestampFormat'), 'TIME_DEFAULT')}
        out = []
        if kind == 'structure' and not definition.get('document'):
            out += self.members(shape)
            row['type'], row['size'] = 'SHAPE_STRUCTURE', f'sizeof({name})'
            if definition.get('members'):
                row['members'], row['n_members'] = f'{name}_members', f'G_N_ELEMENTS({name}_members)'
            if definition.get('exception'):
                error = definition.get('error', {})
                row['status'] = str(error.get('httpStatusCode', 0))
                row['error_code'] = text(error.get('code'))
            row['xml_uri'] = text(definition.get('xmlNamespace', {}).get('uri'))
        elif kind == 'structure':
            row['type'], row['size'] = 'SHAPE_DOCUMENT', 'sizeof(const Json *)'
        elif kind == 'list':
            element = definition['member']
            row['type'], row['size'] = 'SHAPE_LIST', 'sizeof(AnyList)'
            row['element'] = '&' + self.shape_symbol(element['shape'])
            row['element_name'] = text(element.get('locationName', 'member'))
            row['entry_size'] = f"sizeof({self.c_type(element['shape'])})"
        elif kind == 'map':
            entry = 'StringMapEntry' if self.is_strings(shape) else name + 'Entry'
            row['type'], row['size'] = 'SHAPE_MAP', 'sizeof(AnyList)'
            row['key'] = '&' + self.shape_symbol(definition['key']['shape'])
            row['element'] = '&' + self.shape_symbol(definition['value']['shape'])
            row['key_name'] = text(definition['key'].get('locationName', 'key'))
            row['element_name'] = text(definition['value'].get('locationName', 'value'))
            row['entry_size'], row['value_offset'] = f'sizeof({entry})', f'G_STRUCT_OFFSET({entry}, value)'
        else:
            row['type'], row['size'] = SCALARS[kind][1], f'sizeof({self.c_type(shape)})'
            if definition.get('enum'):
                values = ', '.join(text(v) for v in definition['enum'])
                out.append(f'static const char *const {name}_enum[] = {{ {values} }};')
                row['enum_values'], row['n_enum'] = f'{name}_enum', str(len(definition['enum']))
            row['pattern'] = text(definition.get('pattern'))
        for bound in ('min', 'max'):
            if isinstance(definition.get(bound), (int, float)):
                row[bound] = repr(float(definition[bound]))
        fields = ', '.join(f'.{k} = {v}' for k, v in row.items() if v not in ('0', 'NULL', 'TIME_DEFAULT'))
        linkage = '' if kind == 'structure' and not definition.get('document') else 'static '
        out.append(f'{linkage}const Shape {self.shape_symbol(shape)} = {{ {fields} }};')
        return out

    def operation_model(self, operation):
        model = self.model['operations'][operation]
        name = f'{self.prefix}{operation}'
        errors = [f"&{self.shape_symbol(e['shape'])}" for e in model.get('errors', [])]
        http = model.get('http', {})

        def streams(side):
            shape = self.shapes.get(model.get(side, {}).get('shape'), {})
            payload = shape.get('payload')
            return 'TRUE' if payload and self.shapes[shape['members'][payload]['shape']].get('streaming') else 'FALSE'
        return [f"static const Shape *const {name}_errors[] = {{ {', '.join(errors + ['NULL'])} }};",
                f'const OperationModel {name}_model = {{ .name = {text(operation)}, .method = {text(http.get("method", "POST"))}, '
                f'.uri = {text(http.get("requestUri", "/"))}, .result_wrapper = {text(model.get("output", {}).get("resultWrapper"))}, '
                f'.input = &{name}Input_shape, .output = &{name}Output_shape, .errors = {name}_errors, '
                f'.status = {http.get("responseCode", 200)}, .input_streams = {streams("input")}, .output_streams = {streams("output")} }};']

    def source(self):
        metadata = self.model['metadata']
        protocol = metadata.get('protocol')
        if protocol not in PROTOCOLS:
            raise ModelError(f'{self.folder}: protocol {protocol} is unknown')
        out = [f'/* Generated from the API model of {self.folder}: do not edit. */', f'#include "services/{self.folder}.gen.h"',
               '#include "server/haar.h"', '']
        for shape in self.order:
            if self.shape_symbol(shape).startswith('s_'):
                out.append(f'static const Shape {self.shape_symbol(shape)};')
        for shape in self.order:
            out += self.table(shape)
        for alias, shape in self.aliases:
            if shape is None:
                out.append(f'const Shape {alias}_shape = {{ .name = {text(alias[len(self.prefix):])}, .type = SHAPE_STRUCTURE, .size = sizeof({alias}) }};')
        for operation in self.operations:
            out += self.operation_model(operation)
        uri = metadata.get('xmlNamespace')
        uri = uri.get('uri') if isinstance(uri, dict) else uri
        fields = {
            'name': self.folder, 'id': metadata.get('serviceId', self.folder), 'endpoint_prefix': metadata['endpointPrefix'],
            'signing_name': metadata.get('signingName', metadata['endpointPrefix']), 'target_prefix': metadata.get('targetPrefix'),
            'api_version': metadata['apiVersion'], 'json_version': metadata.get('jsonVersion'), 'xml_uri': uri,
        }
        if self.folder == 's3':
            fields['xml_uri'] = 'http://s3.amazonaws.com/doc/2006-03-01/'
        out.append(f'const ServiceModel {self.prefix}_service = {{ ' + ', '.join(f'.{k} = {text(v)}' for k, v in fields.items()) +
                   f', .protocol = {PROTOCOLS[protocol]} }};')
        rows = [f'&{self.prefix}Operation{o}' for o in self.operations]
        out.append(f"static const Operation *const operations[] = {{ {', '.join(rows + ['NULL'])} }};")
        out.append(f'extern const ServiceHooks {self.folder}_hooks;')
        out.append(f'extern const Service service_{self.folder};')
        out.append(f'const Service service_{self.folder} = {{ .model = &{self.prefix}_service, .operations = operations, '
                   f'.n_operations = {len(rows)}, .hooks = &{self.folder}_hooks }};')
        return '\n'.join(out) + '\n'


def service(folder, model, declarations):
    """(header, source) of a service with these operations: (name, function, file, line)."""
    result = Service(folder, model)
    for name, _, path, line in declarations:
        if name not in model['operations']:
            raise ModelError(f'{path}:{line}: {folder} has no operation {name}')
        result.operations.append(name)
        result.reserve(name)
    for name in result.operations:
        operation = model['operations'][name]
        for side in ('input', 'output'):
            if side in operation:
                result.need(operation[side]['shape'])
        for error in operation.get('errors', []):
            result.need(error['shape'])
    for record in model['records']:
        result.need(record)
    return result.header(), result.source()


def registry(folders):
    out = ['/* Generated from src/services/meson.build: do not edit. */', '#include "server/haar.h"', '']
    out += [f'extern const Service service_{f};' for f in folders]
    rows = ''.join(f'  &service_{f},\n' for f in sorted(folders))
    return '\n'.join(out) + f'\nconst Service *const haar_services[] = {{\n{rows}  NULL,\n}};\n'


def resources(declarations):
    out = ['/* Generated from the RESOURCE lines: do not edit. */', '#include "stack/resource.h"', '']
    out += [f'extern const ResourceType resource_{d[1]};' for d in declarations]
    rows = ''.join(f'  &resource_{d[1]},\n' for d in declarations)
    return '\n'.join(out) + f'\nconst ResourceType *const haar_resource_types[] = {{\n{rows}  NULL,\n}};\n'


def commands(declarations):
    out = ['/* Generated from the COMMAND lines: do not edit. */', '#include "cli/cli.h"', '']
    out += [f'extern const Command command_{d[1]};' for d in declarations]
    rows = ''.join(f'  &command_{d[1]},\n' for d in declarations)
    return '\n'.join(out) + f'\nconst Command *const cli_commands[] = {{\n{rows}  NULL,\n}};\n'
