// SPDX-License-Identifier: Apache-2.0
// Golden tests of the language: tests/golden/sql/parse/NAME.sql with NAME.plan (explain() of what
// it compiles to) or NAME.error (the message). Inputs and tables of all of them: inputs.txt there.
// SUIRO_UPDATE_GOLDEN=1 writes what was found instead of comparing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/sql/plan.h"

namespace suiro::sql {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// Lines "input NAME", "table NAME", "metadata", each followed by "  COLUMN TYPE" lines.
CompileInput read_inputs(const fs::path& path) {
  CompileInput out;
  std::ifstream in(path);
  std::string line;
  StreamDefinition* current = nullptr;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] != ' ') {
      auto& list = line.starts_with("input ") ? out.inputs : out.tables;
      list.push_back({.name = line.substr(6)});
      current = &list.back();
      continue;
    }
    const bool metadata = line.starts_with("  + ");
    const std::string rest = line.substr(metadata ? 4 : 2);
    const size_t blank = rest.find(' ');
    auto type = parse_type(rest.substr(blank + 1));
    EXPECT_TRUE(type) << line;
    if (!type) continue;
    current->schema.push_back({rest.substr(0, blank), *type});
    if (metadata) ++current->metadata_columns;
  }
  return out;
}

struct File {
  fs::path sql;
};

void PrintTo(const File& file, std::ostream* to) {
  *to << file.sql.filename().string();
}

fs::path folder() {
  return fs::path(SUIRO_SOURCE_DIR) / "tests/golden/sql/parse";
}

std::vector<File> files() {
  std::vector<File> out;
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().extension() == ".sql") out.push_back({entry.path()});
  }
  std::ranges::sort(out, {}, &File::sql);
  return out;
}

class PlanGolden : public testing::TestWithParam<File> {};

TEST_P(PlanGolden, CompilesAsWritten) {
  const fs::path sql = GetParam().sql;
  static const FunctionLibrary functions;
  const auto program =
      compile(read_file(sql), read_inputs(folder() / "inputs.txt"), functions, LanguageOptions{});
  const std::string found = program ? explain(**program) : program.error().message + "\n";
  const auto expected_at = [&](const char* extension) {
    return fs::path(sql).replace_extension(extension);
  };
  const fs::path mine = expected_at(program ? ".plan" : ".error");
  const fs::path other = expected_at(program ? ".error" : ".plan");
  if (std::getenv("SUIRO_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(mine) << found;
    fs::remove(other);
    return;
  }
  ASSERT_TRUE(fs::exists(mine)) << "expected " << other << ", found:\n" << found;
  EXPECT_EQ(found, read_file(mine));
  EXPECT_FALSE(fs::exists(other)) << "both .plan and .error for " << sql;
}

std::string test_name(const testing::TestParamInfo<File>& info) {
  std::string name = info.param.sql.stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, PlanGolden, testing::ValuesIn(files()), test_name);

}  // namespace
}  // namespace suiro::sql
