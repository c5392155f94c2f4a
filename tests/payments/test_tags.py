"""Tags and exports: what bills and other stacks lean on."""

import pytest


def pairs(tags):
    return tags if isinstance(tags, dict) else {t.get('Key', t.get('TagKey')): t.get('Value', t.get('TagValue')) for t in tags}


ASKED = {
    'vpc': lambda s, o: s.client('ec2').describe_vpcs(VpcIds=[o['VpcId']])['Vpcs'][0]['Tags'],
    'table': lambda s, o: s.client('dynamodb').list_tags_of_resource(ResourceArn=s.client('dynamodb').describe_table(
        TableName=o['SessionTableName'])['Table']['TableArn'])['Tags'],
    'bucket': lambda s, o: s.client('s3').get_bucket_tagging(Bucket=o['LogBucketName'])['TagSet'],
    'cluster': lambda s, o: s.client('rds').describe_db_clusters(DBClusterIdentifier=o['DatabaseClusterId'])['DBClusters'][0]['TagList'],
    'function': lambda s, o: s.client('lambda').get_function(FunctionName=o['FunctionName'])['Tags'],
    'key': lambda s, o: s.client('kms').list_resource_tags(KeyId=o['EncryptionKeyArn'])['Tags'],
    'secret': lambda s, o: s.client('secretsmanager').describe_secret(SecretId=o['DatabaseSecretArn'])['Tags'],
    'topic': lambda s, o: s.client('sns').list_tags_for_resource(ResourceArn=o['AlertTopicArn'])['Tags'],
}


@pytest.mark.parametrize('what', ASKED)
def test_everything_carries_the_environment(stack, outputs, what):
    """Each service's own call shows the template's tag and, beside it, CloudFormation's."""
    tags = pairs(ASKED[what](stack, outputs))
    assert tags.get('Environment') == 'development', (what, tags)
    assert tags.get('aws:cloudformation:stack-name') == stack.name or what == 'key', (what, tags)


def test_outputs_are_exported(stack):
    """Other stacks import the network: the exports carry the resources' ids, and cannot be had twice."""
    exports = {e['Name']: e['Value'] for e in stack.client('cloudformation').list_exports()['Exports']}
    assert exports.get(f'{stack.name}-VpcId') == stack.id('Vpc')
    assert exports.get(f'{stack.name}-SessionTable') == stack.id('SessionTable')
    assert exports.get(f'{stack.name}-PrivateSubnetIds') == f"{stack.id('PrivateSubnetA')},{stack.id('PrivateSubnetB')}"
