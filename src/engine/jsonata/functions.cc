// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/functions.h"

#include <string>
#include <unordered_map>

#include "base/check.h"

namespace suiro::jsonata {
namespace {

struct Tables {
  std::unordered_map<std::string_view, Native> standard;
  std::unordered_map<std::string_view, Native> workflows;

  enum class Where : uint8_t { kBoth, kStandard, kWorkflows };
  void add(std::span<const NativeEntry> entries, Where where) {
    for (const NativeEntry& entry : entries) {
      auto signature = Signature::parse(entry.signature);
      CHECK(std::holds_alternative<Signature>(signature), "a signature of the library");
      Native native{.entry = entry, .signature = std::get<Signature>(std::move(signature))};
      if (where != Where::kWorkflows) standard.insert_or_assign(entry.name, native);
      if (where != Where::kStandard) workflows.insert_or_assign(entry.name, std::move(native));
    }
  }

  Tables() {
    for (auto entries :
         {string_functions(), matching_functions(), encoding_functions(), number_functions(),
          array_functions(), object_functions(), picture_functions()}) {
      add(entries, Where::kBoth);
    }
    add(standard_only_functions(), Where::kStandard);
    add(workflow_functions(), Where::kWorkflows);
  }
};

const Tables& tables() {
  static const Tables all;
  return all;
}

}  // namespace

const Native* find_native(std::string_view name, Library library) {
  const auto& table = library == Library::kStandard ? tables().standard : tables().workflows;
  const auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

const Native* find_native(std::string_view name) {
  const Native* found = find_native(name, Library::kStandard);
  return found != nullptr ? found : find_native(name, Library::kWorkflows);
}

}  // namespace suiro::jsonata
