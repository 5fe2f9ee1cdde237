// SPDX-License-Identifier: Apache-2.0
// PathParser: reads a path, alone or in the middle of another text (a filter, the arguments of an
// intrinsic function). Internal to engine/workflow. Thread: one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/workflow/path.h"

namespace suiro::workflow {

class PathParser {
 public:
  enum class Place : uint8_t { kAlone, kEmbedded };

  // `text` must outlive the parser.
  PathParser(std::string_view text, Place place, size_t at = 0)
      : text_(text), place_(place), at_(at) {}

  // From the current place as far as the path goes.
  Result<Path> path();
  size_t at() const { return at_; }
  bool done() const { return at_ >= text_.size(); }
  std::unexpected<Error> wrong(std::string_view reason) const;

 private:
  char peek() const { return text_[at_]; }
  void skip_blanks();
  bool skip(std::string_view expected);
  bool is_name_end(char c) const;

  Result<void> step(std::vector<PathStep>& steps);
  Result<void> dotted(std::vector<PathStep>& steps);
  Result<void> bracket(std::vector<PathStep>& steps);
  Result<void> names(std::vector<PathStep>& steps);
  Result<void> places(std::vector<PathStep>& steps);
  Result<std::string> quoted();
  Result<int64_t> integer();

  // path_filter.cc
  using FilterPointer = std::shared_ptr<const Filter>;
  Result<FilterPointer> filter_or();
  Result<FilterPointer> filter_and();
  Result<FilterPointer> filter_unary();
  Result<FilterPointer> comparison();
  Result<FilterOperand> operand();
  Result<FilterOperand> regex();
  Result<json::Value> literal();
  std::optional<FilterOperator> comparison_operator();

  std::string_view text_;
  Place place_;
  size_t at_;
  int depth_ = 0;  // of filters
  size_t regexes_ = 0;
};

}  // namespace suiro::workflow
