// SPDX-License-Identifier: Apache-2.0
// What Step Functions adds. Source: Step Functions Developer Guide, "Transforming data with
// JSONata", "Step Functions JSONata functions".
#include <cmath>

#include "base/digest.h"
#include "engine/jsonata/evaluator.h"

namespace suiro::jsonata {
namespace {

Value refuse(const Call& call, std::string message) {
  return call.evaluator.fail(
      Fault{.code = std::string(codes::kInvalidArgument), .message = std::move(message)});
}

bool is_integral(const Value& value) {
  return value.is_number() && std::isfinite(value.number()) &&
         value.number() == std::trunc(value.number());
}

Value fn_partition(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  const Items items(call[0]);
  if (!is_integral(call[1]) || call[1].number() < 1) {
    return refuse(call, "$partition: the size of the parts must be a positive integer");
  }
  const auto size =
      static_cast<size_t>(std::min(call[1].number(), static_cast<double>(items.size()) + 1));
  if (!evaluator.step(items.size())) return Value::failed();
  Array* out = evaluator.new_array();
  for (size_t begin = 0; begin < items.size(); begin += size) {
    Array* part = evaluator.new_array();
    for (size_t i = begin; i < std::min(begin + size, items.size()); ++i) {
      part->push(evaluator.arena(), items[i]);
    }
    out->push(evaluator.arena(), Value(part));
  }
  return Value(out);
}

Value fn_range(const Call& call) {
  constexpr double kElementsMax = 1e7;  // as the range operator
  for (size_t i = 0; i < 3; ++i) {
    if (call[i].undefined()) return {};
  }
  Evaluator& evaluator = call.evaluator;
  if (!is_integral(call[0]) || !is_integral(call[1]) || !is_integral(call[2]) ||
      call[2].number() == 0) {
    return refuse(call, "$range: begin, end and a step other than 0 must be integers");
  }
  const double begin = call[0].number(), end = call[1].number(), by = call[2].number();
  const double count = std::floor((end - begin) / by) + 1;
  Array* out = evaluator.new_sequence();  // one number is this number (recorded)
  if (count <= 0) return Value(out);
  if (count > kElementsMax) return evaluator.fail("D2014", Value(count));
  const auto turns = static_cast<size_t>(count);
  if (!evaluator.step(turns) || !out->reserve(evaluator.arena(), turns)) return Value(out);
  for (size_t i = 0; i < turns; ++i) {
    out->push(evaluator.arena(), Value(begin + by * static_cast<double>(i)));
  }
  return Value(out);
}

Value fn_hash(const Call& call) {
  if (call[0].undefined() || call[1].undefined()) return {};
  struct Algorithm {
    std::string_view name;
    DigestKind kind;
  };
  constexpr Algorithm kAlgorithms[] = {{"MD5", DigestKind::kMd5},
                                       {"SHA-1", DigestKind::kSha1},
                                       {"SHA-256", DigestKind::kSha256},
                                       {"SHA-384", DigestKind::kSha384},
                                       {"SHA-512", DigestKind::kSha512}};
  for (const Algorithm& algorithm : kAlgorithms) {
    if (algorithm.name != call[1].text()) continue;
    Digest digest(algorithm.kind);
    digest.update(call[0].text());
    return call.evaluator.text(hex_encode(digest.finish()));
  }
  return refuse(call, "$hash: the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512");
}

Value fn_random(const Call& call) {
  if (call[0].undefined()) return Value(call.evaluator.environment().random->unit());
  if (!is_integral(call[0])) return refuse(call, "$random: the seed must be an integer");
  const double seed = std::clamp(call[0].number(), -9e18, 9e18);
  return Value(SeededRandom(static_cast<uint64_t>(static_cast<int64_t>(seed))).unit());
}

Value fn_uuid(const Call& call) {
  return call.evaluator.text(call.evaluator.environment().random->uuid());
}

Value fn_parse(const Call& call) {
  if (call[0].undefined()) return {};
  Evaluator& evaluator = call.evaluator;
  // A value is larger than its text: about a Value for each two bytes at worst.
  constexpr size_t kValueBytes = 16;
  if (!evaluator.step(call[0].text().size() / 16 + 1) ||
      !evaluator.arena().room(call[0].text().size() * kValueBytes)) {
    return evaluator.step(0), Value::failed();
  }
  auto value = json::parse(call[0].text());
  if (!value) return refuse(call, "$parse: " + value.error().message);
  return evaluator.adopt(*std::move(value));
}

constexpr NativeEntry kWorkflowFunctions[] = {
    {"partition", "<an:a>", 2, fn_partition},
    {"range", "<nnn:a<n>>", 3, fn_range},
    {"hash", "<ss:s>", 2, fn_hash},
    {"random", "<n?:n>", 1, fn_random},
    {"uuid", "<:s>", 0, fn_uuid},
    {"parse", "<s-:x>", 1, fn_parse},
};

}  // namespace

std::span<const NativeEntry> workflow_functions() {
  return kWorkflowFunctions;
}

}  // namespace suiro::jsonata
