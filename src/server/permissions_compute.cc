// SPDX-License-Identifier: Apache-2.0
// Lambda, ECS, ECR, EventBridge, EventBridge Scheduler and Step Functions. Source: Service
// Authorization Reference, "Actions, resources, and condition keys for" each.
#include "server/permissions.h"

namespace suiro::server {
namespace {

constexpr std::string_view kBus =
    "{EventBusName:events=event-bus/}|"
    "arn:aws:events:{region}:{account}:event-bus/default";
constexpr std::string_view kCluster =
    "{cluster:ecs-cluster}|arn:aws:ecs:{region}:{account}:cluster/default";

constexpr PermissionRow kLambda[] = {
    {"lambda", "{FunctionName:function}",
     "AddPermission CreateAlias CreateFunction DeleteAlias DeleteFunction "
     "DeleteFunctionConcurrency DeleteFunctionEventInvokeConfig GetAlias GetFunction "
     "GetFunctionCodeSigningConfig GetFunctionConcurrency GetFunctionConfiguration "
     "GetFunctionEventInvokeConfig GetPolicy +Invoke=InvokeFunction ListAliases "
     "ListFunctionEventInvokeConfigs ListVersionsByFunction PublishVersion PutFunctionConcurrency "
     "PutFunctionEventInvokeConfig RemovePermission UpdateAlias UpdateFunctionCode "
     "UpdateFunctionConfiguration UpdateFunctionEventInvokeConfig GetFunctionRecursionConfig "
     "PutFunctionRecursionConfig GetRuntimeManagementConfig PutRuntimeManagementConfig"},
    {"lambda", "?arn:aws:s3:::{Code.S3Bucket}/{Code.S3Key}",
     "CreateFunction=s3:GetObject/GetObjectVersion"},
    {"lambda", "?arn:aws:s3:::{S3Bucket}/{S3Key}",
     "UpdateFunctionCode=s3:GetObject/GetObjectVersion"},
    {"lambda", "?{Role}", "CreateFunction=iam:PassRole UpdateFunctionConfiguration=iam:PassRole"},
    {"lambda", "*",
     "GetAccountSettings ListFunctions ListEventSourceMappings "
     "CreateEventSourceMapping"},
    {"lambda", "arn:aws:lambda:{region}:{account}:event-source-mapping:{UUID}",
     "DeleteEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping"},
    {"lambda", "{Resource}", "ListTags TagResource UntagResource"},
};

constexpr PermissionRow kEcs[] = {
    {"ecs", "*",
     "ListClusters ListTaskDefinitionFamilies ListTaskDefinitions ListAccountSettings "
     "PutAccountSetting PutAccountSettingDefault DeleteAccountSetting DeregisterTaskDefinition "
     "DescribeTaskDefinition ListServicesByNamespace DescribeServiceDeployments "
     "DescribeServiceRevisions ListServiceDeployments"},
    {"ecs", "arn:aws:ecs:{region}:{account}:task-definition/{family}:*", "RegisterTaskDefinition"},
    {"ecs", "?{taskRoleArn}", "RegisterTaskDefinition=iam:PassRole"},
    {"ecs", "?{executionRoleArn}", "RegisterTaskDefinition=iam:PassRole"},
    // Objects that become the environment, secrets and passwords of containers.
    {"ecs", "?{containerDefinitions[].environmentFiles[].value}",
     "RegisterTaskDefinition=s3:GetObject"},
    {"ecs", "?{containerDefinitions[].secrets[].valueFrom}", "RegisterTaskDefinition=s3:GetObject"},
    {"ecs", "?{containerDefinitions[].repositoryCredentials.credentialsParameter}",
     "RegisterTaskDefinition=s3:GetObject"},
    {"ecs", "?{overrides.containerOverrides[].environmentFiles[].value}",
     "RunTask=s3:GetObject StartTask=s3:GetObject"},
    {"ecs", "{taskDefinitions[]:task-definition}", "DeleteTaskDefinitions"},
    // Of a request that names a family alone the service asks again, with the revision that it is.
    {"ecs", "?{taskDefinition:revision}", "RunTask StartTask"},
    {"ecs", "?{overrides.taskRoleArn}", "RunTask=iam:PassRole StartTask=iam:PassRole"},
    {"ecs", "?{overrides.executionRoleArn}", "RunTask=iam:PassRole StartTask=iam:PassRole"},
    {"ecs", "arn:aws:ecs:{region}:{account}:cluster/{clusterName}", "CreateCluster"},
    {"ecs", kCluster,
     "DeleteCluster UpdateCluster UpdateClusterSettings PutClusterCapacityProviders "
     "ListContainerInstances DescribeContainerInstances UpdateContainerInstancesState "
     "RegisterContainerInstance DeregisterContainerInstance ListServices ListTasks "
     "ListAttributes PutAttributes DeleteAttributes"},
    {"ecs", "{clusters[]:ecs-cluster}|arn:aws:ecs:{region}:{account}:cluster/default",
     "DescribeClusters"},
    {"ecs", "*",
     "DescribeCapacityProviders CreateCapacityProvider DeleteCapacityProvider "
     "UpdateCapacityProvider"},
    {"ecs", "{task:ecs-task}", "StopTask ExecuteCommand"},
    {"ecs", "{tasks[]:ecs-task}", "DescribeTasks GetTaskProtection UpdateTaskProtection"},
    {"ecs", "{serviceName:ecs-service}", "CreateService"},
    {"ecs", "{service:ecs-service}",
     "UpdateService DeleteService CreateTaskSet DeleteTaskSet DescribeTaskSets UpdateTaskSet "
     "UpdateServicePrimaryTaskSet"},
    {"ecs", "{services[]:ecs-service}", "DescribeServices"},
    {"ecs", "{resourceArn}", "ListTagsForResource TagResource UntagResource"},

    {"ecr", "*",
     "GetAuthorizationToken DescribeRegistry GetRegistryPolicy PutRegistryPolicy "
     "DeleteRegistryPolicy GetRegistryScanningConfiguration PutRegistryScanningConfiguration "
     "GetAccountSetting PutAccountSetting"},
    {"ecr", "arn:aws:ecr:{region}:{account}:repository/{repositoryName}",
     "BatchCheckLayerAvailability BatchDeleteImage BatchGetImage CompleteLayerUpload "
     "CreateRepository DeleteLifecyclePolicy DeleteRepository DeleteRepositoryPolicy "
     "DescribeImageScanFindings DescribeImages GetDownloadUrlForLayer GetLifecyclePolicy "
     "GetLifecyclePolicyPreview GetRepositoryPolicy InitiateLayerUpload ListImages PutImage "
     "PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy SetRepositoryPolicy "
     "StartImageScan StartLifecyclePolicyPreview UploadLayerPart DescribeImageReplicationStatus"},
    {"ecr", "arn:aws:ecr:{region}:{account}:repository/{repositoryNames[]}",
     "DescribeRepositories"},
    {"ecr", "{resourceArn}", "ListTagsForResource TagResource UntagResource"},
};

constexpr PermissionRow kEvents[] = {
    {"events", "*",
     "ListEventBuses TestEventPattern ListArchives ListReplays ListConnections "
     "ListApiDestinations ListRuleNamesByTarget ListEndpoints"},
    {"events", "{Entries[].EventBusName?default:events=event-bus/}", "PutEvents"},
    {"events", kBus, "ListRules PutPermission RemovePermission"},
    {"events", "{Name:events=event-bus/}|arn:aws:events:{region}:{account}:event-bus/default",
     "CreateEventBus DeleteEventBus DescribeEventBus UpdateEventBus"},
    {"events", "arn:aws:events:{region}:{account}:rule/{EventBusName?default:rule-prefix}{Name}",
     "DeleteRule DescribeRule DisableRule EnableRule PutRule"},
    {"events", "arn:aws:events:{region}:{account}:rule/{EventBusName?default:rule-prefix}{Rule}",
     "ListTargetsByRule PutTargets RemoveTargets"},
    {"events", "?{Targets[].RoleArn}", "PutTargets=iam:PassRole"},
    {"events", "?{RoleArn}", "PutRule=iam:PassRole"},
    {"events", "arn:aws:events:{region}:{account}:archive/{ArchiveName}",
     "CreateArchive DeleteArchive DescribeArchive UpdateArchive"},
    {"events", "arn:aws:events:{region}:{account}:replay/{ReplayName}",
     "CancelReplay DescribeReplay StartReplay"},
    {"events", "arn:aws:events:{region}:{account}:connection/{Name}",
     "CreateConnection DeauthorizeConnection DeleteConnection DescribeConnection "
     "UpdateConnection"},
    {"events", "arn:aws:events:{region}:{account}:api-destination/{Name}",
     "CreateApiDestination DeleteApiDestination DescribeApiDestination UpdateApiDestination"},
    {"events", "{ResourceARN}", "ListTagsForResource TagResource UntagResource"},

    {"scheduler", "*", "ListScheduleGroups ListSchedules"},
    {"scheduler",
     "arn:aws:scheduler:{region}:{account}:schedule/{GroupName}/{Name}|"
     "arn:aws:scheduler:{region}:{account}:schedule/default/{Name}",
     "CreateSchedule DeleteSchedule GetSchedule UpdateSchedule"},
    {"scheduler", "?{Target.RoleArn}", "CreateSchedule=iam:PassRole UpdateSchedule=iam:PassRole"},
    {"scheduler", "arn:aws:scheduler:{region}:{account}:schedule-group/{Name}",
     "CreateScheduleGroup DeleteScheduleGroup GetScheduleGroup"},
    {"scheduler", "{ResourceArn}", "ListTagsForResource TagResource UntagResource"},

    {"states", "*",
     "ListActivities ListStateMachines SendTaskFailure SendTaskHeartbeat "
     "SendTaskSuccess TestState ValidateStateMachineDefinition"},
    {"states", "?{revealSecrets}", "TestState=states:RevealSecrets"},
    {"states", "?{roleArn}",
     "TestState=iam:PassRole CreateStateMachine=iam:PassRole "
     "UpdateStateMachine=iam:PassRole"},
    {"states", "{activityArn}", "DeleteActivity DescribeActivity GetActivityTask"},
    {"states", "arn:aws:states:{region}:{account}:activity:{name}", "CreateActivity"},
    {"states", "{executionArn}",
     "DescribeExecution DescribeStateMachineForExecution GetExecutionHistory ListMapRuns "
     "RedriveExecution StopExecution"},
    {"states", "{mapRunArn}", "DescribeMapRun UpdateMapRun"},
    {"states", "{mapRunArn}|{stateMachineArn}", "ListExecutions"},
    {"states", "arn:aws:states:{region}:{account}:stateMachine:{name}", "CreateStateMachine"},
    {"states", "{stateMachineArn}",
     "DeleteStateMachine DescribeStateMachine ListStateMachineAliases ListStateMachineVersions "
     "PublishStateMachineVersion UpdateStateMachine StartExecution StartSyncExecution"},
    {"states", "{routingConfiguration[].stateMachineVersionArn}", "CreateStateMachineAlias"},
    {"states", "{stateMachineAliasArn}",
     "DeleteStateMachineAlias DescribeStateMachineAlias UpdateStateMachineAlias"},
    {"states", "{stateMachineVersionArn}", "DeleteStateMachineVersion"},
    {"states", "{resourceArn}", "ListTagsForResource TagResource UntagResource"},
};

std::vector<PermissionRow> all_rows() {
  std::vector<PermissionRow> out;
  for (std::span<const PermissionRow> rows :
       {std::span<const PermissionRow>(kLambda), std::span<const PermissionRow>(kEcs),
        std::span<const PermissionRow>(kEvents)}) {
    out.insert(out.end(), rows.begin(), rows.end());
  }
  return out;
}

}  // namespace

std::span<const PermissionRow> compute_permissions() {
  static const std::vector<PermissionRow> kAll = all_rows();
  return kAll;
}

}  // namespace suiro::server
