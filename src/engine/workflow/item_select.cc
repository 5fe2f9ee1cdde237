// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/item_batch.h"

namespace suiro::workflow {
namespace {

json::Value with_item(const json::Value& context, const Item& item, const ItemPlace& place) {
  json::Object told;
  told.set("Index", static_cast<int64_t>(place.index));
  if (item.key) told.set("Key", *item.key);
  told.set("Value", item.value);
  if (!place.source.empty()) told.set("Source", place.source);
  json::Object map;
  map.set("Item", std::move(told));
  json::Value whole = context.is_object() ? context : json::Value(json::Object());
  whole.edit_object().set("Map", std::move(map));
  return whole;
}

}  // namespace

Result<json::Value> select_item(const State& state, const MapRunEffect& effect, const Item& item,
                                const ItemPlace& place, TimePoint now, Random& random) {
  const auto& selector = std::get<MapFields>(state.fields).item_selector;
  if (!selector) return item_as_input(item);
  Scope scope;
  scope.input = effect.input;
  scope.context = [&] { return with_item(effect.context, item, place); };
  scope.variable = [&](std::string_view name) -> std::optional<json::Value> {
    const json::Value* found = effect.variables.find(name);
    if (found == nullptr) return std::nullopt;
    return *found;
  };
  scope.now = now;
  scope.random = &random;
  return selector->evaluate(scope, "ItemSelector");
}

}  // namespace suiro::workflow
