// SPDX-License-Identifier: Apache-2.0
// S3, SQS and CloudWatch Logs. Source: Service Authorization Reference, "Actions, resources, and
// condition keys for" each.
#include "server/permissions.h"

namespace suiro::server {
namespace {

constexpr std::string_view kGroup =
    "{logGroupIdentifier:log-group}|arn:aws:logs:{region}:{account}:log-group:{logGroupName}";

constexpr PermissionRow kRows[] = {
    {"s3", "*", "ListBuckets=ListAllMyBuckets"},
    {"s3", "arn:aws:s3:::{Bucket}",
     "CreateBucket DeleteBucket GetBucketAcl GetBucketLocation GetBucketLogging GetBucketPolicy "
     "GetBucketPolicyStatus PutBucketPolicy DeleteBucketPolicy GetBucketTagging PutBucketTagging "
     "GetBucketVersioning PutBucketVersioning GetBucketWebsite GetBucketOwnershipControls "
     "PutBucketOwnershipControls GetBucketRequestPayment "
     "DeleteBucketOwnershipControls=PutBucketOwnershipControls "
     "GetBucketAccelerateConfiguration=GetAccelerateConfiguration GetBucketCors=GetBucketCORS "
     "PutBucketCors=PutBucketCORS DeleteBucketCors=PutBucketCORS "
     "GetBucketEncryption=GetEncryptionConfiguration "
     "PutBucketEncryption=PutEncryptionConfiguration "
     "DeleteBucketEncryption=PutEncryptionConfiguration "
     "GetBucketLifecycleConfiguration=GetLifecycleConfiguration "
     "PutBucketLifecycleConfiguration=PutLifecycleConfiguration "
     "DeleteBucketLifecycle=PutLifecycleConfiguration "
     "GetBucketNotificationConfiguration=GetBucketNotification "
     "PutBucketNotificationConfiguration=PutBucketNotification "
     "GetBucketReplication=GetReplicationConfiguration "
     "GetObjectLockConfiguration=GetBucketObjectLockConfiguration "
     "GetPublicAccessBlock=GetBucketPublicAccessBlock "
     "PutPublicAccessBlock=PutBucketPublicAccessBlock "
     "DeletePublicAccessBlock=PutBucketPublicAccessBlock PutBucketAcl PutBucketLogging "
     "DeleteBucketTagging=PutBucketTagging HeadBucket=ListBucket ListObjects=ListBucket "
     "ListObjectsV2=ListBucket ListObjectVersions=ListBucketVersions "
     "ListMultipartUploads=ListBucketMultipartUploads"},
    {"s3", "arn:aws:s3:::{Bucket}/{Key}",
     "GetObject=GetObject/GetObjectVersion HeadObject=GetObject/GetObjectVersion PutObject "
     "GetObjectAcl=GetObjectAcl/GetObjectVersionAcl "
     "GetObjectAttributes=GetObjectAttributes/GetObjectVersionAttributes "
     "GetObjectTagging=GetObjectTagging/GetObjectVersionTagging "
     "PutObjectTagging=PutObjectTagging/PutObjectVersionTagging "
     "DeleteObjectTagging=DeleteObjectTagging/DeleteObjectVersionTagging "
     "DeleteObject=DeleteObject/DeleteObjectVersion AbortMultipartUpload "
     "ListParts=ListMultipartUploadParts CreateMultipartUpload=PutObject UploadPart=PutObject "
     "UploadPartCopy=PutObject CompleteMultipartUpload=PutObject CopyObject=PutObject"},
    {"s3", "{CopySource:copy}",
     "CopyObject=GetObject/GetObjectVersion UploadPartCopy=GetObject/GetObjectVersion"},
    {"s3", "?arn:aws:s3:::{Bucket}/{Delete.Objects[!VersionId].Key}", "DeleteObjects=DeleteObject"},
    {"s3", "?arn:aws:s3:::{Bucket}/{Delete.Objects[VersionId].Key}",
     "DeleteObjects=DeleteObjectVersion"},

    {"sqs", "arn:aws:sqs:{region}:{account}:{QueueName}", "CreateQueue +GetQueueUrl"},
    {"sqs", "*", "ListQueues"},
    {"sqs", "arn:aws:sqs:{region}:{account}:{QueueUrl:last}",
     "+SendMessage +SendMessageBatch=SendMessage +ReceiveMessage +DeleteMessage "
     "+DeleteMessageBatch=DeleteMessage +ChangeMessageVisibility "
     "+ChangeMessageVisibilityBatch=ChangeMessageVisibility +GetQueueAttributes +PurgeQueue "
     "+ListDeadLetterSourceQueues AddPermission RemovePermission SetQueueAttributes DeleteQueue "
     "ListQueueTags TagQueue UntagQueue"},
    {"sqs", "{SourceArn}",
     "ListMessageMoveTasks StartMessageMoveTask StartMessageMoveTask=ReceiveMessage "
     "StartMessageMoveTask=DeleteMessage"},
    // Without a destination the messages go back to whatever queues they came from.
    {"sqs", "{DestinationArn}|arn:aws:sqs:{region}:{account}:*",
     "StartMessageMoveTask=SendMessage"},
    {"sqs", "*", "CancelMessageMoveTask"},

    {"logs", "*",
     "DescribeLogGroups=DescribeLogGroups ListLogGroups DescribeExportTasks DescribeQueries "
     "DescribeQueryDefinitions PutQueryDefinition DeleteQueryDefinition GetQueryResults StopQuery "
     "CancelExportTask TestMetricFilter DescribeDestinations DescribeResourcePolicies "
     "PutResourcePolicy DeleteResourcePolicy GetLogRecord DescribeAccountPolicies"},
    {"logs", kGroup,
     "CreateLogGroup DeleteLogGroup DescribeLogStreams FilterLogEvents PutRetentionPolicy "
     "DeleteRetentionPolicy ListTagsLogGroup TagLogGroup UntagLogGroup PutSubscriptionFilter "
     "DescribeSubscriptionFilters DeleteSubscriptionFilter PutMetricFilter DescribeMetricFilters "
     "DeleteMetricFilter CreateLogStream AssociateKmsKey DisassociateKmsKey GetLogGroupFields "
     "PutLogGroupDeletionProtection DescribeFieldIndexes"},
    {"logs",
     "{logGroupNames[]:log-group}|{logGroupIdentifiers[]:log-group}|"
     "arn:aws:logs:{region}:{account}:log-group:{logGroupName}",
     "StartQuery StartLiveTail"},
    {"logs", "arn:aws:logs:{region}:{account}:log-group:{logGroupName}", "CreateExportTask"},
    {"logs",
     "arn:aws:logs:{region}:{account}:log-group:{logGroupName}:log-stream:{logStreamName}|"
     "{logGroupIdentifier:log-group}:log-stream:{logStreamName}",
     "PutLogEvents GetLogEvents DeleteLogStream"},
    {"logs", "?{roleArn}", "PutSubscriptionFilter=iam:PassRole"},
    {"logs", "{resourceArn:log-group}", "ListTagsForResource TagResource UntagResource"},
};

}  // namespace

std::span<const PermissionRow> lake_permissions() {
  return kRows;
}

}  // namespace suiro::server
