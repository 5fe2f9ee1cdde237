// SPDX-License-Identifier: Apache-2.0
// Operations that both versions of the API have alike, over the shapes of each.
// Thread: see logic.h. Failure: that of logic.h and discovery.h.
#pragma once

#include "services/analytics/convert.h"
#include "services/analytics/discovery.h"
#include "services/analytics/logic.h"
#include "shapes/registry.h"

namespace suiro::analytics {

// DiscoverInputSchema.
template <class Op, class SchemaOut>
Task<Result<typename Op::Output>> discover_schema(Discovery& discovery, typename Op::Input in) {
  Discovery::Question question{.stream_arn = in.resource_arn.value_or("")};
  if (in.s3_configuration) {
    question.bucket_arn = in.s3_configuration->bucket_arn;
    question.key = in.s3_configuration->file_key;
  }
  if (in.input_starting_position_configuration) {
    question.from = start_named(in.input_starting_position_configuration->input_starting_position);
  }
  if (in.input_processing_configuration) {
    question.processor = to_processor(*in.input_processing_configuration).arn;
  }
  CO_TRY(Discovered found, co_await discovery.ask(std::move(question)));
  typename Op::Output out;
  out.input_schema = describe_schema<SchemaOut>(found.schema);
  out.parsed_input_records = std::move(found.parsed);
  if (!found.processed.empty()) out.processed_input_records = std::move(found.processed);
  out.raw_input_records = std::move(found.raw);
  co_return out;
}

// TagResource, UntagResource, ListTagsForResource.
template <class Tag, class Untag, class List>
void add_tag_operations(shapes::Registry& registry, Logic& logic) {
  registry.add<Tag>(
      [&logic](shapes::Call&, typename Tag::Input in) -> Task<Result<typename Tag::Output>> {
        CO_TRY(std::string name, logic.name_of_arn(in.resource_arn));
        CO_TRY_VOID(co_await logic.tag(std::move(name), to_tags(in.tags), {}));
        co_return typename Tag::Output{};
      });
  registry.add<Untag>(
      [&logic](shapes::Call&, typename Untag::Input in) -> Task<Result<typename Untag::Output>> {
        CO_TRY(std::string name, logic.name_of_arn(in.resource_arn));
        CO_TRY_VOID(co_await logic.tag(std::move(name), {}, std::move(in.tag_keys)));
        co_return typename Untag::Output{};
      });
  registry.add<List>(
      [&logic](shapes::Call&, typename List::Input in) -> Task<Result<typename List::Output>> {
        CO_TRY(std::string name, logic.name_of_arn(in.resource_arn));
        CO_TRY(Application application, co_await logic.describe(std::move(name)));
        typename List::Output out;
        describe_tags(out.tags, application.tags);
        co_return out;
      });
}

}  // namespace suiro::analytics
