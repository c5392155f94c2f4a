"""Keys that encrypt, and who may use them."""

import hashlib
import json
import os

import pytest
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'
TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': ACCOUNT}, 'Action': 'sts:AssumeRole'}]})


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error'].get('Message', '')


@pytest.fixture
def kms(client):
    return client('kms')


@pytest.fixture
def key(kms):
    return kms.create_key(Description='d')['KeyMetadata']


def session(client, name, *statements):
    """A client maker of a new role with these statements."""
    iam = client('iam')
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': list(statements) or [
        {'Effect': 'Allow', 'Action': 'none:None', 'Resource': '*'}]}))
    keys = client('sts').assume_role(RoleArn=f'arn:aws:iam::{ACCOUNT}:role/{name}', RoleSessionName='session')['Credentials']
    return lambda service: client(service, aws_access_key_id=keys['AccessKeyId'], aws_secret_access_key=keys['SecretAccessKey'],
                                  aws_session_token=keys['SessionToken'])


def test_describe(kms, key):
    assert key['Arn'] == f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key['KeyId']}"
    assert (key['KeyState'], key['KeySpec'], key['KeyManager'], key['Origin']) == ('Enabled', 'SYMMETRIC_DEFAULT', 'CUSTOMER', 'AWS_KMS')
    assert kms.describe_key(KeyId=key['Arn'])['KeyMetadata'] == key
    assert key['KeyId'] in [k['KeyId'] for k in kms.list_keys()['Keys']]
    missing = '12345678-1234-1234-1234-123456789012'
    assert refused('NotFoundException', kms.describe_key, KeyId=missing) == f"Key 'arn:aws:kms:us-east-1:{ACCOUNT}:key/{missing}' does not exist"
    assert refused('NotFoundException', kms.describe_key, KeyId='alias/none') == f'Alias arn:aws:kms:us-east-1:{ACCOUNT}:alias/none is not found.'
    assert refused('NotFoundException', kms.describe_key, KeyId='nonsense') == "Invalid keyId 'nonsense'"


def test_encrypt(kms, key):
    context = {'a': '1', 'b': '2'}
    blob = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'secret', EncryptionContext=context)['CiphertextBlob']
    assert b'secret' not in blob
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext={'b': '2', 'a': '1'})
    assert (opened['Plaintext'], opened['KeyId']) == (b'secret', key['Arn'])
    assert refused('InvalidCiphertextException', kms.decrypt, CiphertextBlob=blob) == ''
    refused('InvalidCiphertextException', kms.decrypt, CiphertextBlob=blob, EncryptionContext={'a': '1', 'b': '3'})
    for changed in (blob[:-1] + bytes([blob[-1] ^ 1]), b'nonsense', blob[:60]):
        refused('InvalidCiphertextException', kms.decrypt, CiphertextBlob=changed, EncryptionContext=context)
    other = kms.create_key()['KeyMetadata']
    refused('IncorrectKeyException', kms.decrypt, CiphertextBlob=blob, EncryptionContext=context, KeyId=other['KeyId'])
    moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=other['KeyId'])
    assert (moved['SourceKeyId'], moved['KeyId']) == (key['Arn'], other['Arn'])
    assert kms.decrypt(CiphertextBlob=moved['CiphertextBlob'])['Plaintext'] == b'secret'


def test_data_keys(kms, key):
    made = kms.generate_data_key(KeyId=key['KeyId'], KeySpec='AES_256')
    assert len(made['Plaintext']) == 32 and kms.decrypt(CiphertextBlob=made['CiphertextBlob'])['Plaintext'] == made['Plaintext']
    assert len(kms.generate_data_key(KeyId=key['KeyId'], NumberOfBytes=17)['Plaintext']) == 17
    assert 'Plaintext' not in kms.generate_data_key_without_plaintext(KeyId=key['KeyId'], KeySpec='AES_128')
    assert refused('ValidationException', kms.generate_data_key, KeyId=key['KeyId']) == 'Please specify either number of bytes or key spec.'
    pair = kms.generate_data_key_pair(KeyId=key['KeyId'], KeyPairSpec='ECC_NIST_P256')
    assert kms.decrypt(CiphertextBlob=pair['PrivateKeyCiphertextBlob'])['Plaintext'] == pair['PrivateKeyPlaintext']
    assert len(kms.generate_random(NumberOfBytes=33)['Plaintext']) == 33


def test_aliases(kms, key):
    kms.create_alias(AliasName='alias/one', TargetKeyId=key['KeyId'])
    arn = f'arn:aws:kms:us-east-1:{ACCOUNT}:alias/one'
    assert refused('AlreadyExistsException', kms.create_alias, AliasName='alias/one', TargetKeyId=key['KeyId']) == f'An alias with the name {arn} already exists'
    for name in ('alias/one', arn):
        assert kms.describe_key(KeyId=name)['KeyMetadata']['KeyId'] == key['KeyId']
    assert [a['AliasName'] for a in kms.list_aliases(KeyId=key['KeyId'])['Aliases']] == ['alias/one']
    other = kms.create_key()['KeyMetadata']['KeyId']
    kms.update_alias(AliasName='alias/one', TargetKeyId=other)
    assert kms.describe_key(KeyId='alias/one')['KeyMetadata']['KeyId'] == other
    kms.delete_alias(AliasName='alias/one')
    refused('NotFoundException', kms.describe_key, KeyId='alias/one')
    refused('ValidationException', kms.create_alias, AliasName='one', TargetKeyId=key['KeyId'])
    refused('NotFoundException', kms.enable_key, KeyId='alias/one')


def test_disabled_and_deleted(kms, key, haar):
    blob = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')['CiphertextBlob']
    kms.disable_key(KeyId=key['KeyId'])
    assert refused('DisabledException', kms.decrypt, CiphertextBlob=blob) == f"{key['Arn']} is disabled."
    kms.enable_key(KeyId=key['KeyId'])
    assert kms.decrypt(CiphertextBlob=blob)['Plaintext'] == b'x'
    kms.create_alias(AliasName='alias/doomed', TargetKeyId=key['KeyId'])
    assert kms.schedule_key_deletion(KeyId=key['KeyId'], PendingWindowInDays=7)['KeyState'] == 'PendingDeletion'
    assert refused('KMSInvalidStateException', kms.decrypt, CiphertextBlob=blob) == f"{key['Arn']} is pending deletion."
    kms.cancel_key_deletion(KeyId=key['KeyId'])
    assert kms.describe_key(KeyId=key['KeyId'])['KeyMetadata']['KeyState'] == 'Disabled'
    kms.schedule_key_deletion(KeyId=key['KeyId'], PendingWindowInDays=7)
    done = haar.run('clock', 'advance', '8d')
    assert done.returncode == 0, done.stderr

    def gone():
        try:
            kms.describe_key(KeyId=key['KeyId'])
        except ClientError as error:
            return error.response['Error']['Code'] == 'NotFoundException'
        return False
    from tests.support.daemon import wait_for
    wait_for(gone, 'the key is deleted')
    refused('NotFoundException', kms.describe_key, KeyId='alias/doomed')
    assert 'does not exist in this region' in refused('AccessDeniedException', kms.decrypt, CiphertextBlob=blob)


def test_rotation(kms, key, haar):
    blob = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'old')['CiphertextBlob']
    assert kms.get_key_rotation_status(KeyId=key['KeyId'])['KeyRotationEnabled'] is False
    kms.enable_key_rotation(KeyId=key['KeyId'])
    assert kms.get_key_rotation_status(KeyId=key['KeyId'])['KeyRotationEnabled'] is True
    assert haar.run('clock', 'advance', '366d').returncode == 0

    def rotated():
        return kms.encrypt(KeyId=key['KeyId'], Plaintext=b'new')['CiphertextBlob'][4:8] == b'\0\0\0\1'
    from tests.support.daemon import wait_for
    wait_for(rotated, 'the key has new material')
    assert kms.decrypt(CiphertextBlob=blob)['Plaintext'] == b'old'
    rsa = kms.create_key(KeySpec='ECC_NIST_P256', KeyUsage='SIGN_VERIFY')['KeyMetadata']['KeyId']
    refused('UnsupportedOperationException', kms.enable_key_rotation, KeyId=rsa)


def test_key_policy_decides(kms, client):
    every = {'Effect': 'Allow', 'Action': 'kms:*', 'Resource': '*'}
    reader, stranger = session(client, 'reader')('kms'), session(client, 'stranger', every)('kms')
    policy = {'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'kms:PutKeyPolicy', 'Resource': '*'},
        {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:role/reader'}, 'Action': ['kms:Encrypt', 'kms:Decrypt'], 'Resource': '*',
         'Condition': {'StringEquals': {'kms:EncryptionContext:app': 'pay'}}}]}
    key = kms.create_key(Policy=json.dumps(policy))['KeyMetadata']['Arn']
    blob = reader.encrypt(KeyId=key, Plaintext=b'x', EncryptionContext={'app': 'pay'})['CiphertextBlob']
    assert reader.decrypt(CiphertextBlob=blob, EncryptionContext={'app': 'pay'})['Plaintext'] == b'x'
    assert refused('AccessDeniedException', reader.encrypt, KeyId=key, Plaintext=b'x') == (
        f'User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/session is not authorized to perform: kms:Encrypt on resource: {key} '
        'because no resource-based policy allows the kms:Encrypt action')
    assert 'no resource-based policy allows the kms:Decrypt' in refused('AccessDeniedException', stranger.decrypt, CiphertextBlob=blob)
    default = kms.create_key()['KeyMetadata']['Arn']
    stranger.encrypt(KeyId=default, Plaintext=b'x')
    assert 'no identity-based policy allows the kms:Encrypt' in refused('AccessDeniedException', reader.encrypt, KeyId=default, Plaintext=b'x')
    locked = {'Version': '2012-10-17', 'Statement': [policy['Statement'][1]]}
    assert refused('MalformedPolicyDocumentException', kms.create_key, Policy=json.dumps(locked)) == \
        'The new key policy will not allow you to update the key policy in the future.'
    assert json.loads(kms.get_key_policy(KeyId=default, PolicyName='default')['Policy'])['Id'] == 'key-default-1'


def test_grants(kms, key, client):
    worker = session(client, 'granted')('kms')
    refused('AccessDeniedException', worker.encrypt, KeyId=key['Arn'], Plaintext=b'x')
    grant = kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=f'arn:aws:iam::{ACCOUNT}:role/granted', Operations=['Encrypt'],
                             Constraints={'EncryptionContextSubset': {'a': '1'}})
    worker.encrypt(KeyId=key['Arn'], Plaintext=b'x', EncryptionContext={'a': '1', 'b': '2'})
    refused('AccessDeniedException', worker.encrypt, KeyId=key['Arn'], Plaintext=b'x')
    assert [g['GrantId'] for g in kms.list_grants(KeyId=key['KeyId'])['Grants']] == [grant['GrantId']]
    kms.revoke_grant(KeyId=key['KeyId'], GrantId=grant['GrantId'])
    refused('AccessDeniedException', worker.encrypt, KeyId=key['Arn'], Plaintext=b'x', EncryptionContext={'a': '1'})


def test_managed_keys_are_their_services(kms):
    aliases = {a['AliasName']: a.get('TargetKeyId') for a in kms.list_aliases()['Aliases']}
    assert kms.describe_key(KeyId='alias/aws/s3')['KeyMetadata']['KeyManager'] == 'AWS'
    assert kms.describe_key(KeyId=aliases['alias/aws/s3'])['KeyMetadata']['KeyId'] == aliases['alias/aws/s3']
    assert 'because no resource-based policy allows' in refused('AccessDeniedException', kms.encrypt, KeyId='alias/aws/s3', Plaintext=b'x')
    refused('AccessDeniedException', kms.schedule_key_deletion, KeyId=aliases['alias/aws/s3'])


def test_secrets_use_their_key(kms, key, client):
    secrets = client('secretsmanager')
    secrets.create_secret(Name='plain', SecretString='one')
    secrets.create_secret(Name='own', SecretString='two', KmsKeyId=key['Arn'])
    assert [secrets.get_secret_value(SecretId=n)['SecretString'] for n in ('plain', 'own')] == ['one', 'two']
    read = {'Effect': 'Allow', 'Action': 'secretsmanager:GetSecretValue', 'Resource': '*'}
    via = {'Effect': 'Allow', 'Action': 'kms:Decrypt', 'Resource': key['Arn'],
           'Condition': {'StringEquals': {'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com'}}}
    without, allowed = session(client, 'no-kms', read), session(client, 'with-kms', read, via)
    assert without('secretsmanager').get_secret_value(SecretId='plain')['SecretString'] == 'one'
    refused('AccessDeniedException', without('secretsmanager').get_secret_value, SecretId='own')
    assert allowed('secretsmanager').get_secret_value(SecretId='own')['SecretString'] == 'two'
    blob = kms.encrypt(KeyId=key['Arn'], Plaintext=b'x')['CiphertextBlob']
    refused('AccessDeniedException', allowed('kms').decrypt, CiphertextBlob=blob)
    kms.disable_key(KeyId=key['Arn'])
    assert 'is disabled.' in refused('DecryptionFailure', secrets.get_secret_value, SecretId='own')
    assert 'is disabled.' in refused('EncryptionFailure', secrets.put_secret_value, SecretId='own', SecretString='three')


@pytest.mark.parametrize('spec, algorithm', [('RSA_2048', 'RSASSA_PSS_SHA_256'), ('RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_512'), ('ECC_NIST_P384', 'ECDSA_SHA_384')])
def test_signatures(kms, spec, algorithm):
    key = kms.create_key(KeySpec=spec, KeyUsage='SIGN_VERIFY')['KeyMetadata']['KeyId']
    signature = kms.sign(KeyId=key, Message=b'message', SigningAlgorithm=algorithm)['Signature']
    assert kms.verify(KeyId=key, Message=b'message', Signature=signature, SigningAlgorithm=algorithm)['SignatureValid']
    digest = hashlib.new('sha' + algorithm[-3:], b'message').digest()
    assert kms.verify(KeyId=key, Message=digest, MessageType='DIGEST', Signature=signature, SigningAlgorithm=algorithm)['SignatureValid']
    refused('KMSInvalidSignatureException', kms.verify, KeyId=key, Message=b'other', Signature=signature, SigningAlgorithm=algorithm)
    assert kms.get_public_key(KeyId=key)['PublicKey']
    refused('InvalidKeyUsageException', kms.encrypt, KeyId=key, Plaintext=b'x')


def test_rsa_encryption_and_hmac(kms):
    key = kms.create_key(KeySpec='RSA_2048', KeyUsage='ENCRYPT_DECRYPT')['KeyMetadata']['KeyId']
    blob = kms.encrypt(KeyId=key, Plaintext=b'x', EncryptionAlgorithm='RSAES_OAEP_SHA_256')['CiphertextBlob']
    assert kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm='RSAES_OAEP_SHA_256')['Plaintext'] == b'x'
    key = kms.create_key(KeySpec='HMAC_256', KeyUsage='GENERATE_VERIFY_MAC')['KeyMetadata']['KeyId']
    mac = kms.generate_mac(KeyId=key, Message=b'm', MacAlgorithm='HMAC_SHA_256')['Mac']
    assert kms.verify_mac(KeyId=key, Message=b'm', Mac=mac, MacAlgorithm='HMAC_SHA_256')['MacValid']
    refused('KMSInvalidMacException', kms.verify_mac, KeyId=key, Message=b'n', Mac=mac, MacAlgorithm='HMAC_SHA_256')


def test_not_here(kms):
    refused('UnsupportedOperationException', kms.create_key, MultiRegion=True)


def test_tags(kms, key):
    kms.tag_resource(KeyId=key['KeyId'], Tags=[{'TagKey': 'a', 'TagValue': '1'}])
    assert kms.list_resource_tags(KeyId=key['KeyId'])['Tags'] == [{'TagKey': 'a', 'TagValue': '1'}]
    kms.untag_resource(KeyId=key['KeyId'], TagKeys=['a'])
    assert kms.list_resource_tags(KeyId=key['KeyId'])['Tags'] == []


def test_keys_outlive_the_daemon(kms, key, haar):
    blob = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'kept')['CiphertextBlob']
    haar.kill()
    haar.start()
    assert kms.decrypt(CiphertextBlob=blob)['Plaintext'] == b'kept'
    assert os.stat(os.path.join(haar.data, 'kms.root')).st_mode & 0o777 == 0o600


def newer(haar, operation, **body):
    """An operation that this SDK does not know yet, signed by hand."""
    import urllib.request

    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    request = botocore.awsrequest.AWSRequest('POST', haar.url + '/', data=json.dumps(body), headers={
        'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': f'TrentService.{operation}'})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials('test', 'test'), 'kms', 'us-east-1').add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(haar.url + '/', data=request.data.encode(), headers=dict(request.headers))) as answer:
        return json.load(answer)


def test_rotation_on_demand(kms, key, haar):
    blob = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'old')['CiphertextBlob']
    assert newer(haar, 'RotateKeyOnDemand', KeyId=key['KeyId']) == {'KeyId': key['Arn']}
    assert kms.encrypt(KeyId=key['KeyId'], Plaintext=b'new')['CiphertextBlob'][4:8] == b'\0\0\0\1'
    assert kms.decrypt(CiphertextBlob=blob)['Plaintext'] == b'old'
    assert [r['RotationType'] for r in newer(haar, 'ListKeyRotations', KeyId=key['KeyId'])['Rotations']] == ['ON_DEMAND']
    kms.enable_key_rotation(KeyId=key['KeyId'])
    assert newer(haar, 'GetKeyRotationStatus', KeyId=key['KeyId'])['RotationPeriodInDays'] == 365
