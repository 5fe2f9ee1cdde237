// SPDX-License-Identifier: Apache-2.0
#include "services/states/refusal.h"

#include <gtest/gtest.h>

#include "engine/json/value.h"

namespace suiro::states {
namespace {

std::string refused(std::string label) {
  std::string text = R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"Label":)" +
                     json::write(json::Value(std::move(label))) +
                     R"(,"ItemProcessor":{"StartAt":"P","ProcessorConfig":{"Mode":"DISTRIBUTED",)"
                     R"("ExecutionType":"STANDARD"},"States":{"P":{"Type":"Pass","End":true}}}}}})";
  Error error = definition_refused(workflow::compile(text), text);
  EXPECT_EQ(error.code, "InvalidDefinition");
  const std::string tail = " in definition '" + text + "'.";
  EXPECT_TRUE(error.message.ends_with(tail)) << error.message;
  return error.message.substr(0, error.message.size() - tail.size());
}

TEST(DefinitionRefused, LabelsInTheRecordedWords) {
  EXPECT_EQ(refused(""), "Error=ValueError Args=['Label cannot be empty']");
  EXPECT_EQ(refused("a?"), R"(Error=ValueError Args=["Label contains invalid character: '?'"])");
  EXPECT_EQ(refused("a\x01"),
            R"(Error=ValueError Args=["Label contains invalid character: '\\x01'"])");
  EXPECT_EQ(refused("a\t"), R"(Error=ValueError Args=["Label contains invalid character: '\\t'"])");
  EXPECT_EQ(refused("a\xC2\x85"),
            R"(Error=ValueError Args=["Label contains invalid character: '\\x85'"])");
  EXPECT_EQ(refused("a\\"),
            R"(Error=ValueError Args=["Label contains invalid character: '\\\\'"])");
  EXPECT_EQ(refused("a\""), R"(Error=ValueError Args=['Label contains invalid character: \'"\''])");
}

TEST(DefinitionRefused, OthersWithTheirDiagnostics) {
  const std::string text = R"({"StartAt":"A"})";
  EXPECT_EQ(definition_refused(workflow::compile(text), text).message,
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are "
            "required: [States] at /'");
}

}  // namespace
}  // namespace suiro::states
