// SPDX-License-Identifier: Apache-2.0
// Programs of streaming SQL: compile() and explain(). Whatever comes in, a program comes out or a
// message with a position; the same one twice.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "engine/sql/plan.h"

namespace {

suiro::sql::CompileInput input() {
  using suiro::sql::parse_type;
  suiro::sql::CompileInput out;
  out.inputs.push_back({.name = "S",
                        .schema = {{"A", *parse_type("INTEGER")},
                                   {"B", *parse_type("VARCHAR(8)")},
                                   {"T", *parse_type("TIMESTAMP")},
                                   {"SHARD_ID", *parse_type("VARCHAR(64)")}}});
  out.inputs[0].metadata_columns = 1;
  out.inputs.push_back({.name = "R", .schema = {{"A", *parse_type("INTEGER")}}});
  out.tables.push_back(
      {.name = "K", .schema = {{"A", *parse_type("INTEGER")}, {"C", *parse_type("CHAR(4)")}}});
  return out;
}

std::string outcome(std::string_view text) {
  static const suiro::sql::FunctionLibrary functions;
  static const suiro::sql::CompileInput objects = input();
  auto program = suiro::sql::compile(text, objects, functions, {});
  return program ? explain(**program) : program.error().message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string once = outcome(text);
  CHECK(once.empty() || once.starts_with("line ") || once.starts_with("STREAM ") ||
            once.starts_with("PUMP "),
        "neither a plan nor a message with a position");
  CHECK(outcome(text) == once, "the same program compiled differently");
  return 0;
}
