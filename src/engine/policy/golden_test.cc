// SPDX-License-Identifier: Apache-2.0
// Golden cases: tests/golden/policy/*.json; its README tells their form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/policy/policy.h"

namespace suiro::policy {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::vector<fs::path> files() {
  std::vector<fs::path> out;
  for (const auto& entry :
       fs::directory_iterator(fs::path(SUIRO_SOURCE_DIR) / "tests/golden/policy")) {
    if (entry.path().extension() == ".json") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

json::object read(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return json::parse(text.str()).as_object();
}

std::string text_or(const json::object& object, std::string_view name, std::string_view otherwise) {
  const json::value* found = object.if_contains(name);
  return std::string(found == nullptr ? otherwise : std::string_view(found->as_string()));
}

Request request_of(const json::object& ask, std::vector<std::string>& prefixes) {
  Request request;
  request.caller.account = "000000000000";
  request.caller.arn = text_or(ask, "caller", "arn:aws:iam::000000000000:user/ann");
  request.caller.role_arn = text_or(ask, "role", "");
  if (ask.contains("self")) request.caller.trust = Caller::Trust::kSelf;
  if (ask.contains("service")) {
    request.caller = {.kind = Caller::Kind::kService, .service = text_or(ask, "service", "")};
  }
  request.action = text_or(ask, "action", "s3:GetObject");
  request.resource = text_or(ask, "resource", "arn:aws:s3:::lake/in/a");
  if (const json::value* context = ask.if_contains("context")) {
    for (const auto& [key, value] : context->as_object()) {
      request.context[key] = std::string_view(value.as_string());
    }
  }
  if (const json::value* lists = ask.if_contains("lists")) {
    for (const auto& [key, values] : lists->as_object()) {
      for (const auto& value : values.as_array()) {
        request.lists[key].emplace_back(std::string_view(value.as_string()));
      }
    }
  }
  if (const json::value* unknown = ask.if_contains("unknown")) {
    for (const auto& prefix : unknown->as_array()) {
      prefixes.emplace_back(std::string_view(prefix.as_string()));
    }
  }
  request.unknown.assign(prefixes.begin(), prefixes.end());
  return request;
}

Form form_of(std::string_view name) {
  if (name == "identity") return Form::kIdentity;
  if (name == "trust") return Form::kTrust;
  if (name == "bucket") return Form::kBucket;
  return name == "repository" ? Form::kRepository : Form::kResource;
}

std::string_view name_of(Decision decision) {
  switch (decision) {
    case Decision::kAllow:
      return "allow";
    case Decision::kDeny:
      return "deny";
    case Decision::kNone:
      return "none";
  }
  return "";
}

class PolicyGolden : public testing::TestWithParam<fs::path> {};

TEST_P(PolicyGolden, Decides) {
  json::object file = read(GetParam());
  std::string form = text_or(file, "form", "");
  auto policy = Policy::parse(json::serialize(file.at("policy")), form_of(form));
  if (file.contains("malformed")) {
    ASSERT_FALSE(policy);
    EXPECT_EQ(policy.error().code, kMalformedPolicy);
    EXPECT_THAT(policy.error().message, testing::HasSubstr(text_or(file, "malformed", "")));
    return;
  }
  ASSERT_TRUE(policy) << policy.error().message;
  if (const json::value* is_public = file.if_contains("public")) {
    EXPECT_EQ(policy->is_public(), is_public->as_bool());
  }
  ASSERT_FALSE(file.at("cases").as_array().empty());
  for (const auto& value : file.at("cases").as_array()) {
    const json::object& one = value.as_object();
    std::vector<std::string> prefixes;
    Request request = request_of(one.at("ask").as_object(), prefixes);
    EXPECT_EQ(name_of(policy->decide(request)), text_or(one, "decision", ""))
        << json::serialize(one);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, PolicyGolden, testing::ValuesIn(files()),
                         [](const auto& info) { return info.param.stem().string(); });

}  // namespace
}  // namespace suiro::policy
