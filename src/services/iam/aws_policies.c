/* AWS's own managed policies that stacks name, by what AWS documents each to allow; of the large read-only ones, the services that
 * are here. https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html */
#include "services/iam/service.h"

const ManagedPolicy iam_managed_policies[] = {
  { "/service-role/", "AWSAppSyncPushToCloudWatchLogs",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"logs:CreateLogGroup\",\"logs:CreateLogStream\","
    "\"logs:PutLogEvents\"],\"Resource\":\"*\"}]}" },
  { "/", "AWSCloudFormationFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"cloudformation:*\",\"Resource\":\"*\"}]}" },
  { "/", "AWSCloudFormationReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"cloudformation:Describe*\","
    "\"cloudformation:EstimateTemplateCost\",\"cloudformation:Get*\",\"cloudformation:List*\",\"cloudformation:ValidateTemplate\","
    "\"cloudformation:Detect*\"],\"Resource\":\"*\"}]}" },
  { "/service-role/", "AWSCodeDeployRoleForLambda",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"cloudwatch:DescribeAlarms\",\"lambda:UpdateAlias\","
    "\"lambda:GetAlias\",\"lambda:GetProvisionedConcurrencyConfig\",\"sns:Publish\"],\"Resource\":\"*\"},{\"Effect\":\"Allow\","
    "\"Action\":[\"s3:GetObject\",\"s3:GetObjectVersion\"],\"Resource\":\"arn:aws:s3:::*/CodeDeploy/*\"},{\"Effect\":\"Allow\","
    "\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"arn:aws:lambda:*:*:function:CodeDeployHook_*\"}]}" },
  { "/", "AWSKeyManagementServicePowerUser",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"kms:CreateAlias\",\"kms:CreateKey\",\"kms:DeleteAlias\","
    "\"kms:Describe*\",\"kms:GenerateRandom\",\"kms:Get*\",\"kms:List*\",\"kms:TagResource\",\"kms:UntagResource\",\"iam:ListGroups\","
    "\"iam:ListRoles\",\"iam:ListUsers\"],\"Resource\":\"*\"}]}" },
  { "/service-role/", "AWSLambdaBasicExecutionRole",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"logs:CreateLogGroup\",\"logs:CreateLogStream\","
    "\"logs:PutLogEvents\"],\"Resource\":\"*\"}]}" },
  { "/service-role/", "AWSLambdaDynamoDBExecutionRole",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"dynamodb:DescribeStream\",\"dynamodb:GetRecords\","
    "\"dynamodb:GetShardIterator\",\"dynamodb:ListStreams\",\"logs:CreateLogGroup\",\"logs:CreateLogStream\",\"logs:PutLogEvents\"],"
    "\"Resource\":\"*\"}]}" },
  { "/service-role/", "AWSLambdaENIManagementAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ec2:CreateNetworkInterface\","
    "\"ec2:DescribeNetworkInterfaces\",\"ec2:DescribeSubnets\",\"ec2:DeleteNetworkInterface\",\"ec2:AssignPrivateIpAddresses\","
    "\"ec2:UnassignPrivateIpAddresses\"],\"Resource\":\"*\"}]}" },
  { "/", "AWSLambdaExecute",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"logs:*\",\"Resource\":\"arn:aws:logs:*:*:*\"},"
    "{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Resource\":\"arn:aws:s3:::*\"}]}" },
  { "/", "AWSLambdaInvocation-DynamoDB",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"*\"},"
    "{\"Effect\":\"Allow\",\"Action\":[\"dynamodb:DescribeStream\",\"dynamodb:GetRecords\",\"dynamodb:GetShardIterator\","
    "\"dynamodb:ListStreams\"],\"Resource\":\"*\"}]}" },
  { "/service-role/", "AWSLambdaKinesisExecutionRole",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"kinesis:DescribeStream\","
    "\"kinesis:DescribeStreamSummary\",\"kinesis:GetRecords\",\"kinesis:GetShardIterator\",\"kinesis:ListShards\","
    "\"kinesis:ListStreams\",\"kinesis:SubscribeToShard\",\"logs:CreateLogGroup\",\"logs:CreateLogStream\",\"logs:PutLogEvents\"],"
    "\"Resource\":\"*\"}]}" },
  { "/service-role/", "AWSLambdaRole",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"*\"}]}" },
  { "/service-role/", "AWSLambdaSQSQueueExecutionRole",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"sqs:ReceiveMessage\",\"sqs:DeleteMessage\","
    "\"sqs:GetQueueAttributes\",\"logs:CreateLogGroup\",\"logs:CreateLogStream\",\"logs:PutLogEvents\"],\"Resource\":\"*\"}]}" },
  { "/service-role/", "AWSLambdaVPCAccessExecutionRole",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"logs:CreateLogGroup\",\"logs:CreateLogStream\","
    "\"logs:PutLogEvents\",\"ec2:CreateNetworkInterface\",\"ec2:DescribeNetworkInterfaces\",\"ec2:DescribeSubnets\","
    "\"ec2:DeleteNetworkInterface\",\"ec2:AssignPrivateIpAddresses\",\"ec2:UnassignPrivateIpAddresses\"],\"Resource\":\"*\"}]}" },
  { "/", "AWSLambda_FullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"cloudformation:DescribeStacks\","
    "\"cloudformation:ListStackResources\",\"cloudwatch:ListMetrics\",\"cloudwatch:GetMetricData\",\"ec2:DescribeSecurityGroups\","
    "\"ec2:DescribeSubnets\",\"ec2:DescribeVpcs\",\"kms:ListAliases\",\"iam:GetPolicy\",\"iam:GetPolicyVersion\",\"iam:GetRole\","
    "\"iam:GetRolePolicy\",\"iam:ListAttachedRolePolicies\",\"iam:ListRolePolicies\",\"iam:ListRoles\",\"lambda:*\","
    "\"logs:DescribeLogGroups\",\"states:DescribeStateMachine\",\"states:ListStateMachines\",\"tag:GetResources\","
    "\"xray:GetTraceSummaries\",\"xray:BatchGetTraces\"],\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":\"iam:PassRole\","
    "\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"iam:PassedToService\":\"lambda.amazonaws.com\"}}},{\"Effect\":\"Allow\","
    "\"Action\":[\"logs:DescribeLogStreams\",\"logs:GetLogEvents\",\"logs:FilterLogEvents\"],"
    "\"Resource\":\"arn:aws:logs:*:*:log-group:/aws/lambda/*\"}]}" },
  { "/", "AWSLambda_ReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"lambda:Get*\",\"lambda:List*\",\"iam:GetRole\","
    "\"iam:GetRolePolicy\",\"iam:ListRoles\",\"cloudwatch:ListMetrics\",\"cloudwatch:GetMetricData\",\"logs:DescribeLogGroups\"],"
    "\"Resource\":\"*\"}]}" },
  { "/", "AWSStepFunctionsFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"states:*\",\"Resource\":\"*\"}]}" },
  { "/", "AWSXRayDaemonWriteAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"xray:PutTraceSegments\",\"xray:PutTelemetryRecords\","
    "\"xray:GetSamplingRules\",\"xray:GetSamplingTargets\",\"xray:GetSamplingStatisticSummaries\"],\"Resource\":\"*\"}]}" },
  { "/", "AWSXrayWriteOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"xray:PutTraceSegments\",\"xray:PutTelemetryRecords\","
    "\"xray:GetSamplingRules\",\"xray:GetSamplingTargets\",\"xray:GetSamplingStatisticSummaries\"],\"Resource\":\"*\"}]}" },
  { "/", "AdministratorAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}" },
  { "/", "AmazonAPIGatewayAdministrator",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"apigateway:*\","
    "\"Resource\":\"arn:aws:apigateway:*::/*\"}]}" },
  { "/", "AmazonAPIGatewayInvokeFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"execute-api:Invoke\","
    "\"execute-api:ManageConnections\"],\"Resource\":\"arn:aws:execute-api:*:*:*\"}]}" },
  { "/service-role/", "AmazonAPIGatewayPushToCloudWatchLogs",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"logs:CreateLogGroup\",\"logs:CreateLogStream\","
    "\"logs:DescribeLogGroups\",\"logs:DescribeLogStreams\",\"logs:PutLogEvents\",\"logs:GetLogEvents\",\"logs:FilterLogEvents\"],"
    "\"Resource\":\"*\"}]}" },
  { "/", "AmazonDynamoDBFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"dynamodb:*\",\"dax:*\",\"application-autoscaling:*\","
    "\"cloudwatch:DeleteAlarms\",\"cloudwatch:DescribeAlarmHistory\",\"cloudwatch:DescribeAlarms\","
    "\"cloudwatch:DescribeAlarmsForMetric\",\"cloudwatch:GetMetricStatistics\",\"cloudwatch:ListMetrics\","
    "\"cloudwatch:PutMetricAlarm\",\"cloudwatch:GetMetricData\",\"ec2:DescribeVpcs\",\"ec2:DescribeSubnets\","
    "\"ec2:DescribeSecurityGroups\",\"iam:GetRole\",\"iam:ListRoles\",\"kms:DescribeKey\",\"kms:ListAliases\",\"sns:CreateTopic\","
    "\"sns:DeleteTopic\",\"sns:ListSubscriptions\",\"sns:ListSubscriptionsByTopic\",\"sns:ListTopics\",\"sns:Subscribe\","
    "\"sns:Unsubscribe\",\"sns:SetTopicAttributes\",\"lambda:CreateFunction\",\"lambda:ListFunctions\","
    "\"lambda:ListEventSourceMappings\",\"lambda:CreateEventSourceMapping\",\"lambda:DeleteEventSourceMapping\","
    "\"lambda:GetFunctionConfiguration\",\"lambda:DeleteFunction\",\"tag:GetResources\",\"kinesis:ListStreams\","
    "\"kinesis:DescribeStream\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonDynamoDBReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"dynamodb:BatchGetItem\",\"dynamodb:Describe*\","
    "\"dynamodb:List*\",\"dynamodb:GetAbacStatus\",\"dynamodb:GetItem\",\"dynamodb:GetResourcePolicy\",\"dynamodb:Query\","
    "\"dynamodb:Scan\",\"dynamodb:PartiQLSelect\",\"cloudwatch:DescribeAlarms\",\"cloudwatch:GetMetricStatistics\","
    "\"cloudwatch:ListMetrics\",\"cloudwatch:GetMetricData\",\"iam:GetRole\",\"iam:ListRoles\",\"kms:DescribeKey\",\"kms:ListAliases\","
    "\"sns:ListSubscriptionsByTopic\",\"sns:ListTopics\",\"lambda:ListFunctions\",\"lambda:ListEventSourceMappings\","
    "\"lambda:GetFunctionConfiguration\",\"tag:GetResources\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonEC2FullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ec2:*\",\"elasticloadbalancing:*\",\"cloudwatch:*\","
    "\"autoscaling:*\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonEC2ReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ec2:Describe*\",\"elasticloadbalancing:Describe*\","
    "\"cloudwatch:ListMetrics\",\"cloudwatch:GetMetricStatistics\",\"cloudwatch:Describe*\",\"autoscaling:Describe*\"],"
    "\"Resource\":\"*\"}]}" },
  { "/service-role/", "AmazonECSTaskExecutionRolePolicy",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ecr:GetAuthorizationToken\","
    "\"ecr:BatchCheckLayerAvailability\",\"ecr:GetDownloadUrlForLayer\",\"ecr:BatchGetImage\",\"logs:CreateLogStream\","
    "\"logs:PutLogEvents\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonEventBridgeFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"events:*\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonKinesisFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"kinesis:*\",\"Resource\":\"*\"}]}" },
  { "/", "AmazonRDSDataFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"rds-data:*\",\"secretsmanager:GetSecretValue\"],"
    "\"Resource\":\"*\"}]}" },
  { "/service-role/", "AmazonRDSEnhancedMonitoringRole",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"logs:CreateLogGroup\",\"logs:PutRetentionPolicy\"],"
    "\"Resource\":\"arn:aws:logs:*:*:log-group:RDS*\"},{\"Effect\":\"Allow\",\"Action\":[\"logs:CreateLogStream\",\"logs:PutLogEvents\","
    "\"logs:DescribeLogStreams\",\"logs:GetLogEvents\"],\"Resource\":\"arn:aws:logs:*:*:log-group:RDS*:log-stream:*\"}]}" },
  { "/", "AmazonRDSFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"rds:*\",\"cloudwatch:DescribeAlarms\","
    "\"cloudwatch:GetMetricStatistics\",\"cloudwatch:PutMetricAlarm\",\"cloudwatch:DeleteAlarms\",\"cloudwatch:ListMetrics\","
    "\"cloudwatch:GetMetricData\",\"ec2:DescribeAccountAttributes\",\"ec2:DescribeAvailabilityZones\","
    "\"ec2:DescribeInternetGateways\",\"ec2:DescribeSecurityGroups\",\"ec2:DescribeSubnets\",\"ec2:DescribeVpcAttribute\","
    "\"ec2:DescribeVpcs\",\"sns:ListSubscriptions\",\"sns:ListTopics\",\"sns:Publish\",\"logs:DescribeLogStreams\","
    "\"logs:GetLogEvents\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonRDSReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"rds:Describe*\",\"rds:ListTagsForResource\","
    "\"ec2:DescribeAccountAttributes\",\"ec2:DescribeAvailabilityZones\",\"ec2:DescribeInternetGateways\","
    "\"ec2:DescribeSecurityGroups\",\"ec2:DescribeSubnets\",\"ec2:DescribeVpcAttribute\",\"ec2:DescribeVpcs\","
    "\"cloudwatch:GetMetricStatistics\",\"cloudwatch:ListMetrics\",\"cloudwatch:GetMetricData\",\"logs:DescribeLogStreams\","
    "\"logs:GetLogEvents\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonRoute53FullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"route53:*\",\"route53domains:*\","
    "\"cloudfront:ListDistributions\",\"s3:ListBucket\",\"s3:GetBucketLocation\",\"s3:GetBucketWebsite\",\"ec2:DescribeVpcs\","
    "\"ec2:DescribeRegions\",\"sns:ListTopics\",\"cloudwatch:DescribeAlarms\",\"cloudwatch:GetMetricStatistics\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonRoute53ReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"route53:Get*\",\"route53:List*\","
    "\"route53:TestDNSAnswer\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonS3FullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:*\",\"s3-object-lambda:*\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonS3ReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:Get*\",\"s3:List*\",\"s3:Describe*\","
    "\"s3-object-lambda:Get*\",\"s3-object-lambda:List*\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonSNSFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"sns:*\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonSNSReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"sns:GetTopicAttributes\",\"sns:List*\"],"
    "\"Resource\":\"*\"}]}" },
  { "/", "AmazonSQSFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"sqs:*\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonSQSReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"sqs:GetQueueAttributes\",\"sqs:GetQueueUrl\","
    "\"sqs:ListDeadLetterSourceQueues\",\"sqs:ListQueues\",\"sqs:ListMessageMoveTasks\",\"sqs:ListQueueTags\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonSSMFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ssm:*\",\"cloudwatch:PutMetricData\","
    "\"ec2:DescribeInstanceStatus\",\"logs:*\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonSSMManagedInstanceCore",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ssm:DescribeAssociation\","
    "\"ssm:GetDeployablePatchSnapshotForInstance\",\"ssm:GetDocument\",\"ssm:DescribeDocument\",\"ssm:GetManifest\","
    "\"ssm:GetParameter\",\"ssm:GetParameters\",\"ssm:ListAssociations\",\"ssm:ListInstanceAssociations\",\"ssm:PutInventory\","
    "\"ssm:PutComplianceItems\",\"ssm:PutConfigurePackageResult\",\"ssm:UpdateAssociationStatus\","
    "\"ssm:UpdateInstanceAssociationStatus\",\"ssm:UpdateInstanceInformation\"],\"Resource\":\"*\"},{\"Effect\":\"Allow\","
    "\"Action\":[\"ssmmessages:CreateControlChannel\",\"ssmmessages:CreateDataChannel\",\"ssmmessages:OpenControlChannel\","
    "\"ssmmessages:OpenDataChannel\"],\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":[\"ec2messages:AcknowledgeMessage\","
    "\"ec2messages:DeleteMessage\",\"ec2messages:FailMessage\",\"ec2messages:GetEndpoint\",\"ec2messages:GetMessages\","
    "\"ec2messages:SendReply\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonSSMReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ssm:Describe*\",\"ssm:Get*\",\"ssm:List*\"],"
    "\"Resource\":\"*\"}]}" },
  { "/", "AmazonVPCFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ec2:*\"],\"Resource\":\"*\"}]}" },
  { "/", "AmazonVPCReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ec2:Describe*\",\"ec2:Get*\"],\"Resource\":\"*\"}]}" },
  { "/", "CloudFrontFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:ListAllMyBuckets\",\"Resource\":\"arn:aws:s3:::*\"},"
    "{\"Effect\":\"Allow\",\"Action\":[\"acm:ListCertificates\",\"cloudfront:*\",\"iam:ListServerCertificates\"],\"Resource\":\"*\"}]}" },
  { "/", "CloudFrontReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"acm:ListCertificates\",\"cloudfront:Describe*\","
    "\"cloudfront:Get*\",\"cloudfront:List*\"],\"Resource\":\"*\"}]}" },
  { "/", "CloudWatchEventsFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"events:*\"],\"Resource\":\"*\"}]}" },
  { "/", "CloudWatchFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"autoscaling:Describe*\",\"cloudwatch:*\",\"logs:*\","
    "\"sns:*\",\"iam:GetPolicy\",\"iam:GetPolicyVersion\",\"iam:GetRole\"],\"Resource\":\"*\"}]}" },
  { "/", "CloudWatchLambdaInsightsExecutionRolePolicy",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"logs:CreateLogGroup\",\"Resource\":\"*\"},"
    "{\"Effect\":\"Allow\",\"Action\":[\"logs:CreateLogStream\",\"logs:PutLogEvents\"],"
    "\"Resource\":\"arn:aws:logs:*:*:log-group:/aws/lambda-insights:*\"}]}" },
  { "/", "CloudWatchLogsFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"logs:*\",\"cloudwatch:GenerateQuery\"],"
    "\"Resource\":\"*\"}]}" },
  { "/", "CloudWatchLogsReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"logs:Describe*\",\"logs:Get*\",\"logs:List*\","
    "\"logs:StartQuery\",\"logs:StopQuery\",\"logs:TestMetricFilter\",\"logs:FilterLogEvents\"],\"Resource\":\"*\"}]}" },
  { "/", "CloudWatchReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"autoscaling:Describe*\",\"cloudwatch:Describe*\","
    "\"cloudwatch:Get*\",\"cloudwatch:List*\",\"logs:Get*\",\"logs:List*\",\"logs:StartQuery\",\"logs:StopQuery\",\"logs:Describe*\","
    "\"logs:TestMetricFilter\",\"logs:FilterLogEvents\",\"sns:Get*\",\"sns:List*\"],\"Resource\":\"*\"}]}" },
  { "/", "IAMFullAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"iam:*\",\"organizations:DescribeAccount\","
    "\"organizations:DescribeOrganization\",\"organizations:ListPolicies\"],\"Resource\":\"*\"}]}" },
  { "/", "IAMReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"iam:GenerateCredentialReport\","
    "\"iam:GenerateServiceLastAccessedDetails\",\"iam:Get*\",\"iam:List*\",\"iam:SimulateCustomPolicy\","
    "\"iam:SimulatePrincipalPolicy\"],\"Resource\":\"*\"}]}" },
  { "/", "PowerUserAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"NotAction\":[\"iam:*\",\"organizations:*\",\"account:*\"],"
    "\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":[\"iam:CreateServiceLinkedRole\",\"iam:DeleteServiceLinkedRole\","
    "\"iam:ListRoles\",\"organizations:DescribeOrganization\",\"account:ListRegions\"],\"Resource\":\"*\"}]}" },
  { "/", "ReadOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"apigateway:GET\",\"cloudformation:Describe*\","
    "\"cloudformation:Get*\",\"cloudformation:List*\",\"cloudformation:ValidateTemplate\",\"cloudfront:Get*\",\"cloudfront:List*\","
    "\"cloudwatch:Describe*\",\"cloudwatch:Get*\",\"cloudwatch:List*\",\"dynamodb:BatchGet*\",\"dynamodb:Describe*\",\"dynamodb:Get*\","
    "\"dynamodb:List*\",\"dynamodb:PartiQLSelect\",\"dynamodb:Query\",\"dynamodb:Scan\",\"ec2:Describe*\",\"ec2:Get*\",\"ec2:Search*\","
    "\"events:Describe*\",\"events:List*\",\"events:Test*\",\"iam:Generate*\",\"iam:Get*\",\"iam:List*\",\"iam:Simulate*\","
    "\"kinesis:Describe*\",\"kinesis:Get*\",\"kinesis:List*\",\"kms:Describe*\",\"kms:Get*\",\"kms:List*\",\"lambda:Get*\","
    "\"lambda:List*\",\"logs:Describe*\",\"logs:FilterLogEvents\",\"logs:Get*\",\"logs:ListTagsForResource\",\"logs:StartQuery\","
    "\"logs:StopQuery\",\"logs:TestMetricFilter\",\"rds:Describe*\",\"rds:List*\",\"route53:Get*\",\"route53:List*\",\"route53:Test*\","
    "\"s3:DescribeJob\",\"s3:Get*\",\"s3:List*\",\"secretsmanager:Describe*\",\"secretsmanager:GetResourcePolicy\","
    "\"secretsmanager:List*\",\"sns:Check*\",\"sns:Get*\",\"sns:List*\",\"sqs:Get*\",\"sqs:List*\",\"sqs:Receive*\",\"ssm:Describe*\","
    "\"ssm:Get*\",\"ssm:List*\",\"states:Describe*\",\"states:Get*\",\"states:List*\",\"sts:GetAccessKeyInfo\",\"sts:GetCallerIdentity\","
    "\"sts:GetSessionToken\",\"tag:Get*\"],\"Resource\":\"*\"}]}" },
  { "/", "SecretsManagerReadWrite",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"secretsmanager:*\",\"cloudformation:CreateChangeSet\","
    "\"cloudformation:DescribeChangeSet\",\"cloudformation:DescribeStackResource\",\"cloudformation:DescribeStacks\","
    "\"cloudformation:ExecuteChangeSet\",\"ec2:DescribeSecurityGroups\",\"ec2:DescribeSubnets\",\"ec2:DescribeVpcs\","
    "\"kms:DescribeKey\",\"kms:ListAliases\",\"kms:ListKeys\",\"lambda:ListFunctions\",\"rds:DescribeDBClusters\","
    "\"rds:DescribeDBInstances\",\"tag:GetResources\"],\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":[\"lambda:AddPermission\","
    "\"lambda:CreateFunction\",\"lambda:GetFunction\",\"lambda:InvokeFunction\",\"lambda:UpdateFunctionConfiguration\"],"
    "\"Resource\":\"arn:aws:lambda:*:*:function:SecretsManager*\"}]}" },
  { "/", "SecurityAudit",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"cloudformation:Describe*\",\"cloudformation:List*\","
    "\"dynamodb:DescribeTable\",\"dynamodb:ListTables\",\"ec2:Describe*\",\"iam:Get*\",\"iam:List*\",\"kms:Describe*\","
    "\"kms:GetKeyPolicy\",\"kms:List*\",\"lambda:GetPolicy\",\"lambda:List*\",\"logs:Describe*\",\"rds:Describe*\",\"s3:GetBucket*\","
    "\"s3:GetEncryptionConfiguration\",\"s3:ListAllMyBuckets\",\"secretsmanager:GetResourcePolicy\",\"secretsmanager:ListSecrets\","
    "\"sns:GetTopicAttributes\",\"sns:List*\"],\"Resource\":\"*\"}]}" },
  { "/job-function/", "ViewOnlyAccess",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"cloudformation:Describe*\",\"cloudformation:List*\","
    "\"cloudfront:List*\",\"cloudwatch:Describe*\",\"cloudwatch:Get*\",\"cloudwatch:List*\",\"dynamodb:Describe*\",\"dynamodb:List*\","
    "\"ec2:Describe*\",\"iam:Get*\",\"iam:List*\",\"kms:List*\",\"lambda:List*\",\"logs:Describe*\",\"rds:Describe*\",\"route53:Get*\","
    "\"route53:List*\",\"s3:ListAllMyBuckets\",\"s3:ListBucket\",\"sns:List*\",\"sqs:List*\"],\"Resource\":\"*\"}]}" },
  { NULL, NULL, NULL },
};
