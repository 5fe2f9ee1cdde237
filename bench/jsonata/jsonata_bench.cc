// SPDX-License-Identifier: Apache-2.0
// Evaluations of compiled JSONata expressions a second, on one thread.
//
//   suiro-jsonata-bench [CASES_FILE] [SECONDS_A_CASE]
//
// bench/jsonata/rival.mjs runs the same cases with the reference implementation on Node.js. Each
// line is: name, evaluations a second, bytes of the result (to compare the answers).
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/check.h"
#include "engine/jsonata/expression.h"

namespace suiro::jsonata {
namespace {

using std::chrono::steady_clock;

// As rival.mjs makes it.
json::Value states(int64_t lines) {
  json::Array list;
  for (int64_t i = 0; i < lines; ++i) {
    json::Object line;
    line.set("sku", fmt::format("s{}", i * 7919 % 1000));
    line.set("kind", fmt::format("k{}", i % 10));
    line.set("price", static_cast<int64_t>(i * 31 % 97));
    line.set("count", static_cast<int64_t>(i % 5 + 1));
    list.emplace_back(std::move(line));
  }
  auto order = json::parse(
      R"({"id": "o-1", "total": 140, "customer": {"name": "Ada", "vip": true,
          "address": {"city": "Kobe"}}})");
  CHECK(order.has_value());
  order->edit_object().set("lines", std::move(list));
  json::Object input, out;
  input.set("order", *std::move(order));
  out.set("input", std::move(input));
  return out;
}

bool run(const json::Value& case_, double seconds) {
  auto expression = Expression::compile(case_.find("expr")->as_string());
  if (!expression) return false;
  const json::Value given = states(case_.find("size")->as_integer());
  SeededRandom random(1);
  const Environment environment{.now = TimePoint(Millis(1'700'000'000'123)),
                                .random = &random,
                                .library = Library::kWorkflows,
                                .variable = [&](std::string_view name) {
                                  return name == "states" ? std::optional(given) : std::nullopt;
                                }};
  uint64_t count = 0;
  size_t size = 0;
  const auto begin = steady_clock::now();
  double taken = 0;
  for (uint64_t batch = 1; taken < seconds; batch = std::min<uint64_t>(batch * 2, 1024)) {
    for (uint64_t i = 0; i < batch; ++i, ++count) {
      auto result = expression->evaluate(std::nullopt, environment);
      if (!result || !*result) return false;
      if (count == 0) size = json::write(**result).size();
    }
    taken = std::chrono::duration<double>(steady_clock::now() - begin).count();
  }
  std::printf("%-10s %12.0f %8zu\n", case_.find("name")->as_string().c_str(),
              static_cast<double>(count) / taken, size);
  return true;
}

}  // namespace
}  // namespace suiro::jsonata

int main(int count, char** arguments) {
  std::ifstream file(count > 1 ? arguments[1] : "bench/jsonata/cases.jsonl");
  const double seconds = count > 2 ? std::atof(arguments[2]) : 1;
  size_t cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    auto case_ = suiro::json::parse(line);
    if (!case_ || !suiro::jsonata::run(*case_, seconds)) {
      std::fprintf(stderr, "cannot run: %s\n", line.c_str());
      return 1;
    }
  }
  return cases > 0 ? 0 : 1;
}
