"""What the tests of stacks share."""

import json

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for


def settled(formation, name):
    def look():
        stack = formation.describe_stacks(StackName=name)['Stacks'][0]
        return None if stack['StackStatus'].endswith('IN_PROGRESS') else stack
    return wait_for(look, f'{name} settles', 60)


def create(formation, name, template, **more):
    body = template if isinstance(template, str) else json.dumps(template)
    identifier = formation.create_stack(StackName=name, TemplateBody=body, **more)['StackId']
    return settled(formation, identifier)


def update(formation, name, template, **more):
    body = template if isinstance(template, str) else json.dumps(template)
    formation.update_stack(StackName=name, TemplateBody=body, **more)
    return settled(formation, name)


def delete(formation, stack):
    formation.delete_stack(StackName=stack['StackId'])
    return settled(formation, stack['StackId'])


def refused(call, code='ValidationError', **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value
    return caught.value.response['Error']['Message']


def parameter(name='/p', value='1', **more):
    return {'Type': 'AWS::SSM::Parameter', 'Properties': {'Type': 'String', 'Name': name, 'Value': value}, **more}


def failures(formation, stack):
    return {e['LogicalResourceId']: e.get('ResourceStatusReason', '') for e in formation.describe_stack_events(StackName=stack['StackId'])['StackEvents']
            if e['ResourceStatus'].endswith('FAILED')}
