"""The list of defects: how the template is changed, which tests must fail with it, what their failure shows, which still pass."""

from typing import NamedTuple

from tests.payments.mutations.change import GONE, added, depends, prop, statement, without


class Defect(NamedTuple):
    """caught: tests that must fail, by an assertion whose text matches shows. stands: tests that still pass. refused: the resource at which the
    deployment itself must fail instead, for a reason that matches shows. colours: both, where the tests need a candidate."""
    name: str
    patches: list
    caught: tuple = ()
    shows: str = ''
    stands: tuple = ()
    refused: str = ''
    colours: str = 'blue'


# A release validates itself before it gets traffic, and would stop the deployment: most defects are also to be seen by a test.
UNVALIDATED = without(*(f'{colour}{step}' for colour in ('Blue', 'Green') for step in ('Validation', 'Target', 'Ready', 'ReadyHandle')))
ANYWHERE = {'IpProtocol': '-1', 'CidrIp': '0.0.0.0/0'}
ONLY_RDS = statement('EncryptionKey', 'ThroughTheServices', Condition={'StringEquals': {
    'kms:CallerAccount': {'Ref': 'AWS::AccountId'}, 'kms:ViaService': [{'Fn::Sub': 'rds.${AWS::Region}.amazonaws.com'}]}})

REACHES = 'test_network::test_function_reaches_what_it_needs'
ROUTES = 'test_network::test_only_public_subnets_have_a_way_to_the_internet'
MUST = 'test_role::test_role_may_do_what_it_must'
MAY_NOT = 'test_role::test_role_may_not_touch_other_data'
KEY = 'test_encryption::test_everything_uses_the_key'
SECRET = 'test_encryption::test_secret_is_what_the_template_asked_for'
BUCKET = 'test_storage::test_bucket_is_closed_to_the_public'
PAYS = 'test_payment::test_same_key_is_booked_once_with_the_same_answer'
SUBNETS = 'test_network::test_subnets_lie_in_two_zones'
CLUSTER = 'test_database::test_cluster_is_available_encrypted_and_backed_up'
REPLICA = 'test_database::test_writer_and_replica_in_two_zones'
CONFIGURED = 'test_function::test_function_is_configured'
TAGS = 'test_tags::test_everything_carries_the_environment'   # [what]
FAILOVER = 'test_alarms::test_a_failover_sounds_and_a_start_does_not'
RETENTION = 'test_retention::test_logs_are_gone_after_90_days'

NETWORK = [
    Defect('internet-route-dropped', [without('PublicInternetRoute')], (ROUTES,), r'== \[', (SUBNETS,)),
    Defect('internet-route-in-private-subnets', [prop('PublicInternetRoute', 'RouteTableId', {'Ref': 'PrivateRouteTable'})],
           (ROUTES,), r'0\.0\.0\.0/0|== \['),
    Defect('private-subnet-on-the-public-table', [prop('PrivateSubnetBRoutes', 'RouteTableId', {'Ref': 'PublicRouteTable'}), UNVALIDATED], (ROUTES,),
           r'rtb-'),
    Defect('dynamodb-endpoint-detached', [prop('DynamoDBEndpoint', 'RouteTableIds', []), UNVALIDATED], (REACHES,), r'imed out|imeout', (SUBNETS,)),
    Defect('s3-endpoint-on-the-wrong-table', [prop('S3Endpoint', 'RouteTableIds', [{'Ref': 'PublicRouteTable'}]), UNVALIDATED], (REACHES,), r'imed out|imeout'),
    Defect('secrets-endpoint-dropped', [without('SecretsManagerEndpoint'), UNVALIDATED], (REACHES,), r'imed out|imeout'),
    Defect('endpoint-without-private-dns', [prop('SecretsManagerEndpoint', 'PrivateDnsEnabled', False), UNVALIDATED],
           ('test_network::test_private_dns_leads_to_the_interface_endpoint', REACHES), r'198\.18\.|imed out|imeout', (SUBNETS,)),
    Defect('endpoint-in-one-zone', [prop('SecretsManagerEndpoint', 'SubnetIds', [{'Ref': 'PrivateSubnetA'}]), UNVALIDATED],
           ('test_network::test_private_dns_leads_to_the_interface_endpoint',), r'2'),
    Defect('endpoint-group-emptied', [prop('EndpointSecurityGroup', 'SecurityGroupIngress', []), UNVALIDATED], (REACHES,), r'imed out|imeout',
           ('test_network::test_private_dns_leads_to_the_interface_endpoint',)),
    Defect('endpoint-group-open', [added('EndpointSecurityGroup', 'SecurityGroupIngress', ANYWHERE)], ('test_network::test_endpoint_group_decides',), r"'ok'"),
    Defect('database-group-emptied', [prop('DatabaseSecurityGroup', 'SecurityGroupIngress', []), UNVALIDATED], (REACHES,), r'imed out|imeout'),
    Defect('database-group-open', [added('DatabaseSecurityGroup', 'SecurityGroupIngress', ANYWHERE)], ('test_network::test_database_group_decides',), r"'ok'"),
    Defect('function-group-only-https', [prop('FunctionSecurityGroup', 'SecurityGroupEgress', [{'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443,
                                                                                             'CidrIp': '0.0.0.0/0'}]), UNVALIDATED],
           (REACHES,), r'imed out|imeout'),
    Defect('endpoint-policy-of-the-table-widened', [statement('DynamoDBEndpoint', 'SessionTable', Action='*', Resource='*')],
           ('test_network::test_endpoint_policies_let_through_only_what_payments_need',), r'ok|ResourceNotFound'),
    Defect('endpoint-policy-of-the-bucket-widened', [statement('S3Endpoint', 'TransactionLogs', Action='*', Resource='*')],
           ('test_network::test_endpoint_policies_let_through_only_what_payments_need',), r'ok|NoSuchBucket'),
    Defect('function-out-of-the-vpc', [prop('PaymentFunction', 'VpcConfig', GONE), UNVALIDATED],
           ('test_network::test_functions_have_interfaces_in_both_private_subnets',), r'set\(\)|None'),
    Defect('function-in-one-subnet', [prop('PaymentFunction', 'VpcConfig.SubnetIds', [{'Ref': 'PrivateSubnetA'}])],
           ('test_network::test_functions_have_interfaces_in_both_private_subnets',), r'subnet-'),
    Defect('subnets-in-one-zone', [prop('PrivateSubnetB', 'AvailabilityZone', {'Fn::Select': [0, {'Fn::GetAZs': ''}]})], refused='DatabaseSubnetGroup',
           shows=r'Availability Zone'),
]

ROLE = [
    *(Defect(f'role-without-{sid.lower()}', [statement('FunctionRole', sid), UNVALIDATED], (MUST,), r'AccessDenied', (SUBNETS,))
      for sid in ('Sessions', 'TransactionLogs', 'DatabaseCredentials')),
    # The key's own policy lets the services use it for everybody of the account: only without that the role's statement carries weight.
    Defect('role-without-encryption', [statement('FunctionRole', 'Encryption'), ONLY_RDS, UNVALIDATED], (MUST,), r'AccessDenied|kms:', (SUBNETS,)),
    Defect('role-without-log', [statement('FunctionRole', 'Log')], ('test_function::test_log_tells_each_step',), r'not within'),
    Defect('role-without-networkinterfaces', [statement('FunctionRole', 'NetworkInterfaces')], refused='PaymentFunction', shows=r'CreateNetworkInterface'),
    Defect('role-sessions-widened', [statement('FunctionRole', 'Sessions', Action='*', Resource='*')], (MAY_NOT,), r'ok|identity-based', (MUST,)),
    Defect('role-logs-widened', [statement('FunctionRole', 'TransactionLogs', Resource='*')], ('test_role::test_role_may_not_write_outside_its_prefix',), r"ok"),
    Defect('role-credentials-widened', [statement('FunctionRole', 'DatabaseCredentials', Action='*', Resource='*')], (MAY_NOT,), r"ok|identity-based"),
    Defect('role-encryption-without-condition', [statement('FunctionRole', 'Encryption', Condition=GONE)],
           ('test_role::test_key_serves_only_through_the_services',), r'ok'),
]

KEYS = [
    Defect('key-rotation-off', [prop('EncryptionKey', 'EnableKeyRotation', False)], ('test_encryption::test_key_rotates_and_old_data_stays_readable',),
           r'False is True|is True'),
    Defect('key-policy-without-viaservice', [statement('EncryptionKey', 'ThroughTheServices', Condition={'StringEquals': {'kms:CallerAccount': {'Ref': 'AWS::AccountId'}}})],
           ('test_role::test_key_serves_only_through_the_services',), r'ok'),
    Defect('secret-of-31-characters', [prop('DatabaseSecret', 'GenerateSecretString.PasswordLength', 31)], (SECRET,), r'31'),
    Defect('secret-not-attached', [without('DatabaseSecretAttachment')], (SECRET,), r'host'),
    Defect('secret-with-the-default-key', [prop('DatabaseSecret', 'KmsKeyId', GONE)], (KEY,), r'secret'),
    Defect('database-with-another-password', [prop('DatabaseCluster', 'MasterUserPassword', 'not-the-secrets-password'), UNVALIDATED],
           (PAYS,), r'DatabaseAccessDenied|== 200', (SECRET,)),
    Defect('table-without-the-key', [prop('SessionTable', 'SSESpecification', GONE)], (KEY,), r'table', ('test_storage::test_stream_has_both_images',)),
    Defect('bucket-without-the-key', [prop('LogBucket', 'BucketEncryption', GONE)], ('test_encryption::test_objects_are_encrypted_with_the_key', KEY), r'AES256|bucket'),
    Defect('cluster-in-clear', [prop('DatabaseCluster', 'StorageEncrypted', False), prop('DatabaseCluster', 'KmsKeyId', GONE)], (CLUSTER, KEY),
           r'False is True|cluster'),
    Defect('topic-in-clear', [prop('AlertTopic', 'KmsMasterKeyId', GONE)], (KEY,), r'topic'),
    Defect('key-alias-dropped', [without('EncryptionKeyAlias')], ('test_encryption::test_alias_names_the_key',), r'alias/'),
]

STORAGE = [
    Defect('point-in-time-recovery-off', [prop('SessionTable', 'PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled', False)],
           ('test_retention::test_table_is_restored_to_a_second_of_the_past',), r'DISABLED'),
    Defect('time-to-live-off', [prop('SessionTable', 'TimeToLiveSpecification', GONE)], ('test_retention::test_sessions_expire',), r'the session goes'),
    Defect('stream-off', [prop('SessionTable', 'StreamSpecification', GONE), lambda t: t['Outputs'].pop('SessionStreamArn')],
           ('test_storage::test_stream_has_both_images',), r'has no stream'),
    Defect('stream-of-keys', [prop('SessionTable', 'StreamSpecification.StreamViewType', 'KEYS_ONLY')], ('test_storage::test_stream_has_both_images',),
           r"'Keys'"),
    Defect('index-dropped', [prop('SessionTable', 'GlobalSecondaryIndexes', GONE), lambda t: t['Resources']['SessionTable']['Properties'].update(
        AttributeDefinitions=[{'AttributeName': 'sessionId', 'AttributeType': 'S'}])], ('test_storage::test_sessions_of_a_user_are_found_by_the_index',), r'byUser'),
    Defect('versioning-off', [prop('LogBucket', 'VersioningConfiguration.Status', 'Suspended'), prop('LogBucket', 'LifecycleConfiguration.Rules.0.NoncurrentVersionExpiration', GONE)],
           ('test_storage::test_bucket_keeps_versions',), r'null|first'),
    Defect('retention-of-900-days', [prop('LogBucket', 'LifecycleConfiguration.Rules.0.ExpirationInDays', 900)], (RETENTION,), r'not within'),
    Defect('noncurrent-kept-300-days', [prop('LogBucket', 'LifecycleConfiguration.Rules.0.NoncurrentVersionExpiration.NoncurrentDays', 300)],
           ('test_retention::test_former_versions_are_gone_after_30_days',), r'not within'),
    Defect('public-access-not-blocked', [prop('LogBucket', 'PublicAccessBlockConfiguration', {k: False for k in (
        'BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets')})], (BUCKET,), r'RAISE|public'),
    Defect('bucket-policy-dropped', [without('LogBucketPolicy')], ('test_storage::test_only_the_function_writes_transaction_logs',), r'DID NOT RAISE', (BUCKET,)),
    Defect('log-retention-missing', [prop('FunctionLog', 'RetentionInDays', GONE)], ('test_retention::test_function_log_is_gone_after_its_days',), r'not within'),
]

DATABASE = [
    Defect('replica-removed', [without('DatabaseReplica', 'DatabaseFailoverAlarm')], (REPLICA,), r'== 2'),
    Defect('replica-in-the-same-zone', [prop('DatabaseReplica', 'AvailabilityZone', {'Fn::GetAtt': ['PrivateSubnetA', 'AvailabilityZone']})], (REPLICA,), r'2'),
    Defect('backups-of-one-day', [prop('DatabaseCluster', 'BackupRetentionPeriod', 1)], (CLUSTER,), r'1 == 7'),
    Defect('database-logs-kept-back', [prop('DatabaseCluster', 'EnableCloudwatchLogsExports', GONE)], ('test_database::test_logs_of_the_servers_arrive',),
           r'the error log has a group'),
    Defect('database-in-public-subnets', [prop('DatabaseSubnetGroup', 'SubnetIds', [{'Ref': 'PublicSubnetA'}, {'Ref': 'PublicSubnetB'}])],
           ('test_database::test_cluster_lies_in_the_private_subnets',), r'subnet-'),
    Defect('instance-publicly-accessible', [prop('DatabaseReplica', 'PubliclyAccessible', True)], (REPLICA,), r'False'),
]

FUNCTION = [
    Defect('alias-moved', [prop('LiveAlias', 'FunctionVersion', '$LATEST')], ('test_function::test_live_alias_is_the_version',), r'LATEST'),
    Defect('api-permission-dropped', [without('ApiPermission')], (PAYS,), r'500', ('test_function::test_api_answers_health',)),
    Defect('health-permission-dropped', [without('HealthPermission')], ('test_function::test_api_answers_health',), r'500', (PAYS,)),
    Defect('deployment-without-the-method', [without('PaymentMethod')], (PAYS,), r'403', ('test_function::test_api_answers_health',)),
    Defect('deployment-without-health', [without('HealthMethod')], ('test_function::test_api_answers_health',), r'403', (PAYS,)),
    Defect('memory-of-128', [prop('PaymentFunction', 'MemorySize', 128)], (CONFIGURED,), r'128'),
    Defect('environment-of-another-name', [prop('PaymentFunction', 'Environment.Variables.ENVIRONMENT', 'production')], (CONFIGURED,), r'production'),
    Defect('variable-missing', [prop('PaymentFunction', 'Environment.Variables.DATABASE_HOST', GONE), UNVALIDATED], (CONFIGURED,), r'None =='),
    Defect('table-of-another-stack', [prop('PaymentFunction', 'Environment.Variables.SESSION_TABLE', 'another-table')], refused='BlueValidation', shows=r'session table|another-table'),
    *(Defect(f'tags-of-{name.lower()}-dropped', [prop(name, 'Tags', GONE)], (f'{TAGS}[{what}]',), what)
      for name, what in (('SessionTable', 'table'), ('LogBucket', 'bucket'), ('DatabaseCluster', 'cluster'), ('PaymentFunction', 'function'),
                         ('EncryptionKey', 'key'))),
    Defect('export-dropped', [lambda t: t['Outputs']['VpcId'].pop('Export')], ('test_tags::test_outputs_are_exported',), r'VpcId'),
]

WEIGHTS = 'test_release::test_weights_are_met_by_invocations'
CANDIDATE = 'test_release::test_candidate_alarm_watches_the_candidate'
ROLLBACK = 'test_rollback::test_alarm_takes_traffic_from_the_candidate'
SOUNDS = 'test_alarms::test_throttles_sound_and_are_told'
FAILS_OVER = 'test_edge::test_distribution_serves_green_when_blue_fails'
DISTRIBUTION = 'DistributionConfig.'

RELEASE = [
    Defect('weights-inverted', [lambda t: t['Mappings']['Shares']['30'].update(Fraction=0.7)], (WEIGHTS,), r'0\.7', colours='both'),
    Defect('green-alias-on-blues-version', [prop('GreenAlias', 'FunctionVersion', {'Fn::GetAtt': ['BlueVersion', 'Version']})],
           ('test_release::test_colour_has_a_version_an_alias_and_an_api[green]',), r"'1'", colours='both'),
    Defect('traffic-does-not-wait-for-blue', [depends('LiveAlias', 'GreenReady')], ('test_release::test_wait_condition_orders_the_steps[Blue]',), r'<',
           colours='both'),
    Defect('name-does-not-wait-for-green', [depends('GreenRecord'), depends('GreenHealthCheck')], ('test_release::test_wait_condition_orders_the_steps[Green]',), r'<', colours='both'),
    Defect('candidate-alarm-watches-blue', [prop('CandidateAlarm', 'Dimensions.2.Value', {'Fn::GetAtt': ['BlueVersion', 'Version']})], (CANDIDATE,), r'==',
           colours='both'),
    Defect('candidate-alarm-without-the-way-back', [prop('CandidateAlarm', 'AlarmActions', [{'Ref': 'AlertTopic'}])], (CANDIDATE, ROLLBACK),
           r'any|taken back', colours='both'),
    Defect('rollback-permission-dropped', [without('RollbackPermission')], (ROLLBACK,), r'taken back', colours='both'),
    Defect('rollback-role-without-its-policy', [prop('RollbackRole', 'Policies', GONE)], (ROLLBACK,), r'taken back', colours='both'),
    Defect('rollback-of-another-alias', [prop('RollbackFunction', 'Environment.Variables.ALIAS', 'blue')], (ROLLBACK,), r'taken back', colours='both'),
]

EDGE = [
    Defect('distribution-to-the-wrong-origin', [prop('Distribution', DISTRIBUTION + 'Origins.0.OriginPath', '/elsewhere')],
           ('test_edge::test_payment_through_the_distribution_is_booked_once',), r'403', ('test_edge::test_nothing_is_kept_by_the_distribution',), colours='both'),
    Defect('distribution-without-https-redirect', [prop('Distribution', DISTRIBUTION + 'CacheBehaviors.0.ViewerProtocolPolicy', 'allow-all')],
           ('test_edge::test_distribution_redirects_to_https',), r'== 307', colours='both'),
    Defect('origin-group-dropped', [prop('Distribution', DISTRIBUTION + 'OriginGroups', GONE), prop('Distribution', DISTRIBUTION + 'DefaultCacheBehavior.TargetOriginId', 'blue')],
           (FAILS_OVER,), r'500', colours='both'),
    Defect('origin-group-fails-over-on-503-only', [prop('Distribution', DISTRIBUTION + 'OriginGroups.Fn::If.1.Items.0.FailoverCriteria.StatusCodes',
                                                        {'Quantity': 1, 'Items': [503]})], (FAILS_OVER,), r'500', colours='both'),
    Defect('health-check-on-the-wrong-path', [prop('BlueHealthCheck', 'HealthCheckConfig.ResourcePath', '/nothing')],
           ('test_edge::test_unhealthy_colour_is_not_answered',), r'blue is healthy', colours='both'),
    Defect('record-of-weight-0', [prop('GreenRecord', 'Weight', 0)], ('test_edge::test_weighted_records_are_met_in_proportion',), r'execute-api', colours='both'),
]

ALARMS = [
    Defect('alarm-threshold-absurd', [prop('FunctionThrottlesAlarm', 'Threshold', 1000000)], (SOUNDS,), r'FunctionThrottlesAlarm is ALARM'),
    Defect('alarm-of-another-function', [prop('FunctionThrottlesAlarm', 'Dimensions.0.Value', 'another')], (SOUNDS,), r'FunctionThrottlesAlarm is ALARM'),
    Defect('failover-alarm-sounds-at-the-start', [prop('DatabaseFailoverAlarm', 'TreatMissingData', 'breaching')], (FAILOVER,), r'== \[\]'),
    Defect('failover-alarm-of-the-replica-alone', [prop('DatabaseFailoverAlarm', 'Metrics.0.Expression', 'MIN([replicaChange])')], (FAILOVER,),
           r'DatabaseFailoverAlarm is ALARM'),
    Defect('alarm-without-actions', [prop('FunctionThrottlesAlarm', 'AlarmActions', GONE)], (SOUNDS,), r'is in the queue'),
    Defect('topic-policy-for-another-service', [statement('AlertTopicPolicy', 'Alarms', Principal={'Service': 'events.amazonaws.com'})], (SOUNDS,), r'is in the queue'),
    Defect('key-policy-without-the-alarms', [statement('EncryptionKey', 'AlarmsToTheEncryptedTopic')], (SOUNDS,), r'is in the queue', (KEY,)),
    Defect('queue-policy-dropped', [without('AlertQueuePolicy')], (SOUNDS,), r'is in the queue'),
    Defect('subscription-dropped', [without('AlertQueueSubscription')], (SOUNDS,), r'is in the queue'),
]

REFUSED = 'test_parameters::test_what_makes_no_sense_is_refused'

PARAMETERS = [
    Defect('production-not-protected', [prop('DatabaseCluster', 'DeletionProtection', False)], ('test_parameters::test_production_is_not_deleted_by_mistake',),
           r'DID NOT RAISE|Error'),
    Defect('production-on-the-stage-of-staging', [lambda t: t['Mappings']['Environments']['production'].update(ApiStage='staging')],
           ('test_parameters::test_production_takes_payments_in_its_own_network',), r'staging'),
    Defect('memory-parameter-not-used', [prop('PaymentFunction', 'MemorySize', 512)], ('test_parameters::test_production_takes_payments_in_its_own_network',), r'512'),
    Defect('weight-without-steps', [lambda t: t['Parameters']['CandidateWeight'].pop('AllowedValues')], (f'{REFUSED}[given2-CandidateWeight]',),
           r'RAISE|CandidateWeight'),
]

DEFECTS = [*NETWORK, *ROLE, *KEYS, *STORAGE, *DATABASE, *FUNCTION, *RELEASE, *EDGE, *ALARMS, *PARAMETERS]
