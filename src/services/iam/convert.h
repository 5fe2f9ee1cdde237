// SPDX-License-Identifier: Apache-2.0
// From what is kept to shapes and back, and pages of lists. Internal to api*.cc and simulate.cc.
#pragma once

#include <algorithm>

#include "services/iam/directory.h"
#include "services/iam/errors.h"
#include "services/iam/limits.h"
#include "services/iam/logic.h"
#include "shapes/gen/iam.h"

namespace suiro::iam {

namespace shape = shapes::iam;
namespace op = shapes::iam::op;

std::vector<shape::Tag> to_shape(const std::vector<Tag>& tags);
std::vector<Tag> from_shape(std::vector<shape::Tag> tags);
inline std::vector<Tag> from_shape(std::optional<std::vector<shape::Tag>> tags) {
  return tags ? from_shape(*std::move(tags)) : std::vector<Tag>{};
}

// kBrief: as lists show them, without tags, boundary and last use.
enum class Detail : uint8_t { kFull, kBrief };
shape::Role to_shape(const Directory& directory, const Role& role, Detail detail = Detail::kFull);
shape::User to_shape(const Directory& directory, const User& user, Detail detail = Detail::kFull);
shape::Group to_shape(const Directory& directory, const Group& group);
shape::Policy to_shape(const Directory& directory, const ManagedPolicy& policy,
                       Detail detail = Detail::kFull);
enum class WithDocument : uint8_t { kNo, kYes };
shape::PolicyVersion to_shape(const ManagedPolicy& policy, const PolicyVersion& version,
                              WithDocument document);
shape::InstanceProfile to_shape(const Directory& directory, const InstanceProfile& profile,
                                Detail detail = Detail::kFull);

// The user that is named, else the caller's own. Errors: ValidationError for a caller who is none.
Result<std::string> user_of(const shapes::Call& call, const std::optional<std::string>& name);

// One row of a list; rows are ordered by their unique keys.
template <class T>
struct Row {
  std::string key;
  T value;
};

std::string marker_of(std::string_view key);
// The key behind which a page begins; empty without a marker. Errors: ValidationError.
Result<std::string> after_marker(const std::optional<std::string>& marker);

// Puts a page of `rows` into `member` of an Output.
template <class Output, class Input, class T, class Member>
Result<Output> page_of(const Input& in, std::vector<Row<T>> rows, Member Output::* member) {
  TRY(std::string after, after_marker(in.marker));
  std::ranges::sort(rows, {}, &Row<T>::key);
  size_t most = static_cast<size_t>(in.max_items.value_or(static_cast<int32_t>(kListDefault)));
  Output out;
  std::vector<T> page;
  out.is_truncated = false;
  std::string last;
  for (Row<T>& row : rows) {
    if (!after.empty() && row.key <= after) continue;
    if (page.size() == most) {
      out.is_truncated = true;
      out.marker = marker_of(last);
      break;
    }
    page.push_back(std::move(row.value));
    last = std::move(row.key);
  }
  out.*member = std::move(page);
  return out;
}

inline bool is_below(const std::string& path, const std::optional<std::string>& prefix) {
  return !prefix || path.starts_with(*prefix);
}

}  // namespace suiro::iam
