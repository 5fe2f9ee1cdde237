// SPDX-License-Identifier: Apache-2.0
// The cases of tests/golden/jsonata, and those of the official suite.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/jsonata/expression.h"

namespace suiro::jsonata {
namespace {

const std::string kFolder = SUIRO_SOURCE_DIR "/tests/golden/jsonata";

// Doubles print with fifteen digits, and the suite's were computed elsewhere.
bool close(const json::Value& a, const json::Value& b) {
  if (a.is_number() && b.is_number()) {
    const double x = a.as_double(), y = b.as_double();
    return x == y || std::abs(x - y) <= 1e-14 * std::max(std::abs(x), std::abs(y));
  }
  if (a.is_array() && b.is_array()) {
    return std::ranges::equal(a.as_array(), b.as_array(), close);
  }
  if (a.is_object() && b.is_object()) {
    if (a.as_object().size() != b.as_object().size()) return false;
    for (const auto& [name, value] : a.as_object()) {
      const json::Value* other = b.find(name);
      if (other == nullptr || !close(value, *other)) return false;
    }
    return true;
  }
  return a == b;
}

json::Value sorted(json::Value value) {
  if (!value.is_array()) return value;
  std::ranges::sort(value.edit_array(), {}, [](const json::Value& v) { return json::write(v); });
  return value;
}

// The suite's own runner raises this where an expression runs too long or too deep.
bool is_code(const std::string& code, const std::string& wanted) {
  if (wanted == "U1001") return code == "D1011" || code == "D1012" || code == codes::kTooLarge;
  return code == wanted;
}

// What is wrong; empty: nothing.
std::string check_outcome(const json::Value& case_,
                          const Result<std::optional<json::Value>>& outcome) {
  const json::Value* code = case_.find("code");
  if (!outcome) {
    const Error& error = outcome.error();
    if (code == nullptr) return "fails " + error.code + ": " + error.message;
    if (!is_code(error.code, code->as_string())) {
      return "fails " + error.code + ", not " + code->as_string() + ": " + error.message;
    }
    const json::Value* message = case_.find("message");
    if (message != nullptr && message->as_string() != error.message) {
      return "says \"" + error.message + "\", not \"" + message->as_string() + "\"";
    }
    const json::Value* position = case_.find("position");
    if (position != nullptr &&
        (error.details.empty() || error.details[0].second != json::write(*position))) {
      return "fails elsewhere than at " + json::write(*position) + ": " +
             (error.details.empty() ? "-" : error.details[0].second);
    }
    return "";
  }
  const std::string found = *outcome ? json::write(**outcome) : "nothing";
  if (code != nullptr) return "gives " + found + ", does not fail " + code->as_string();
  const json::Value* wanted = case_.find("result");
  if (wanted == nullptr) return *outcome ? "gives " + found + ", not nothing" : "";
  if (!*outcome) return "gives nothing, not " + json::write(*wanted);
  const bool unordered = case_.find("unordered") != nullptr;
  const bool same =
      unordered ? close(sorted(**outcome), sorted(*wanted)) : close(**outcome, *wanted);
  return same ? "" : "gives " + found + ", not " + json::write(*wanted);
}

std::string run_case(const json::Value& case_) {
  SeededRandom random(1);
  Environment environment{.now = TimePoint(std::chrono::days(20000)), .random = &random};
  const json::Value* library = case_.find("library");
  if (library != nullptr) environment.library = Library::kWorkflows;
  const json::Value* depth = case_.find("depth");
  environment.limits.depth_max = depth != nullptr ? static_cast<int>(depth->as_integer()) : 1000;
  environment.limits.steps_max = 1'000'000'000;
  environment.limits.built_bytes_max = size_t{256} << 20;
  const json::Value* bindings = case_.find("bindings");
  environment.variable = [&](std::string_view name) -> std::optional<json::Value> {
    const json::Value* found = bindings != nullptr ? bindings->find(name) : nullptr;
    return found != nullptr ? std::optional(*found) : std::nullopt;
  };
  std::optional<json::Value> input;
  if (const json::Value* data = case_.find("data")) input = *data;
  auto expression = Expression::compile(case_.find("expr")->as_string());
  if (!expression) {
    return check_outcome(case_, fail(std::move(expression).error()));
  }
  return check_outcome(case_, expression->evaluate(input, environment));
}

// Failures by name of the case.
std::map<std::string, std::string> run_file(const std::string& path, size_t& cases) {
  std::map<std::string, std::string> failures;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with("//")) continue;
    auto case_ = json::parse(line);
    EXPECT_TRUE(case_) << path << ": " << line;
    if (!case_) continue;
    ++cases;
    const json::Value* name = case_->find("name");
    const std::string wrong = run_case(*case_);
    const std::string& expr = case_->find("expr")->as_string();
    if (!wrong.empty()) failures[name != nullptr ? name->as_string() : expr] = expr + " " + wrong;
  }
  return failures;
}

TEST(JsonataGoldenTest, OurFiles) {
  size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".jsonl") continue;
    for (const auto& [name, wrong] : run_file(entry.path(), cases)) {
      ADD_FAILURE() << entry.path().filename() << " " << wrong;
    }
  }
  EXPECT_GE(cases, 190u);
}

#ifdef SUIRO_JSONATA_SUITE
// A name and the reason a line, with " | " between.
std::map<std::string, std::string> expected_failures() {
  std::map<std::string, std::string> out;
  std::ifstream file(kFolder + "/expected-failures.txt");
  EXPECT_TRUE(file);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with("//")) continue;
    const size_t between = line.find(" | ");
    EXPECT_NE(between, std::string::npos) << line;
    out[line.substr(0, between)] = line.substr(between + 3);
  }
  return out;
}

TEST(JsonataGoldenTest, OfficialSuite) {
  size_t cases = 0;
  const auto failures = run_file(SUIRO_JSONATA_SUITE, cases);
  const auto expected = expected_failures();
  for (const auto& [name, wrong] : failures) {
    EXPECT_TRUE(expected.contains(name)) << name << ": " << wrong;
  }
  for (const auto& [name, reason] : expected) {
    EXPECT_TRUE(failures.contains(name)) << name << " passes, but is listed: " << reason;
  }
  EXPECT_GE(cases, 1686u);
  RecordProperty("passed", static_cast<int>(cases - failures.size()));
}
#else
TEST(JsonataGoldenTest, OfficialSuite) {
  GTEST_SKIP() << "../shared/data/jsonata-suite.jsonl.gz is not present: its cases are skipped";
}
#endif

}  // namespace
}  // namespace suiro::jsonata
