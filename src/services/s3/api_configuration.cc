// SPDX-License-Identifier: Apache-2.0
// CORS, lifecycle, notification and tagging of buckets: documents that come back as they were put.
#include "services/s3/api_common.h"
#include "services/s3/configuration_rules.h"
#include "shapes/json.h"

namespace suiro::s3 {
namespace {

constexpr std::string_view kTransitionSizeDefault = "all_storage_classes_128K";

// The document of a bucket as its shape, or `missing`.
template <class Shape>
Result<Shape> document_of(const Bucket& bucket, std::string_view name, const char* missing,
                          const char* message) {
  const std::string* text = bucket.record.document(name);
  if (text == nullptr) {
    return Failure(Error{missing, message, Retry::kNever, {{"BucketName", bucket.name}}});
  }
  return read_document<Shape>(*text);
}

}  // namespace

void Api::add_configuration_operations(shapes::Registry& registry) {
  namespace op = wire::op;
  add<op::GetBucketCors>(registry, &Api::get_cors);
  add<op::PutBucketCors>(registry, &Api::put_cors);
  add<op::DeleteBucketCors>(registry, &Api::delete_cors);
  add<op::GetBucketLifecycleConfiguration>(registry, &Api::get_lifecycle);
  add<op::PutBucketLifecycleConfiguration>(registry, &Api::put_lifecycle);
  add<op::DeleteBucketLifecycle>(registry, &Api::delete_lifecycle);
  add<op::GetBucketNotificationConfiguration>(registry, &Api::get_notification);
  add<op::PutBucketNotificationConfiguration>(registry, &Api::put_notification);
  add<op::GetBucketTagging>(registry, &Api::get_tagging);
  add<op::PutBucketTagging>(registry, &Api::put_tagging);
  add<op::DeleteBucketTagging>(registry, &Api::delete_tagging);
}

Api::Reply<wire::op::GetBucketCors> Api::get_cors(shapes::Call&, wire::GetBucketCorsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(auto bucket, co_await logic_.bucket(in.bucket, Freshness::kCached));
  CO_TRY(auto document,
         document_of<wire::CORSConfiguration>(*bucket, documents::kCors, "NoSuchCORSConfiguration",
                                              "The CORS configuration does not exist"));
  co_return wire::GetBucketCorsOutput{.cors_rules = std::move(document.cors_rules)};
}

Api::Reply<wire::op::PutBucketCors> Api::put_cors(shapes::Call& call,
                                                  wire::PutBucketCorsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(check_cors(in.cors_configuration));
  CO_TRY_VOID(co_await logic_.put_document(requester_of(call), in.bucket, "s3:PutBucketCors",
                                           std::string(documents::kCors),
                                           shapes::to_json(in.cors_configuration)));
  co_return wire::op::PutBucketCors::Output{};
}

Api::Reply<wire::op::DeleteBucketCors> Api::delete_cors(shapes::Call& call,
                                                        wire::DeleteBucketCorsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(co_await logic_.put_document(requester_of(call), in.bucket, "s3:DeleteBucketCors",
                                           std::string(documents::kCors), std::nullopt));
  co_return wire::op::DeleteBucketCors::Output{};
}

Api::Reply<wire::op::GetBucketLifecycleConfiguration> Api::get_lifecycle(
    shapes::Call&, wire::GetBucketLifecycleConfigurationRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(auto bucket, co_await logic_.bucket(in.bucket, Freshness::kCached));
  CO_TRY(auto document, document_of<wire::BucketLifecycleConfiguration>(
                            *bucket, documents::kLifecycle, "NoSuchLifecycleConfiguration",
                            "The lifecycle configuration does not exist"));
  const std::string* size = bucket->record.document(documents::kTransitionSize);
  co_return wire::GetBucketLifecycleConfigurationOutput{
      .rules = std::move(document.rules),
      .transition_default_minimum_object_size =
          size != nullptr ? *size : std::string(kTransitionSizeDefault)};
}

Api::Reply<wire::op::PutBucketLifecycleConfiguration> Api::put_lifecycle(
    shapes::Call& call, wire::PutBucketLifecycleConfigurationRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  if (!in.lifecycle_configuration) co_return malformed_xml();
  CO_TRY_VOID(check_lifecycle(*in.lifecycle_configuration, logic_.kernel().random));
  std::string size =
      in.transition_default_minimum_object_size.value_or(std::string(kTransitionSizeDefault));
  if (size != kTransitionSizeDefault && size != "varies_by_storage_class") {
    co_return invalid_argument("The transition default minimum object size is not valid",
                               "x-amz-transition-default-minimum-object-size", size);
  }
  auto edit = [&](BucketRecord& record, store::Batch& batch) -> Result<void> {
    record.set_document(documents::kLifecycle, shapes::to_json(*in.lifecycle_configuration));
    record.set_document(documents::kTransitionSize, size);
    logic_.schedule_lifecycle(batch, in.bucket);
    return ok();
  };
  CO_TRY_VOID(co_await logic_.edit_bucket(requester_of(call), in.bucket,
                                          "s3:PutBucketLifecycleConfiguration", edit));
  co_return wire::PutBucketLifecycleConfigurationOutput{.transition_default_minimum_object_size =
                                                            size};
}

Api::Reply<wire::op::DeleteBucketLifecycle> Api::delete_lifecycle(
    shapes::Call& call, wire::DeleteBucketLifecycleRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  auto edit = [](BucketRecord& record, store::Batch&) -> Result<void> {
    record.set_document(documents::kLifecycle, std::nullopt);
    record.set_document(documents::kTransitionSize, std::nullopt);
    return ok();
  };
  CO_TRY_VOID(
      co_await logic_.edit_bucket(requester_of(call), in.bucket, "s3:DeleteBucketLifecycle", edit));
  co_return wire::op::DeleteBucketLifecycle::Output{};
}

Api::Reply<wire::op::GetBucketNotificationConfiguration> Api::get_notification(
    shapes::Call&, wire::GetBucketNotificationConfigurationRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(auto bucket, co_await logic_.bucket(in.bucket, Freshness::kCached));
  const std::string* text = bucket->record.document(documents::kNotification);
  if (text == nullptr) co_return wire::NotificationConfiguration{};
  co_return read_document<wire::NotificationConfiguration>(*text);
}

Api::Reply<wire::op::PutBucketNotificationConfiguration> Api::put_notification(
    shapes::Call& call, wire::PutBucketNotificationConfigurationRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(co_await logic_.bucket(in.bucket, Freshness::kCached));
  auto& document = in.notification_configuration;
  CO_TRY_VOID(check_notification(document, logic_.kernel().random));
  std::vector<NotificationRule> rules = rules_of(document);
  if (!in.skip_destination_validation.value_or(false)) {
    CO_TRY_VOID(co_await logic_.validate_destinations(in.bucket, rules));
  }
  const Requester requester = requester_of(call);
  auto edit = [&](BucketRecord& record, store::Batch& batch) -> Result<void> {
    std::optional<std::string> json;
    if (!rules.empty() || document.event_bridge_configuration) json = shapes::to_json(document);
    record.set_document(documents::kNotification, std::move(json));
    logic_.emit_tests(batch, requester, in.bucket, rules);
    return ok();
  };
  CO_TRY_VOID(co_await logic_.edit_bucket(requester, in.bucket,
                                          "s3:PutBucketNotificationConfiguration", edit));
  co_return wire::op::PutBucketNotificationConfiguration::Output{};
}

Api::Reply<wire::op::GetBucketTagging> Api::get_tagging(shapes::Call&,
                                                        wire::GetBucketTaggingRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(auto bucket, co_await logic_.bucket(in.bucket, Freshness::kCached));
  CO_TRY(auto document, document_of<wire::Tagging>(*bucket, documents::kTagging, "NoSuchTagSet",
                                                   "The TagSet does not exist"));
  co_return wire::GetBucketTaggingOutput{.tag_set = std::move(document.tag_set)};
}

Api::Reply<wire::op::PutBucketTagging> Api::put_tagging(shapes::Call& call,
                                                        wire::PutBucketTaggingRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(check_tags(tags_of(in.tagging), kBucketTagsMax));
  CO_TRY_VOID(co_await logic_.put_document(requester_of(call), in.bucket, "s3:PutBucketTagging",
                                           std::string(documents::kTagging),
                                           shapes::to_json(in.tagging)));
  co_return wire::op::PutBucketTagging::Output{};
}

Api::Reply<wire::op::DeleteBucketTagging> Api::delete_tagging(shapes::Call& call,
                                                              wire::DeleteBucketTaggingRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(co_await logic_.put_document(requester_of(call), in.bucket, "s3:DeleteBucketTagging",
                                           std::string(documents::kTagging), std::nullopt));
  co_return wire::op::DeleteBucketTagging::Output{};
}

}  // namespace suiro::s3
