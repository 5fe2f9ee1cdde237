// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/lifecycle.h"

#include <gtest/gtest.h>

#include "services/ecr/errors.h"

namespace suiro::ecr {
namespace {

constexpr TimePoint kNow{std::chrono::sys_days(std::chrono::year(2026) / 1 / 31)};

Image image(std::string name, int days_old, std::vector<std::string> tags) {
  Image out;
  out.digest = std::move(name);
  out.pushed = kNow - std::chrono::days(days_old);
  out.tags = std::move(tags);
  return out;
}

std::string policy(std::string rules) {
  return R"({"rules":[)" + rules + "]}";
}

std::string rule(int priority, std::string selection) {
  return fmt::format(R"({{"rulePriority":{},"selection":{{{}}},"action":{{"type":"expire"}}}})",
                     priority, selection);
}

// "digest:priority digest:priority"
std::string gone(const std::string& text, std::vector<Image> images) {
  auto rules = parse_lifecycle(text);
  if (!rules) return rules.error().message;
  std::string out;
  for (const Expired& one : evaluate(*rules, std::move(images), kNow)) {
    out += fmt::format("{}{}:{}", out.empty() ? "" : " ", one.image.digest, one.priority);
  }
  return out;
}

const std::string kOne = R"("countType":"imageCountMoreThan","countNumber":1)";

TEST(Lifecycle, CountsTheYoungest) {
  std::string text = policy(rule(1, R"("tagStatus":"any",)" + kOne));
  EXPECT_EQ(gone(text, {image("a", 3, {}), image("b", 1, {"x"}), image("c", 2, {})}), "c:1 a:1");
}

TEST(Lifecycle, DaysArePassed) {
  std::string text = policy(rule(1, R"("tagStatus":"untagged","countType":"sinceImagePushed",)"
                                    R"("countUnit":"days","countNumber":2)"));
  EXPECT_EQ(gone(text, {image("a", 3, {}), image("b", 2, {}), image("c", 9, {"x"})}), "a:1");
}

TEST(Lifecycle, AllPrefixesAndPatternsMustFit) {
  std::string text =
      policy(rule(1, R"("tagStatus":"tagged","tagPrefixList":["alpha","beta"],)" + kOne));
  EXPECT_EQ(gone(text, {image("a", 1, {"alpha1"}), image("b", 2, {"alpha2", "beta2"}),
                        image("c", 3, {"alpha3", "beta3"})}),
            "c:1");
  text = policy(rule(1, R"("tagStatus":"tagged","tagPatternList":["*-test"],)" + kOne));
  EXPECT_EQ(
      gone(text, {image("a", 1, {"a-test"}), image("b", 2, {"b-test"}), image("c", 3, {"c-prod"})}),
      "b:1");
}

// An image that a rule of higher priority selects is not expired by one of lower priority, which
// counts it as if it stayed.
TEST(Lifecycle, Priorities) {
  std::string prod = rule(1, R"("tagStatus":"tagged","tagPrefixList":["prod"],)" + kOne);
  std::string any = rule(2, R"("tagStatus":"any",)" + kOne);
  EXPECT_EQ(gone(policy(any + "," + prod), {image("p1", 1, {"prod1"}), image("p2", 2, {"prod2"}),
                                            image("d1", 3, {"dev1"}), image("d0", 0, {"dev0"})}),
            "p2:1 d1:2");
}

TEST(Lifecycle, ImagesOfAnIndexStay) {
  Image index = image("index", 1, {"latest"});
  index.manifests = {"part"};
  std::string text = policy(rule(1, R"("tagStatus":"any",)" + kOne));
  EXPECT_EQ(gone(text, {index, image("part", 9, {}), image("old", 9, {})}), "old:1");
}

TEST(Lifecycle, Refusals) {
  std::string any = R"("tagStatus":"any",)" + kOne;
  for (const std::string& bad :
       {std::string("x"), std::string("{}"), policy(""), policy("1"), policy(rule(0, any)),
        policy(rule(1, kOne)), policy(rule(1, R"("tagStatus":"tagged",)" + kOne)),
        policy(rule(1, R"("tagStatus":"untagged","tagPrefixList":["a"],)" + kOne)),
        policy(rule(1, any) + "," + rule(1, R"("tagStatus":"untagged",)" + kOne)),
        policy(rule(1, any) + "," + rule(2, R"("tagStatus":"untagged",)" + kOne)),
        policy(rule(1, R"("tagStatus":"any","countType":"sinceImagePushed","countNumber":1)")),
        policy(rule(1, any + R"(,"countUnit":"days")")), policy(rule(1, any + R"(,"other":1)")),
        std::string(R"({"rules":[],"other":1})")}) {
    auto rules = parse_lifecycle(bad);
    ASSERT_FALSE(rules) << bad;
    EXPECT_EQ(rules.error().code, kInvalidParameter) << bad;
  }
  auto pulled = parse_lifecycle(policy(rule(
      1,
      R"("tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":1)")));
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, codes::kNotImplemented);
}

}  // namespace
}  // namespace suiro::ecr
