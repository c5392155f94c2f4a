"""Distributions and policies as operations, with CloudFront's words; and as CloudFormation makes them."""

import copy
import json

import pytest
from botocore.exceptions import ClientError

from tests.support.daemon import wait_for

HAAR_OPTIONS = ('--network', 'off', '--dns-port', '0')
DISABLED = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad'


@pytest.fixture(scope='module')
def cloudfront(client):
    return client('cloudfront')


def config(reference, **more):
    return {'CallerReference': reference, 'Comment': 'test', 'Enabled': True, 'Origins': {'Quantity': 1, 'Items': [{
        'Id': 'api', 'DomainName': 'api.example.com', 'CustomOriginConfig': {'HTTPPort': 80, 'HTTPSPort': 443, 'OriginProtocolPolicy': 'https-only'}}]},
        'DefaultCacheBehavior': {'TargetOriginId': 'api', 'ViewerProtocolPolicy': 'redirect-to-https', 'CachePolicyId': DISABLED}, **more}


def fails(code, message, function, **arguments):
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    assert (caught.value.response['Error']['Code'], caught.value.response['Error']['Message']) == (code, message)


def test_life(cloudfront):
    made = cloudfront.create_distribution(DistributionConfig=config('life'))
    distribution, etag = made['Distribution'], made['ETag']
    identifier = distribution['Id']
    assert distribution['Status'] == 'InProgress' and distribution['ARN'] == f'arn:aws:cloudfront::000000000000:distribution/{identifier}'
    assert distribution['DomainName'].endswith('.cloudfront.net') and made['Location'].endswith(identifier)
    filled = distribution['DistributionConfig']
    assert filled['PriceClass'] == 'PriceClass_All' and filled['ViewerCertificate']['CloudFrontDefaultCertificate'] is True
    assert filled['Origins']['Items'][0]['ConnectionAttempts'] == 3 and filled['Aliases'] == {'Quantity': 0}
    assert filled['DefaultCacheBehavior']['AllowedMethods']['Items'] == ['HEAD', 'GET']
    cloudfront.get_waiter('distribution_deployed').wait(Id=identifier, WaiterConfig={'Delay': 1, 'MaxAttempts': 3})
    fails('DistributionAlreadyExists', 'The caller reference that you are using to create a distribution is associated with another distribution. '
          f'Already exists: {identifier}', cloudfront.create_distribution, DistributionConfig=config('life'))
    fails('DistributionNotDisabled', 'The distribution you are trying to delete has not been disabled.', cloudfront.delete_distribution, Id=identifier, IfMatch=etag)
    fails('InvalidIfMatchVersion', 'The If-Match version is missing or not valid for the resource.', cloudfront.delete_distribution, Id=identifier)
    fails('PreconditionFailed', "The request failed because it didn't meet the preconditions in one or more request-header fields.",
          cloudfront.update_distribution, Id=identifier, IfMatch='EOTHER', DistributionConfig=filled)
    read = cloudfront.get_distribution_config(Id=identifier)
    changed = {**read['DistributionConfig'], 'Enabled': False, 'Comment': 'off'}
    updated = cloudfront.update_distribution(Id=identifier, IfMatch=read['ETag'], DistributionConfig=changed)
    assert updated['Distribution']['DistributionConfig'] == changed and updated['ETag'] != etag
    listed = cloudfront.list_distributions()['DistributionList']
    assert [(d['Id'], d['Enabled'], d['Comment']) for d in listed['Items']] == [(identifier, False, 'off')]
    cloudfront.delete_distribution(Id=identifier, IfMatch=updated['ETag'])
    fails('NoSuchDistribution', 'The specified distribution does not exist.', cloudfront.get_distribution, Id=identifier)


def test_refusals(cloudfront):
    def refused(code, message, reference='refused', **changes):
        body = copy.deepcopy(config(reference))
        for path, value in changes.items():
            at, keys = body, path.split('__')
            for key in keys[:-1]:
                at = at[int(key) if key.isdigit() else key]
            at[keys[-1]] = value
        fails(code, message, cloudfront.create_distribution, DistributionConfig=body)

    refused('NoSuchOrigin', 'One or more of your origins or origin groups do not exist.', DefaultCacheBehavior__TargetOriginId='other')
    refused('InconsistentQuantities', "The value of Quantity and the size of Items don't match.", Origins__Quantity=2)
    refused('NoSuchCachePolicy', 'The specified cache policy does not exist.', DefaultCacheBehavior__CachePolicyId='none')
    refused('InvalidArgument', 'haar does not have CloudFront Functions yet: leave it out of the distribution',
            DefaultCacheBehavior__FunctionAssociations={'Quantity': 1, 'Items': [{'FunctionARN': 'arn:aws:cloudfront::000000000000:function/f', 'EventType': 'viewer-request'}]})
    refused('InvalidErrorCode', 'An invalid error code was specified.', CustomErrorResponses={'Quantity': 1, 'Items': [{'ErrorCode': 200}]})
    with pytest.raises(cloudfront.exceptions.InvalidViewerCertificate):
        cloudfront.create_distribution(DistributionConfig=config('alias', Aliases={'Quantity': 1, 'Items': ['www.example.com']}))
    certificate = {'ViewerCertificate': {'ACMCertificateArn': 'arn:aws:acm:us-east-1:1:certificate/x', 'SSLSupportMethod': 'sni-only'}}
    aliases = {'Aliases': {'Quantity': 1, 'Items': ['www.example.com']}, **certificate}
    cloudfront.create_distribution(DistributionConfig=config('first', **aliases))
    fails('CNAMEAlreadyExists', 'One or more of the CNAMEs you provided are already associated with a different resource.',
          cloudfront.create_distribution, DistributionConfig=config('second', **aliases))
    with pytest.raises(ClientError) as caught:
        cloudfront.list_functions()
    assert 'haar does not implement' in caught.value.response['Error']['Message']


def test_policies(cloudfront):
    managed = cloudfront.list_cache_policies(Type='managed')['CachePolicyList']['Items']
    assert '4135ea2d-6df8-44a3-9df3-4b5a84be39ad' in {p['CachePolicy']['Id'] for p in managed}
    assert cloudfront.get_origin_request_policy(Id='216adef6-5c7f-47e4-b989-5492eafa07d3')['OriginRequestPolicy']['OriginRequestPolicyConfig']['Name'] == 'Managed-AllViewer'
    body = {'Name': 'p', 'MinTTL': 1, 'ParametersInCacheKeyAndForwardedToOrigin': {
        'EnableAcceptEncodingGzip': True, 'HeadersConfig': {'HeaderBehavior': 'none'}, 'CookiesConfig': {'CookieBehavior': 'none'}, 'QueryStringsConfig': {'QueryStringBehavior': 'all'}}}
    made = cloudfront.create_cache_policy(CachePolicyConfig=body)
    identifier = made['CachePolicy']['Id']
    fails('CachePolicyAlreadyExists', f'A cache policy with this name already exists. Id: {identifier}', cloudfront.create_cache_policy, CachePolicyConfig=body)
    used = config('uses')
    used['DefaultCacheBehavior']['CachePolicyId'] = identifier
    distribution = cloudfront.create_distribution(DistributionConfig=used)['Distribution']['Id']
    fails('CachePolicyInUse', f'Cannot delete the cache policy because it is attached to the distribution {distribution}.',
          cloudfront.delete_cache_policy, Id=identifier, IfMatch=made['ETag'])
    fails('IllegalUpdate', f'The cache policy {DISABLED} is managed by AWS and cannot be changed.', cloudfront.update_cache_policy, Id=DISABLED,
          IfMatch=cloudfront.get_cache_policy(Id=DISABLED)['ETag'], CachePolicyConfig=body)
    updated = cloudfront.update_cache_policy(Id=identifier, IfMatch=made['ETag'], CachePolicyConfig={**body, 'Name': 'q'})
    assert updated['CachePolicy']['CachePolicyConfig']['Name'] == 'q' and updated['ETag'] != made['ETag']


def test_tags(cloudfront):
    made = cloudfront.create_distribution_with_tags(DistributionConfigWithTags={'DistributionConfig': config('tags'), 'Tags': {'Items': [{'Key': 'a', 'Value': '1'}]}})
    arn = made['Distribution']['ARN']
    cloudfront.tag_resource(Resource=arn, Tags={'Items': [{'Key': 'b', 'Value': '2'}]})
    cloudfront.untag_resource(Resource=arn, TagKeys={'Items': ['a']})
    assert cloudfront.list_tags_for_resource(Resource=arn)['Tags']['Items'] == [{'Key': 'b', 'Value': '2'}]
    assert cloudfront.get_distribution(Id=made['Distribution']['Id'])['ETag'] == made['ETag']


def template(path):
    return json.dumps({'Resources': {
        'Identity': {'Type': 'AWS::CloudFront::CloudFrontOriginAccessIdentity', 'Properties': {'CloudFrontOriginAccessIdentityConfig': {'Comment': 'x'}}},
        'Control': {'Type': 'AWS::CloudFront::OriginAccessControl', 'Properties': {'OriginAccessControlConfig': {
            'Name': 'c', 'SigningProtocol': 'sigv4', 'SigningBehavior': 'always', 'OriginAccessControlOriginType': 's3'}}},
        'Cache': {'Type': 'AWS::CloudFront::CachePolicy', 'Properties': {'CachePolicyConfig': {
            'Name': 'stack', 'MinTTL': 0, 'DefaultTTL': 5, 'MaxTTL': 10, 'ParametersInCacheKeyAndForwardedToOrigin': {
                'EnableAcceptEncodingGzip': True, 'HeadersConfig': {'HeaderBehavior': 'whitelist', 'Headers': ['X-A']}, 'CookiesConfig': {'CookieBehavior': 'none'},
                'QueryStringsConfig': {'QueryStringBehavior': 'all'}}}}},
        'Request': {'Type': 'AWS::CloudFront::OriginRequestPolicy', 'Properties': {'OriginRequestPolicyConfig': {
            'Name': 'stack', 'HeadersConfig': {'HeaderBehavior': 'allViewer'}, 'CookiesConfig': {'CookieBehavior': 'all'}, 'QueryStringsConfig': {'QueryStringBehavior': 'all'}}}},
        'Response': {'Type': 'AWS::CloudFront::ResponseHeadersPolicy', 'Properties': {'ResponseHeadersPolicyConfig': {
            'Name': 'stack', 'CustomHeadersConfig': {'Items': [{'Header': 'X-B', 'Value': '1', 'Override': True}]}}}},
        'Cdn': {'Type': 'AWS::CloudFront::Distribution', 'Properties': {'Tags': [{'Key': 'team', 'Value': 'pay'}], 'DistributionConfig': {
            'Enabled': True, 'PriceClass': 'PriceClass_100', 'HttpVersion': 'http2', 'IPV6Enabled': True,
            'Origins': [{'Id': 'blue', 'DomainName': 'blue.example.com', 'OriginPath': path, 'OriginCustomHeaders': [{'HeaderName': 'X-C', 'HeaderValue': '2'}],
                         'CustomOriginConfig': {'OriginProtocolPolicy': 'https-only', 'OriginSSLProtocols': ['TLSv1.2'], 'HTTPSPort': 443}},
                        {'Id': 'green', 'DomainName': 'green.example.com', 'CustomOriginConfig': {'OriginProtocolPolicy': 'https-only'}},
                        {'Id': 's3', 'DomainName': 'b.s3.us-east-1.amazonaws.com', 'OriginAccessControlId': {'Fn::GetAtt': ['Control', 'Id']}, 'S3OriginConfig': {}}],
            'OriginGroups': {'Quantity': 1, 'Items': [{'Id': 'both', 'FailoverCriteria': {'StatusCodes': {'Quantity': 2, 'Items': [500, 502]}},
                                                       'Members': {'Quantity': 2, 'Items': [{'OriginId': 'blue'}, {'OriginId': 'green'}]}}]},
            'DefaultCacheBehavior': {'TargetOriginId': 'both', 'ViewerProtocolPolicy': 'redirect-to-https', 'CachePolicyId': {'Ref': 'Cache'},
                                     'OriginRequestPolicyId': {'Ref': 'Request'}, 'ResponseHeadersPolicyId': {'Ref': 'Response'}, 'AllowedMethods': ['GET', 'HEAD', 'OPTIONS'],
                                     'CachedMethods': ['GET', 'HEAD']},
            'CacheBehaviors': [{'PathPattern': '/old/*', 'TargetOriginId': 's3', 'ViewerProtocolPolicy': 'allow-all', 'ForwardedValues': {'QueryString': False}}],
            'CustomErrorResponses': [{'ErrorCode': 404, 'ResponseCode': 200, 'ResponsePagePath': '/404.html'}]}}}},
        'Outputs': {'Name': {'Value': {'Fn::GetAtt': ['Cdn', 'DomainName']}}, 'Id': {'Value': {'Ref': 'Cdn'}},
                    'User': {'Value': {'Fn::GetAtt': ['Identity', 'S3CanonicalUserId']}}}})


def test_stack(client, cloudfront):
    formation = client('cloudformation')

    def settled():
        stacks = formation.describe_stacks(StackName=stack)['Stacks']
        return None if stacks[0]['StackStatus'].endswith('IN_PROGRESS') else stacks[0]

    before = len(cloudfront.list_distributions()['DistributionList'].get('Items', []))
    stack = formation.create_stack(StackName='cdn', TemplateBody=template('/v1'))['StackId']
    made = wait_for(settled, 'the stack is there')
    assert made['StackStatus'] == 'CREATE_COMPLETE', [e['ResourceStatusReason'] for e in formation.describe_stack_events(StackName=stack)['StackEvents'] if 'ResourceStatusReason' in e]
    outputs = {o['OutputKey']: o['OutputValue'] for o in made['Outputs']}
    body = cloudfront.get_distribution(Id=outputs['Id'])['Distribution']
    assert body['DomainName'] == outputs['Name'] and len(outputs['User']) == 64
    body = body['DistributionConfig']
    assert body['Origins']['Quantity'] == 3 and body['Origins']['Items'][0]['CustomHeaders']['Items'] == [{'HeaderName': 'X-C', 'HeaderValue': '2'}]
    assert body['DefaultCacheBehavior']['AllowedMethods']['CachedMethods']['Items'] == ['GET', 'HEAD']
    assert body['CacheBehaviors']['Items'][0]['ForwardedValues']['Cookies'] == {'Forward': 'none'}
    assert body['CustomErrorResponses']['Items'][0]['ResponseCode'] == '200'
    tags = cloudfront.list_tags_for_resource(Resource=f'arn:aws:cloudfront::000000000000:distribution/{outputs["Id"]}')['Tags']['Items']
    assert {'Key': 'team', 'Value': 'pay'} in tags
    formation.update_stack(StackName=stack, TemplateBody=template('/v2'))
    assert wait_for(settled, 'the update is done')['StackStatus'] == 'UPDATE_COMPLETE'
    assert cloudfront.get_distribution_config(Id=outputs['Id'])['DistributionConfig']['Origins']['Items'][0]['OriginPath'] == '/v2'
    formation.delete_stack(StackName=stack)
    assert wait_for(settled, 'the stack is gone')['StackStatus'] == 'DELETE_COMPLETE'
    assert len(cloudfront.list_distributions()['DistributionList'].get('Items', [])) == before
