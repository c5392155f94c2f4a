"""The generator's own errors, word for word, and what it makes of a small model."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import emit  # noqa: E402
import load  # noqa: E402
import scan  # noqa: E402


class Folder:
    """A service's folder with an overlay and one source."""

    def __init__(self, source='', overlay=None):
        self.directory = tempfile.TemporaryDirectory()
        self.path = self.directory.name
        self.source = os.path.join(self.path, 'item.c')
        with open(self.source, 'w', encoding='utf-8') as file:
            file.write(source)
        with open(os.path.join(self.path, 'overlay.json'), 'w', encoding='utf-8') as file:
            json.dump(overlay or {}, file)

    def service(self, name='dynamodb'):
        return emit.service(name, load.load(name, self.path), scan.operations([self.source]))


class Errors(unittest.TestCase):
    def message(self, folder, name='dynamodb'):
        with self.assertRaises(load.ModelError) as caught:
            folder.service(name)
        return str(caught.exception).replace(folder.path, 'DIR')

    def test_misspelt_operation(self):
        folder = Folder('\nOPERATION(DeletItem, delete_item)\n')
        self.assertEqual(self.message(folder), 'DIR/item.c:2: dynamodb has no operation DeletItem')

    def test_declared_twice(self):
        folder = Folder('OPERATION(GetItem, a)\nOPERATION(GetItem, b)\n')
        self.assertEqual(self.message(folder), 'DIR/item.c:2: operation GetItem is declared twice, first in DIR/item.c:1')

    def test_reference_to_nowhere(self):
        folder = Folder('', {'records': {'R': {'members': {'A': {'shape': 'Nowhere'}}}}})
        self.assertEqual(self.message(folder), 'DIR/overlay.json: shape R refers to Nowhere, which is nowhere')

    def test_record_with_a_shapes_name(self):
        folder = Folder('', {'records': {'TableDescription': {'members': {}}}})
        self.assertEqual(self.message(folder), 'DIR/overlay.json: record TableDescription has the name of a shape of the model')

    def test_unknown_model(self):
        self.assertEqual(self.message(Folder(), 'nonesuch'), 'DIR/overlay.json: python3-botocore has no model nonesuch')

    def test_broken_overlay(self):
        folder = Folder()
        with open(os.path.join(folder.path, 'overlay.json'), 'w', encoding='utf-8') as file:
            file.write('{')
        self.assertTrue(self.message(folder).startswith('DIR/overlay.json: Expecting property name'))


class Output(unittest.TestCase):
    def test_names(self):
        header, source = Folder('OPERATION(PutItem, put_item)\n').service()
        self.assertIn('extern const Operation DynamodbOperationPutItem;', header)
        self.assertIn('  OptBool NULL_;', header)  # a member whose name C has taken
        self.assertIn('.name = "PutItem"', source)
        self.assertNotIn('DynamodbQueryInput', header)  # only what is reached

    def test_aliases_of_shapes_with_other_names(self):
        header, _ = Folder('OPERATION(CreateFunction, create_function)\n').service('lambda')
        self.assertIn('typedef LambdaFunctionConfiguration LambdaCreateFunctionOutput;', header)

    def test_overlay_adds_members_and_records(self):
        overlay = {'shapes': {'CreateTableInput': {'members': {'Novelty': {'shape': 'String'}}}},
                   'records': {'TableRecord': {'members': {'Names': {'shape': 'StringList'}, 'Size': {'shape': 'Long'}}}}}
        header, _ = Folder('OPERATION(CreateTable, create_table)\n', overlay).service()
        self.assertIn('  const char *Novelty;', header)
        self.assertIn('struct DynamodbTableRecord {\n  StringList Names;\n  OptInt Size;\n};', header)

    def test_text(self):
        self.assertEqual(emit.text('a"b\\c??/\u00e9'), '"a\\"b\\\\c\\077\\077/\\303\\251"')
        self.assertEqual(emit.text(None), 'NULL')

    def test_scan_other_declarations(self):
        folder = Folder('RESOURCE(AWS::S3::Bucket, s3_bucket, .create = c)\nCOMMAND(up, run_up, "x")\n')
        self.assertEqual(scan.resources([folder.source])[0][:2], ('AWS::S3::Bucket', 's3_bucket'))
        self.assertEqual(scan.commands([folder.source])[0][:2], ('up', 'run_up'))


if __name__ == '__main__':
    unittest.main()
