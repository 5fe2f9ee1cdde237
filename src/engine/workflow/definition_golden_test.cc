// SPDX-License-Identifier: Apache-2.0
// The definitions of tests/golden/workflow/definitions, and those of recorded conversations.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/workflow/plan.h"

namespace suiro::workflow {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// "ERROR CODE at /States/A: message"; a line break of a message is "\n".
std::string describe(const Compiled& compiled) {
  std::string out;
  for (const Diagnostic& diagnostic : compiled.diagnostics) {
    std::string line =
        fmt::format("{} {} at {}: {}",
                    diagnostic.severity == Severity::kError ? "ERROR" : "WARNING", diagnostic.code,
                    diagnostic.location.empty() ? "null" : diagnostic.location, diagnostic.message);
    for (size_t at = 0; (at = line.find('\n', at)) != std::string::npos; at += 2) {
      line.replace(at, 1, "\\n");
    }
    out += line + "\n";
  }
  EXPECT_EQ(compiled.plan == nullptr, out.find("ERROR ") == 0 || out.find("\nERROR ") != out.npos);
  return out;
}

// Lines of a file of expectations: options first ("type EXPRESS", "single state"), then what is
// told.
void check_golden(const std::filesystem::path& path) {
  CompileOptions options;
  std::string expected;
  std::istringstream lines(read_file(std::filesystem::path(path).replace_extension(".expected")));
  for (std::string line; std::getline(lines, line);) {
    if (line == "type EXPRESS") {
      options.type = MachineType::kExpress;
    } else if (line == "single state") {
      options.single_state = true;
    } else {
      expected += line + "\n";
    }
  }
  EXPECT_EQ(describe(compile(read_file(path), options)), expected) << path;
}

TEST(DefinitionGoldenTest, OurFiles) {
  size_t cases = 0;
  const std::filesystem::path folder =
      std::filesystem::path(SUIRO_SOURCE_DIR) / "tests/golden/workflow/definitions";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    check_golden(entry.path());
    ++cases;
  }
  EXPECT_GE(cases, 60u);
}

#ifdef SUIRO_WORKFLOW_DEFINITIONS
std::string text_of(const json::Value& line, std::string_view name) {
  const json::Value* value = line.find(name);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

void check_diagnostics(const json::Array& expected, const Compiled& compiled) {
  ASSERT_EQ(compiled.diagnostics.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(compiled.diagnostics[i].code, text_of(expected[i], "code"));
    EXPECT_EQ(compiled.diagnostics[i].message, text_of(expected[i], "message"));
    EXPECT_EQ(compiled.diagnostics[i].location, text_of(expected[i], "location"));
  }
}

void check_variables(const json::Object& expected, const Plan& plan) {
  EXPECT_EQ(plan.variable_references.size(), expected.size());
  for (const auto& [state, names] : expected) {
    auto found = plan.variable_references.find(state);
    ASSERT_TRUE(found != plan.variable_references.end()) << state;
    std::vector<std::string> wanted;
    for (const json::Value& name : names.as_array()) wanted.push_back(name.as_string());
    EXPECT_EQ(found->second, wanted) << state;
  }
}

void check_recorded(const json::Value& line) {
  CompileOptions options;
  options.single_state = line.find("single_state")->as_bool();
  if (text_of(line, "type") == "EXPRESS") options.type = MachineType::kExpress;
  Compiled compiled = compile(text_of(line, "definition"), options);
  if (line.find("accepted") != nullptr) {
    EXPECT_TRUE(compiled.plan != nullptr) << compiled.summary();
  } else if (line.find("refused") != nullptr) {
    EXPECT_TRUE(compiled.plan == nullptr);
  } else if (line.find("message") != nullptr) {
    EXPECT_EQ(compiled.summary(), text_of(line, "message"));
  } else {
    check_diagnostics(line.find("diagnostics")->as_array(), compiled);
  }
  const json::Value* variables = line.find("variables");
  if (variables != nullptr && compiled.plan != nullptr) {
    check_variables(variables->as_object(), *compiled.plan);
  }
}

TEST(DefinitionGoldenTest, RecordedDefinitions) {
  std::ifstream file(SUIRO_WORKFLOW_DEFINITIONS);
  ASSERT_TRUE(file);
  size_t cases = 0;
  for (std::string text; std::getline(file, text); ++cases) {
    Result<json::Value> line = json::parse(text);
    ASSERT_TRUE(line) << text;
    SCOPED_TRACE(text_of(*line, "id"));
    check_recorded(*line);
  }
  EXPECT_GE(cases, 792u);
}
#else
TEST(DefinitionGoldenTest, RecordedDefinitions) {
  GTEST_SKIP() << "../shared/data/workflow-cases.jsonl.gz is not present: they are skipped";
}
#endif

}  // namespace
}  // namespace suiro::workflow
