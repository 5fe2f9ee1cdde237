// SPDX-License-Identifier: Apache-2.0
// AWS's managed policies that systems of Suiro's kind attach: which actions they allow on what.
// Source: AWS Managed Policy Reference Guide, one page a policy. Actions of services that Suiro
// does not have are left out.
#include <boost/json.hpp>

#include "base/check.h"
#include "base/digest.h"
#include "services/iam/directory.h"

namespace suiro::iam {
namespace {

namespace json = boost::json;

struct Known {
  std::string_view path;
  std::string_view name;
  // Actions by blanks; "!": all but these.
  std::string_view actions;
  // Resources by blanks.
  std::string_view resources = "*";
};

constexpr std::string_view kService = "/service-role/";

constexpr Known kPolicies[] = {
    {"/", "AdministratorAccess", "*"},
    {"/", "PowerUserAccess", "! iam:* organizations:* account:*"},
    {"/", "ReadOnlyAccess",
     "s3:Get* s3:List* sqs:Get* sqs:List* lambda:Get* lambda:List* kinesis:Describe* kinesis:Get* "
     "kinesis:List* firehose:Describe* firehose:List* logs:Describe* logs:Get* "
     "logs:FilterLogEvents "
     "logs:ListTagsForResource logs:ListTagsLogGroup kinesisanalytics:Describe* "
     "kinesisanalytics:Get* kinesisanalytics:List* kinesisanalytics:Discover* iam:Get* iam:List* "
     "iam:Simulate* ecs:Describe* ecs:List* ecr:BatchGet* ecr:BatchCheck* ecr:Describe* ecr:Get* "
     "ecr:List* events:Describe* events:List* events:Test* scheduler:Get* scheduler:List* "
     "states:Describe* states:Get* states:List* dynamodb:BatchGet* dynamodb:Describe* "
     "dynamodb:Get* dynamodb:List* dynamodb:Query dynamodb:Scan sts:GetAccessKeyInfo "
     "sts:GetCallerIdentity"},
    {"/", "IAMFullAccess", "iam:*"},
    {"/", "IAMReadOnlyAccess",
     "iam:Get* iam:List* iam:SimulateCustomPolicy "
     "iam:SimulatePrincipalPolicy"},
    {"/", "AmazonS3FullAccess", "s3:*"},
    {"/", "AmazonS3ReadOnlyAccess", "s3:Get* s3:List* s3:Describe*"},
    {"/", "AmazonSQSFullAccess", "sqs:*"},
    {"/", "AmazonSQSReadOnlyAccess",
     "sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ListDeadLetterSourceQueues sqs:ListQueues "
     "sqs:ListMessageMoveTasks sqs:ListQueueTags"},
    {"/", "AmazonKinesisFullAccess", "kinesis:*"},
    {"/", "AmazonKinesisReadOnlyAccess", "kinesis:Get* kinesis:List* kinesis:Describe*"},
    {"/", "AmazonKinesisFirehoseFullAccess", "firehose:*"},
    {"/", "AmazonKinesisFirehoseReadOnlyAccess", "firehose:Describe* firehose:List*"},
    {"/", "AmazonKinesisAnalyticsFullAccess",
     "kinesisanalytics:* kinesis:CreateStream kinesis:DeleteStream kinesis:DescribeStream "
     "kinesis:ListStreams kinesis:PutRecord kinesis:PutRecords firehose:DescribeDeliveryStream "
     "firehose:ListDeliveryStreams logs:GetLogEvents iam:ListPolicyVersions iam:ListRoles "
     "iam:PassRole"},
    {"/", "AWSLambda_FullAccess",
     "lambda:* states:DescribeStateMachine states:ListStateMachines "
     "logs:DescribeLogGroups logs:DescribeLogStreams "
     "logs:FilterLogEvents iam:GetPolicy iam:GetPolicyVersion "
     "iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies "
     "iam:ListRolePolicies iam:ListRoles"},
    {"/", "AWSLambda_ReadOnlyAccess",
     "lambda:Get* lambda:List* logs:DescribeLogGroups "
     "logs:DescribeLogStreams logs:FilterLogEvents iam:ListRoles"},
    {"/", "CloudWatchLogsFullAccess", "logs:*"},
    {"/", "CloudWatchLogsReadOnlyAccess",
     "logs:Describe* logs:Get* logs:List* logs:FilterLogEvents "
     "logs:StartLiveTail logs:StopLiveTail"},
    {"/", "AmazonECS_FullAccess",
     "ecs:* events:DeleteRule events:DescribeRule "
     "events:ListRuleNamesByTarget events:ListTargetsByRule "
     "events:PutRule events:PutTargets events:RemoveTargets "
     "logs:CreateLogGroup logs:DescribeLogGroups "
     "logs:FilterLogEvents iam:ListAttachedRolePolicies "
     "iam:ListInstanceProfiles iam:ListRoles"},
    {"/", "AmazonEC2ContainerRegistryFullAccess", "ecr:*"},
    {"/", "AmazonEC2ContainerRegistryPowerUser",
     "ecr:GetAuthorizationToken ecr:BatchCheckLayerAvailability ecr:GetDownloadUrlForLayer "
     "ecr:GetRepositoryPolicy ecr:DescribeRepositories ecr:ListImages ecr:DescribeImages "
     "ecr:BatchGetImage ecr:GetLifecyclePolicy ecr:GetLifecyclePolicyPreview "
     "ecr:ListTagsForResource ecr:DescribeImageScanFindings ecr:InitiateLayerUpload "
     "ecr:UploadLayerPart ecr:CompleteLayerUpload ecr:PutImage"},
    {"/", "AmazonEC2ContainerRegistryReadOnly",
     "ecr:GetAuthorizationToken ecr:BatchCheckLayerAvailability ecr:GetDownloadUrlForLayer "
     "ecr:GetRepositoryPolicy ecr:DescribeRepositories ecr:ListImages ecr:DescribeImages "
     "ecr:BatchGetImage ecr:GetLifecyclePolicy ecr:GetLifecyclePolicyPreview "
     "ecr:ListTagsForResource ecr:DescribeImageScanFindings"},
    {"/", "AmazonEventBridgeFullAccess", "events:* scheduler:*"},
    {"/", "AmazonEventBridgeSchedulerFullAccess", "scheduler:*"},
    {"/", "AWSStepFunctionsFullAccess", "states:*"},
    {"/", "AWSStepFunctionsReadOnlyAccess", "states:List* states:Describe* states:Get*"},
    {"/", "AmazonDynamoDBFullAccess", "dynamodb:*"},
    {kService, "AWSLambdaBasicExecutionRole",
     "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents"},
    {kService, "AWSLambdaSQSQueueExecutionRole",
     "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes logs:CreateLogGroup "
     "logs:CreateLogStream logs:PutLogEvents"},
    {kService, "AWSLambdaKinesisExecutionRole",
     "kinesis:DescribeStream kinesis:DescribeStreamSummary kinesis:GetRecords "
     "kinesis:GetShardIterator kinesis:ListShards kinesis:ListStreams kinesis:SubscribeToShard "
     "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents"},
    {kService, "AWSLambdaDynamoDBExecutionRole",
     "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams "
     "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents"},
    {kService, "AWSLambdaRole", "lambda:InvokeFunction"},
    {kService, "AmazonECSTaskExecutionRolePolicy",
     "ecr:GetAuthorizationToken ecr:BatchCheckLayerAvailability ecr:GetDownloadUrlForLayer "
     "ecr:BatchGetImage logs:CreateLogStream logs:PutLogEvents"},
    {kService, "AmazonEC2ContainerServiceEventsRole", "ecs:RunTask ecs:TagResource"},
    {kService, "AmazonEC2ContainerServiceforEC2Role",
     "ecs:CreateCluster ecs:DeregisterContainerInstance ecs:DiscoverPollEndpoint ecs:Poll "
     "ecs:RegisterContainerInstance ecs:StartTelemetrySession ecs:UpdateContainerInstancesState "
     "ecs:Submit* ecr:GetAuthorizationToken ecr:BatchCheckLayerAvailability "
     "ecr:GetDownloadUrlForLayer ecr:BatchGetImage logs:CreateLogStream logs:PutLogEvents"},
};

json::array words(std::string_view text) {
  json::array out;
  while (!text.empty()) {
    size_t blank = std::min(text.find(' '), text.size());
    if (blank != 0) out.emplace_back(text.substr(0, blank));
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  return out;
}

json::object statement_of(const Known& known) {
  json::object out{{"Effect", "Allow"}};
  if (known.actions.starts_with("!")) {
    out["NotAction"] = words(known.actions.substr(1));
  } else {
    out["Action"] = words(known.actions);
  }
  out["Resource"] = words(known.resources);
  return out;
}

// The id is AWS's own business; here it depends on the name alone.
std::string id_of(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id = "ANPA";
  for (unsigned char c : sha256(name).substr(0, 17)) id += kLetters[c % kLetters.size()];
  return id;
}

Table<ManagedPolicy> make() {
  Table<ManagedPolicy> out;
  constexpr TimePoint kMade = std::chrono::sys_days(std::chrono::year(2015) / 2 / 6);
  for (const Known& known : kPolicies) {
    ManagedPolicy policy;
    policy.name = known.name;
    policy.path = known.path;
    policy.id = id_of(known.name);
    policy.created = policy.updated = kMade;
    json::object document{{"Version", "2012-10-17"},
                          {"Statement", json::array{statement_of(known)}}};
    policy.versions.push_back({1, json::serialize(document), kMade});
    policy.by_aws = true;
    parse_documents(policy);
    CHECK(policy.parsed != nullptr, "the policies of this file parse");
    std::string arn = fmt::format("arn:aws:iam::aws:policy{}{}", known.path, known.name);
    out.emplace(std::move(arn), std::make_shared<const ManagedPolicy>(std::move(policy)));
  }
  return out;
}

}  // namespace

const Table<ManagedPolicy>& aws_policies() {
  static const Table<ManagedPolicy> kTable = make();
  return kTable;
}

}  // namespace suiro::iam
