// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/tags.h"

#include <algorithm>
#include <set>

#include "services/ecs/errors.h"
#include "services/ecs/limits.h"

namespace suiro::ecs {
namespace {

shape::Tag* find_tag(Tags& tags, const std::optional<std::string>& key) {
  auto found = std::ranges::find_if(tags, [&](const auto& tag) { return tag.key == key; });
  return found == tags.end() ? nullptr : &*found;
}

}  // namespace

Result<void> check_tags(const Tags& tags) {
  if (tags.size() > kTagsMax) {
    return invalid(fmt::format("The number of tags exceeds the limit of {}.", kTagsMax));
  }
  std::set<std::string> keys;
  for (const auto& tag : tags) {
    std::string key = tag.key.value_or("");
    if (key.empty()) return invalid("Tag key must not be empty.");
    if (key.starts_with("aws:")) {
      return invalid("Tag keys that begin with aws: are reserved for AWS use.");
    }
    if (!keys.insert(key).second) {
      return invalid(fmt::format("Duplicate tag keys found: {}", key));
    }
  }
  return ok();
}

Result<void> change_tags(Tags& tags, const Tags& added, const std::vector<std::string>& removed) {
  TRY_VOID(check_tags(added));
  for (const auto& key : removed) {
    std::erase_if(tags, [&](const auto& tag) { return tag.key == key; });
  }
  for (const auto& tag : added) {
    if (shape::Tag* present = find_tag(tags, tag.key)) {
      present->value = tag.value;
    } else {
      tags.push_back(tag);
    }
  }
  if (tags.size() > kTagsMax) {
    return invalid(fmt::format("The number of tags exceeds the limit of {}.", kTagsMax));
  }
  return ok();
}

void merge_tags(Tags& tags, const Tags& more) {
  for (const auto& tag : more) {
    if (find_tag(tags, tag.key) == nullptr) tags.push_back(tag);
  }
}

}  // namespace suiro::ecs
