"""Parameters: what they change in a stack of its own, in production; what is refused before anything is made."""

import pytest

from tests.payments.stack import Stack
from tests.support.daemon import Haar, wait_for

CIDR = '10.7.0.0/16'


@pytest.fixture(scope='module')
def production():
    daemon = Haar()
    try:
        daemon.start()
        yield Stack(daemon, 'shop').deploy(EnvironmentName='production', VpcCidr=CIDR, FunctionMemory=256, DatabaseName='shop', LogRetentionDays=7)
    finally:
        daemon.close()


def test_production_takes_payments_in_its_own_network(production):
    outputs = production.outputs
    assert outputs['ApiStageName'] == 'prod' and production.pay()['status'] == 'completed'
    subnets = production.client('ec2').describe_subnets(SubnetIds=outputs['PrivateSubnetIds'].split(','))['Subnets']
    assert sorted(s['CidrBlock'] for s in subnets) == ['10.7.10.0/24', '10.7.11.0/24']
    config = production.client('lambda').get_function_configuration(FunctionName=outputs['FunctionName'])
    variables = config['Environment']['Variables']
    assert (config['MemorySize'], variables['ENVIRONMENT'], variables['DATABASE_NAME']) == (256, 'production', 'shop')
    instances = production.client('rds').describe_db_instances()['DBInstances']
    assert {i['DBInstanceClass'] for i in instances} == {'db.r6g.xlarge'}


def test_production_is_not_deleted_by_mistake(production):
    """The cluster refuses, and the stack that was to be deleted still books payments."""
    rds = production.client('rds')
    with pytest.raises(rds.exceptions.ClientError) as error:
        rds.delete_db_cluster(DBClusterIdentifier=production.outputs['DatabaseClusterId'], SkipFinalSnapshot=True)
    assert error.value.response['Error']['Code'] == 'InvalidParameterCombination'
    wait_for(lambda: production.post({'amount': '1.00', 'currency': 'EUR'}, production.key())[0] == 200, 'payments are booked')


@pytest.mark.parametrize('given, words', [
    ({'VpcCidr': '10.7.0.0/24'}, 'must be an IPv4 range with a mask of 16 bits'),
    ({'EnvironmentName': 'test'}, 'EnvironmentName'),
    ({'CandidateWeight': 15}, 'CandidateWeight'),
    ({'FunctionMemory': 64}, 'FunctionMemory'),
    ({'ActiveColour': 'green'}, 'Rule ActiveColourIsReleased failed: ActiveColour is green, so GreenRelease may not be empty'),
])
def test_what_makes_no_sense_is_refused(production, given, words):
    """At once, with the template's own words; nothing changes."""
    formation = production.client('cloudformation')
    before = formation.describe_stacks(StackName=production.name)['Stacks'][0].get('LastUpdatedTime')
    with pytest.raises(formation.exceptions.ClientError) as error:
        production.start_update(**given)
    assert error.value.response['Error']['Code'] == 'ValidationError' and words in error.value.response['Error']['Message'], error.value
    assert formation.describe_stacks(StackName=production.name)['Stacks'][0].get('LastUpdatedTime') == before
