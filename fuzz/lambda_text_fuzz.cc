// SPDX-License-Identifier: Apache-2.0
// Texts that clients and functions give to the lambda service: names, filters of mappings, partial
// batch responses. First byte: which.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "services/lambda/mappings.h"
#include "services/lambda/names.h"
#include "services/lambda/pattern.h"
#include "services/lambda/records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  using namespace suiro::lambda;
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  const Place place{"ap-northeast-1", "000000000000"};
  switch (data[0] % 4) {
    case 0: {
      auto name = parse_function_name(text, std::nullopt, place);
      if (!name) break;
      auto again = parse_function_name(function_arn(place, name->name, name->qualifier),
                                       std::nullopt, place);
      CHECK(again && again->name == name->name && again->qualifier == name->qualifier);
      break;
    }
    case 1: {  // a pattern, a line, a record
      size_t line = text.find('\n');
      auto pattern = Pattern::parse({text.substr(0, line)});
      if (pattern && line != std::string::npos) (void)pattern->matches(text.substr(line + 1));
      break;
    }
    case 2:
      (void)failed_items(text);
      break;
    default:
      (void)decode<Function>(text);
      (void)decode<AsyncInvocation>(text);
      (void)decode<Mapping>(text);
      (void)decode<CodeRecord>(text);
  }
  return 0;
}
