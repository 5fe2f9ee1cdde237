// SPDX-License-Identifier: Apache-2.0
// Queries of CloudWatch Logs Insights. Input: a query, a zero byte, messages by line.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "engine/log_query/program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  using namespace suiro::log_query;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  size_t end = std::min(input.find('\0'), input.size());
  auto program = Program::compile(input.substr(0, end));
  if (!program) return 0;
  Run::Options options{.rows_max = 100, .bytes_max = 1 << 20, .now = TimePoint(Millis(1'000'000))};
  Run run(*program, options);
  input.remove_prefix(std::min(end + 1, input.size()));
  int64_t time = 0;
  while (!input.empty()) {
    size_t line = std::min(input.find('\n'), input.size());
    Event event{.time = TimePoint(Millis(time += 1000)),
                .message = input.substr(0, line),
                .source = Event::Source::kLambda};
    if (!run.add(event)) return 0;
    EventFields(event).all();
    input.remove_prefix(std::min(line + 1, input.size()));
  }
  auto table = run.finish();
  if (!table) return 0;
  CHECK(table->lines.size() <= options.rows_max, "more rows than asked for");
  for (const auto& row : table->lines) {
    CHECK(row.values.size() == table->columns.size(), "a row has not all columns");
  }
  return 0;
}
