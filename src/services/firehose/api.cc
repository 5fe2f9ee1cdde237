// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/api.h"

#include "services/firehose/errors.h"
#include "shapes/json.h"

namespace suiro::firehose {

namespace op = shape::op;

namespace {

std::map<std::string, std::string> tags_of(const std::vector<shape::Tag>& tags) {
  std::map<std::string, std::string> out;
  for (const auto& tag : tags) out[tag.key] = tag.value.value_or("");
  return out;
}

// The one destination that a request configures.
struct Chosen {
  Kind kind = Kind::kS3;
  std::string document;
};

class Choice {
 public:
  template <class Member>
  void consider(Kind kind, const std::optional<Member>& member) {
    if (!member) return;
    ++count_;
    chosen_ = {kind, shapes::to_json(*member)};
  }
  Result<Chosen> take() {
    if (count_ != 1) return invalid("Exactly one destination configuration is supported");
    return std::move(chosen_);
  }

 private:
  int count_ = 0;
  Chosen chosen_;
};

template <class Description>
Result<Description> description_of(const StreamRecord& record) {
  return shapes::from_json<Description>(describe_document(record.document));
}

Result<shape::DestinationDescription> destination_of(const StreamRecord& record) {
  shape::DestinationDescription out;
  out.destination_id = kDestinationId;
  switch (record.kind) {
    case Kind::kS3: {
      TRY(out.s3_destination_description, description_of<shape::S3DestinationDescription>(record));
      TRY(out.extended_s3_destination_description,
          description_of<shape::ExtendedS3DestinationDescription>(record));
      break;
    }
    case Kind::kHttp: {
      TRY(out.http_endpoint_destination_description,
          description_of<shape::HttpEndpointDestinationDescription>(record));
      break;
    }
    case Kind::kSearch: {
      TRY(out.amazonopensearchservice_destination_description,
          description_of<shape::AmazonopensearchserviceDestinationDescription>(record));
      break;
    }
  }
  return out;
}

std::string_view type_name(SourceType source) {
  return source == SourceType::kKinesis ? "KinesisStreamAsSource" : "DirectPut";
}

}  // namespace

void Api::add_operations(shapes::Registry& registry) {
  add<op::CreateDeliveryStream>(registry, &Api::create);
  add<op::DescribeDeliveryStream>(registry, &Api::describe);
  add<op::ListDeliveryStreams>(registry, &Api::list);
  add<op::DeleteDeliveryStream>(registry, &Api::remove);
  add<op::UpdateDestination>(registry, &Api::update);
  add<op::TagDeliveryStream>(registry, &Api::tag);
  add<op::UntagDeliveryStream>(registry, &Api::untag);
  add<op::ListTagsForDeliveryStream>(registry, &Api::list_tags);
  add<op::PutRecord>(registry, &Api::put);
  add<op::PutRecordBatch>(registry, &Api::put_batch);
}

Api::Answer<op::CreateDeliveryStream> Api::create(shapes::Call&,
                                                  shape::CreateDeliveryStreamInput in) {
  Choice choice;
  choice.consider(Kind::kS3, in.s3_destination_configuration);
  choice.consider(Kind::kS3, in.extended_s3_destination_configuration);
  choice.consider(Kind::kHttp, in.http_endpoint_destination_configuration);
  choice.consider(Kind::kSearch, in.amazonopensearchservice_destination_configuration);
  CO_TRY(Chosen chosen, choice.take());
  CreateRequest request{.name = std::move(in.delivery_stream_name),
                        .kind = chosen.kind,
                        .document = std::move(chosen.document)};
  std::string type = in.delivery_stream_type.value_or("DirectPut");
  if (type == "KinesisStreamAsSource") {
    request.source = SourceType::kKinesis;
  } else if (type != "DirectPut") {
    co_return not_supported(fmt::format("DeliveryStreamType {}", type));
  }
  if (in.kinesis_stream_source_configuration.has_value() !=
      (request.source == SourceType::kKinesis)) {
    co_return invalid(
        "KinesisStreamSourceConfiguration belongs to the type KinesisStreamAsSource, and it needs "
        "one");
  }
  if (auto& source = in.kinesis_stream_source_configuration) {
    request.source_arn = std::move(source->kinesis_stream_arn);
    request.source_role = std::move(source->role_arn);
  }
  if (in.tags) request.tags = tags_of(*in.tags);
  shape::CreateDeliveryStreamOutput out;
  CO_TRY(out.delivery_stream_arn, co_await logic_.create(std::move(request)));
  co_return out;
}

Api::Answer<op::DescribeDeliveryStream> Api::describe(shapes::Call&,
                                                      shape::DescribeDeliveryStreamInput in) {
  CO_TRY(StreamRecord record, co_await logic_.describe(std::move(in.delivery_stream_name)));
  shape::DescribeDeliveryStreamOutput answer;
  auto& out = answer.delivery_stream_description;
  out.delivery_stream_name = record.name;
  out.delivery_stream_arn = logic_.context().arn_of(record.name);
  out.delivery_stream_status = "ACTIVE";
  out.delivery_stream_encryption_configuration.emplace();
  out.delivery_stream_encryption_configuration->status = "DISABLED";
  out.delivery_stream_type = type_name(record.source);
  out.version_id = fmt::to_string(record.version);
  out.create_timestamp = record.created;
  if (record.version > 1) out.last_update_timestamp = record.updated;
  if (record.source == SourceType::kKinesis) {
    auto& source = out.source.emplace().kinesis_stream_source_description.emplace();
    source.kinesis_stream_arn = record.source_arn;
    source.role_arn = record.source_role;
    source.delivery_start_timestamp = record.created;
  }
  if (in.exclusive_start_destination_id.value_or("") < kDestinationId) {
    CO_TRY(auto destination, destination_of(record));
    out.destinations.push_back(std::move(destination));
  }
  out.has_more_destinations = false;
  co_return answer;
}

Api::Answer<op::ListDeliveryStreams> Api::list(shapes::Call&, shape::ListDeliveryStreamsInput in) {
  Logic::ListRequest request{
      .after = in.exclusive_start_delivery_stream_name.value_or(""),
      .names_max = static_cast<size_t>(in.limit.value_or(static_cast<int32_t>(kListDefault)))};
  if (in.delivery_stream_type == "DirectPut") request.source = SourceType::kDirectPut;
  if (in.delivery_stream_type == "KinesisStreamAsSource") request.source = SourceType::kKinesis;
  shape::ListDeliveryStreamsOutput out;
  out.has_more_delivery_streams = false;
  if (in.delivery_stream_type && !request.source) co_return out;
  CO_TRY(Logic::Names names, co_await logic_.list(std::move(request)));
  out.delivery_stream_names = std::move(names.names);
  out.has_more_delivery_streams = names.more;
  co_return out;
}

Api::Answer<op::DeleteDeliveryStream> Api::remove(shapes::Call&,
                                                  shape::DeleteDeliveryStreamInput in) {
  CO_TRY_VOID(co_await logic_.remove(std::move(in.delivery_stream_name)));
  co_return shape::DeleteDeliveryStreamOutput{};
}

Api::Answer<op::UpdateDestination> Api::update(shapes::Call&, shape::UpdateDestinationInput in) {
  Choice choice;
  choice.consider(Kind::kS3, in.s3_destination_update);
  choice.consider(Kind::kS3, in.extended_s3_destination_update);
  choice.consider(Kind::kHttp, in.http_endpoint_destination_update);
  choice.consider(Kind::kSearch, in.amazonopensearchservice_destination_update);
  CO_TRY(Chosen chosen, choice.take());
  CO_TRY_VOID(co_await logic_.update({.name = std::move(in.delivery_stream_name),
                                      .version = std::move(in.current_delivery_stream_version_id),
                                      .destination_id = std::move(in.destination_id),
                                      .kind = chosen.kind,
                                      .document = std::move(chosen.document)}));
  co_return shape::UpdateDestinationOutput{};
}

Api::Answer<op::TagDeliveryStream> Api::tag(shapes::Call&, shape::TagDeliveryStreamInput in) {
  CO_TRY_VOID(
      co_await logic_.change_tags(std::move(in.delivery_stream_name), tags_of(in.tags), {}));
  co_return shape::TagDeliveryStreamOutput{};
}

Api::Answer<op::UntagDeliveryStream> Api::untag(shapes::Call&, shape::UntagDeliveryStreamInput in) {
  CO_TRY_VOID(
      co_await logic_.change_tags(std::move(in.delivery_stream_name), {}, std::move(in.tag_keys)));
  co_return shape::UntagDeliveryStreamOutput{};
}

Api::Answer<op::ListTagsForDeliveryStream> Api::list_tags(
    shapes::Call&, shape::ListTagsForDeliveryStreamInput in) {
  CO_TRY(StreamRecord record, co_await logic_.describe(std::move(in.delivery_stream_name)));
  shape::ListTagsForDeliveryStreamOutput out;
  out.has_more_tags = false;
  auto limit = static_cast<size_t>(in.limit.value_or(static_cast<int32_t>(kTagsMax)));
  for (auto it = record.tags.upper_bound(in.exclusive_start_tag_key.value_or(""));
       it != record.tags.end(); ++it) {
    if (out.tags.size() == limit) {
      out.has_more_tags = true;
      break;
    }
    shape::Tag tag;
    tag.key = it->first;
    tag.value = it->second;
    out.tags.push_back(std::move(tag));
  }
  co_return out;
}

Task<void> Api::count(std::string_view kind, std::string name, event::Span::Status status,
                      Micros begun) {
  Context& context = logic_.context();
  std::string resource = context.arn_of(name);
  Micros took = context.kernel.clock.steady() - begun;
  // Names that do not exist would let clients grow the journal's counters at will.
  if (status == event::Span::Status::kError && !co_await logic_.describe(std::move(name))) {
    resource.clear();
  }
  context.kernel.journal.count(kind, resource, status, took);
}

Api::Answer<op::PutRecord> Api::put(shapes::Call& call, shape::PutRecordInput in) {
  Micros begun = logic_.context().kernel.clock.steady();
  std::vector<Bytes> records;
  records.push_back(std::move(in.record.data));
  auto ids = co_await logic_.put(in.delivery_stream_name, std::move(records), call.trace);
  co_await count("firehose:PutRecord", in.delivery_stream_name,
                 ids ? event::Span::Status::kOk : event::Span::Status::kError, begun);
  if (!ids) co_return fail(std::move(ids).error());
  shape::PutRecordOutput out;
  out.record_id = std::move(ids->front());
  out.encrypted = false;
  co_return out;
}

Api::Answer<op::PutRecordBatch> Api::put_batch(shapes::Call& call, shape::PutRecordBatchInput in) {
  Micros begun = logic_.context().kernel.clock.steady();
  std::vector<Bytes> records;
  records.reserve(in.records.size());
  for (auto& record : in.records) records.push_back(std::move(record.data));
  auto ids = co_await logic_.put(in.delivery_stream_name, std::move(records), call.trace);
  co_await count("firehose:PutRecordBatch", in.delivery_stream_name,
                 ids ? event::Span::Status::kOk : event::Span::Status::kError, begun);
  if (!ids) co_return fail(std::move(ids).error());
  shape::PutRecordBatchOutput out;
  out.failed_put_count = 0;
  out.encrypted = false;
  out.request_responses.reserve(ids->size());
  for (auto& id : *ids) {
    out.request_responses.emplace_back();
    out.request_responses.back().record_id = std::move(id);
  }
  co_return out;
}

}  // namespace suiro::firehose
