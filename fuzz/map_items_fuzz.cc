// SPDX-License-Identifier: Apache-2.0
// Data sets of distributed Maps. The first byte says which parser; the second, how the rest is cut:
// the items must not depend on it.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "engine/workflow/item_source.h"

namespace {

using suiro::workflow::Item;

std::unique_ptr<suiro::workflow::ItemParser> parser_of(uint8_t kind) {
  using namespace suiro::workflow;
  switch (kind % 6) {
    case 0:
      return csv_items({});
    case 1:
      return csv_items({.delimiter = ';', .headers = std::vector<std::string>{"a", "b"}});
    case 2:
      return json_items("").value();
    case 3:
      return json_items("/a/0").value();
    case 4:
      return json_lines_items();
    default:
      return unpacked_items(json_lines_items());
  }
}

std::string told(uint8_t kind, std::string_view bytes, size_t chunk) {
  auto parser = parser_of(kind);
  std::vector<Item> items;
  for (size_t at = 0; at < bytes.size(); at += chunk) {
    if (!parser->feed(bytes.substr(at, chunk), items)) return "wrong";
  }
  if (!parser->finish(items)) return "wrong";
  std::string text;
  for (const Item& item : items) text += suiro::json::write(item_as_input(item)) + "\n";
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  (void)suiro::workflow::parse_inventory(bytes);
  (void)suiro::workflow::parse_athena_manifest(bytes);
  (void)suiro::workflow::parse_listing(bytes);
  CHECK(told(data[0], bytes, size) == told(data[0], bytes, 1 + data[1] % 7));
  return 0;
}
