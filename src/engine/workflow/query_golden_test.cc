// SPDX-License-Identifier: Apache-2.0
// Golden cases of JSONPath mode: tests/golden/workflow/{jsonpath,intrinsics,choice,template}/*.txt;
// the README there tells their form.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/workflow/query.h"

namespace suiro::workflow {
namespace {

namespace fs = std::filesystem;

fs::path golden() {
  return fs::path(SUIRO_SOURCE_DIR) / "tests/golden/workflow";
}

std::vector<fs::path> files() {
  std::vector<fs::path> out;
  for (const char* folder : {"jsonpath", "intrinsics", "choice", "template"}) {
    for (const auto& entry : fs::directory_iterator(golden() / folder)) {
      if (entry.path().extension() == ".txt") out.push_back(entry.path());
    }
  }
  std::ranges::sort(out);
  return out;
}

json::Value parsed(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().message);
  return value ? *value : json::Value();
}

std::string refusal(const Error& error) {
  std::string out = "? " + error.message;
  for (const auto& [name, text] : error.details) {
    if (name == "path" && !text.empty()) out += " at " + text;
  }
  return out;
}

template <class T>
std::string outcome(const Result<T>& result) {
  if (!result) return "! " + result.error().code + ": " + result.error().message;
  if constexpr (std::is_same_v<T, bool>) {
    return *result ? "= true" : "= false";
  } else {
    return "= " + json::write(*result);
  }
}

// Runs the cases of one file.
class Runner {
 public:
  explicit Runner(std::string folder) : folder_(std::move(folder)), random_(7) {
    scope_.random = &random_;
    scope_.context = [this] { return context_; };
    scope_.variable = [this](std::string_view name) -> std::optional<json::Value> {
      const json::Value* found = variables_.find(name);
      return found == nullptr ? std::nullopt : std::optional(*found);
    };
  }

  void set(std::string_view name, std::string_view text) {
    if (name == "input") {
      scope_.input = parsed(text);
    } else if (name == "context") {
      context_ = parsed(text);
    } else if (name == "variables") {
      variables_ = parsed(text);
    } else {
      ADD_FAILURE() << "no such setting: " << name;
    }
  }

  std::string run(std::string_view expression) const {
    if (folder_ == "choice") {
      auto condition = ChoiceCondition::compile(parsed(expression));
      return condition ? outcome(condition->holds(scope_)) : refusal(condition.error());
    }
    if (folder_ == "template") {
      auto compiled = Template::json_path(parsed(expression));
      return compiled ? outcome(compiled->evaluate(scope_)) : refusal(compiled.error());
    }
    auto query = Query::json_path(expression);
    return query ? outcome(query->evaluate(scope_)) : refusal(query.error());
  }

 private:
  std::string folder_;
  mutable SeededRandom random_;
  json::Value context_;
  json::Value variables_;
  Scope scope_;
};

class QueryGolden : public testing::TestWithParam<fs::path> {};

TEST_P(QueryGolden, GivesWhatIsWritten) {
  Runner runner(GetParam().parent_path().filename());
  std::ifstream in(GetParam());
  std::string line;
  std::string expression;
  int number = 0;
  int cases = 0;
  while (std::getline(in, line)) {
    ++number;
    if (line.empty() || line.starts_with("#")) continue;
    if (line.starts_with("> ")) {
      expression = line.substr(2);
    } else if (line.starts_with("= ") || line.starts_with("! ") || line.starts_with("? ")) {
      ++cases;
      EXPECT_EQ(runner.run(expression), line)
          << GetParam().filename() << ":" << number << ": " << expression;
    } else if (size_t colon = line.find(": "); colon != std::string::npos) {
      runner.set(line.substr(0, colon), std::string_view(line).substr(colon + 2));
    } else {
      ADD_FAILURE() << GetParam() << ":" << number << ": what is this?";
    }
  }
  EXPECT_GT(cases, 0);
}

INSTANTIATE_TEST_SUITE_P(Golden, QueryGolden, testing::ValuesIn(files()), [](const auto& info) {
  return info.param.parent_path().filename().string() + "_" + info.param.stem().string();
});

}  // namespace
}  // namespace suiro::workflow
