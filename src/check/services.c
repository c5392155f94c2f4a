/* services: the names that one service has: in policies, in SDKs, in endpoints.
 * https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html */
#include "check/model.h"

#include <string.h>

static const Service services[] = {
  { "s3", "s3", "S3", "s3", "S3", "s3" },
  { "dynamodb", "dynamodb", "DynamoDB", "dynamodb", "DynamoDB", "dynamodb" },
  { "secretsmanager", "secretsmanager", "SecretsManager", "secretsmanager", "Secrets Manager", "secretsmanager" },
  { "kms", "kms", "KMS", "kms", "KMS", "kms" },
  { "sqs", "sqs", "SQS", "sqs", "SQS", "sqs" },
  { "sns", "sns", "SNS", "sns", "SNS", "sns" },
  { "ssm", "ssm", "SSM", "ssm", "Systems Manager", "ssm" },
  { "sts", "sts", "STS", "sts", "STS", "sts" },
  { "lambda", "lambda", "Lambda", "lambda", "Lambda", "lambda" },
  { "events", "events", "EventBridge", "events", "EventBridge", "events" },
  { "states", "stepfunctions", "SFN", "states", "Step Functions", "states" },
  { "cloudwatch", "cloudwatch", "CloudWatch", "monitoring", "CloudWatch", "monitoring" },
  { "logs", "logs", "CloudWatchLogs", "logs", "CloudWatch Logs", "logs" },
  { "rds", "rds", "RDS", "rds", "RDS's API", "rds" },
  { "rds-data", "rds-data", "RDSData", "rds-data", "the RDS Data API", "rds-data" },
  { "kinesis", "kinesis", "Kinesis", "kinesis-streams", "Kinesis", "kinesis" },
  { "firehose", "firehose", "Firehose", "kinesis-firehose", "Firehose", "firehose" },
  { "execute-api", "apigatewaymanagementapi", "ApiGatewayManagementApi", "execute-api", "API Gateway", "execute-api" },
  { "ses", "ses", "SES", "email", "SES", "email" },
  { "ses", "sesv2", "SESv2", "email", "SES", "email" },
  { "ecr", "ecr", "ECR", "ecr.api", "ECR", "api.ecr" },
  { "ecs", "ecs", "ECS", "ecs", "ECS", "ecs" },
  { "athena", "athena", "Athena", "athena", "Athena", "athena" },
  { "glue", "glue", "Glue", "glue", "Glue", "glue" },
  { "bedrock", "bedrock-runtime", "BedrockRuntime", "bedrock-runtime", "Bedrock", "bedrock-runtime" },
  { "cognito-idp", "cognito-idp", "CognitoIdentityProvider", "cognito-idp", "Cognito", "cognito-idp" },
  { "codepipeline", "codepipeline", "CodePipeline", "codepipeline", "CodePipeline", "codepipeline" },
  { "codedeploy", "codedeploy", "CodeDeploy", "codedeploy", "CodeDeploy", "codedeploy" },
  { "cloudformation", "cloudformation", "CloudFormation", "cloudformation", "CloudFormation", "cloudformation" },
  { "ec2", "ec2", "EC2", "ec2", "EC2's API", "ec2" },
  { "autoscaling", "autoscaling", "AutoScaling", "autoscaling", "Auto Scaling", "autoscaling" },
  { "appconfig", "appconfigdata", "AppConfigData", "appconfigdata", "AppConfig", "appconfigdata" },
  { "route53", "route53", "Route53", NULL, "Route 53's API", "route53" },
  { "cloudfront", "cloudfront", "CloudFront", NULL, "CloudFront's API", "cloudfront" },
  { "iam", "iam", "IAM", NULL, "IAM's API", "iam" },
};

const Service *
service_of_iam(const char *prefix, gsize n)
{
  for (guint i = 0; i < G_N_ELEMENTS(services); i++) {
    if (strlen(services[i].iam) == n && g_ascii_strncasecmp(services[i].iam, prefix, n) == 0)
      return &services[i];
  }
  return NULL;
}

const Service *
service_of_sdk(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(services); i++) {
    if (strcmp(services[i].sdk, name) == 0)
      return &services[i];
  }
  return NULL;
}

const Service *
service_of_js(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(services); i++) {
    if (strcmp(services[i].js, name) == 0)
      return &services[i];
  }
  return NULL;
}

const Service *
service_of_type(const char *type)
{
  static const struct { const char *type, *iam; } types[] = {
    { "AWS::S3::Bucket", "s3" }, { "AWS::DynamoDB::Table", "dynamodb" }, { "AWS::DynamoDB::GlobalTable", "dynamodb" },
    { "AWS::SecretsManager::Secret", "secretsmanager" }, { "AWS::RDS::DBCluster::Secret", "secretsmanager" }, { "AWS::SQS::Queue", "sqs" },
    { "AWS::SNS::Topic", "sns" }, { "AWS::SSM::Parameter", "ssm" }, { "AWS::StepFunctions::StateMachine", "states" },
    { "AWS::Events::EventBus", "events" }, { "AWS::Kinesis::Stream", "kinesis" }, { "AWS::KinesisFirehose::DeliveryStream", "firehose" },
    { "AWS::Lambda::Function", "lambda" }, { "AWS::Lambda::Alias", "lambda" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
    if (strcmp(types[i].type, type) == 0)
      return service_of_iam(types[i].iam, strlen(types[i].iam));
  }
  return NULL;
}

gboolean
service_has_gateway(const Service *service)
{
  return strcmp(service->iam, "s3") == 0 || strcmp(service->iam, "dynamodb") == 0;
}
