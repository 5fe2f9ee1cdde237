// SPDX-License-Identifier: Apache-2.0
// How many events a second one event loop compares with a bus of 1,000 rules.
// suiro-events-bench
#include <fmt/format.h>

#include <ctime>

#include "base/check.h"
#include "services/events/memory.h"

namespace {

using namespace suiro;

const std::string kEvent =
    R"({"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created",)"
    R"("source":"app.7","account":"000000000000","time":"2026-01-01T00:00:00Z","region":"r",)"
    R"("resources":["arn:aws:s3:::lake"],"detail":{"bucket":{"name":"lake"},"object":{"key":)"
    R"("logs/2026/01/01/access-7.log.gz","size":1234567},"tags":["a","b","c"],"n":7.5}})";

enum class Kind { kSources, kDetails, kPrefixes };

// By source of their own; of one source, told apart by the detail; by prefix of the source, which
// has no index.
std::string pattern_of(Kind kind, int number) {
  switch (kind) {
    case Kind::kSources:
      return fmt::format(R"({{"source":["app.{}"],"detail":{{"n":[{{"numeric":[">",1]}}]}}}})",
                         number);
    case Kind::kDetails:
      return fmt::format(
          R"({{"source":["app.7"],"detail":{{"object":{{"key":[{{"wildcard":"*-{}.l*"}}]}}}}}})",
          number);
    default:
      return fmt::format(
          R"({{"source":[{{"prefix":"app.{}"}}],"detail":{{"bucket":{{"name":["b{}"]}}}}}})",
          number, number);
  }
}

void measure(std::string_view name, Kind kind) {
  constexpr int kRules = 1000;
  constexpr int kSeconds = 1;
  events::BusMemory bus;
  for (int i = 0; i < kRules; ++i) {
    auto rule = events::compile_rule(fmt::format("r{}", i), "arn",
                                     events::Rule{.pattern = pattern_of(kind, i)});
    CHECK(rule);
    bus.put(*rule);
  }
  size_t matched = 0;
  uint64_t count = 0;
  // The processor's time: other work on the machine does not count.
  const std::clock_t start = std::clock();
  std::clock_t end = start;
  for (; end - start < kSeconds * CLOCKS_PER_SEC; end = std::clock(), ++count) {
    auto event = event_pattern::Event::parse(kEvent);
    matched += bus.matching(*event, "").size();
  }
  double seconds = static_cast<double>(end - start) / CLOCKS_PER_SEC;
  fmt::print("{:20} {:>10.0f} events/s, {:.2f} rules an event match\n", name,
             static_cast<double>(count) / seconds,
             static_cast<double>(matched) / static_cast<double>(count));
}

}  // namespace

int main() {
  measure("one rule a source", Kind::kSources);
  measure("all of one source", Kind::kDetails);
  measure("without index", Kind::kPrefixes);
}
