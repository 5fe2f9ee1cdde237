// SPDX-License-Identifier: Apache-2.0
// Kinesis Data Streams, Data Firehose and Kinesis Data Analytics. Source: Service Authorization
// Reference, "Actions, resources, and condition keys for" each.
#include "server/permissions.h"

namespace suiro::server {
namespace {

constexpr std::string_view kStream =
    "{StreamARN}|arn:aws:kinesis:{region}:{account}:stream/{StreamName}";
constexpr std::string_view kApplication =
    "arn:aws:kinesisanalytics:{region}:{account}:application/{ApplicationName}";
constexpr std::string_view kBothVersions =
    "AddApplicationCloudWatchLoggingOption AddApplicationInput "
    "AddApplicationInputProcessingConfiguration AddApplicationOutput "
    "AddApplicationReferenceDataSource CreateApplication DeleteApplication "
    "DeleteApplicationCloudWatchLoggingOption DeleteApplicationInputProcessingConfiguration "
    "DeleteApplicationOutput DeleteApplicationReferenceDataSource DescribeApplication "
    "StartApplication StopApplication UpdateApplication";

constexpr PermissionRow kRows[] = {
    {"kinesis", kStream,
     "AddTagsToStream CreateStream DecreaseStreamRetentionPeriod DeleteStream DescribeStream "
     "DescribeStreamSummary DisableEnhancedMonitoring EnableEnhancedMonitoring GetShardIterator "
     "IncreaseStreamRetentionPeriod ListShards ListStreamConsumers ListTagsForStream MergeShards "
     "PutRecord PutRecords RegisterStreamConsumer RemoveTagsFromStream SplitShard "
     "StartStreamEncryption StopStreamEncryption UpdateMaxRecordSize UpdateShardCount "
     "UpdateStreamMode"},
    {"kinesis", "{StreamARN}|{ShardIterator:iterator}", "GetRecords"},
    {"kinesis", "{ConsumerARN}|{StreamARN}",
     "DeregisterStreamConsumer DescribeStreamConsumer SubscribeToShard"},
    {"kinesis", "*", "DescribeLimits ListStreams"},
    {"kinesis", "{ResourceARN}", "ListTagsForResource TagResource UntagResource"},

    {"firehose", "arn:aws:firehose:{region}:{account}:deliverystream/{DeliveryStreamName}",
     "CreateDeliveryStream DeleteDeliveryStream DescribeDeliveryStream ListTagsForDeliveryStream "
     "PutRecord PutRecordBatch TagDeliveryStream UntagDeliveryStream UpdateDestination "
     "StartDeliveryStreamEncryption StopDeliveryStreamEncryption"},
    {"firehose", "*", "ListDeliveryStreams"},
    {"firehose",
     "?{ExtendedS3DestinationConfiguration.RoleARN}|{S3DestinationConfiguration.RoleARN}",
     "CreateDeliveryStream=iam:PassRole"},
    {"firehose", "?{ExtendedS3DestinationUpdate.RoleARN}|{S3DestinationUpdate.RoleARN}",
     "UpdateDestination=iam:PassRole"},
    {"firehose", "?{KinesisStreamSourceConfiguration.RoleARN}",
     "CreateDeliveryStream=iam:PassRole"},

    {"kinesisanalytics", kApplication, kBothVersions},
    {"kinesisanalytics", "*", "ListApplications DiscoverInputSchema"},
    {"kinesisanalytics", "?{RoleARN}", "DiscoverInputSchema=iam:PassRole"},
    {"kinesisanalytics", "?{Inputs[].KinesisStreamsInput.RoleARN}",
     "CreateApplication=iam:PassRole"},
    {"kinesisanalytics", "?{Outputs[].KinesisStreamsOutput.RoleARN}",
     "CreateApplication=iam:PassRole"},
    {"kinesisanalytics", "?{Input.KinesisStreamsInput.RoleARN}",
     "AddApplicationInput=iam:PassRole"},
    {"kinesisanalytics",
     "?{Output.KinesisStreamsOutput.RoleARN}|{Output.KinesisFirehoseOutput.RoleARN}|"
     "{Output.LambdaOutput.RoleARN}",
     "AddApplicationOutput=iam:PassRole"},
    {"kinesisanalytics", "{ResourceARN}", "ListTagsForResource TagResource UntagResource"},

    {"kinesisanalyticsv2", kApplication, kBothVersions},
    {"kinesisanalyticsv2", kApplication,
     "AddApplicationVpcConfiguration CreateApplicationPresignedUrl CreateApplicationSnapshot "
     "DeleteApplicationSnapshot DeleteApplicationVpcConfiguration DescribeApplicationOperation "
     "DescribeApplicationSnapshot DescribeApplicationVersion ListApplicationOperations "
     "ListApplicationSnapshots ListApplicationVersions RollbackApplication "
     "UpdateApplicationMaintenanceConfiguration"},
    {"kinesisanalyticsv2", "*", "ListApplications DiscoverInputSchema"},
    {"kinesisanalyticsv2", "?{ServiceExecutionRole}",
     "CreateApplication=iam:PassRole DiscoverInputSchema=iam:PassRole"},
    {"kinesisanalyticsv2", "?{ServiceExecutionRoleUpdate}", "UpdateApplication=iam:PassRole"},
    {"kinesisanalyticsv2", "{ResourceARN}", "ListTagsForResource TagResource UntagResource"},
};

}  // namespace

std::span<const PermissionRow> stream_permissions() {
  return kRows;
}

}  // namespace suiro::server
