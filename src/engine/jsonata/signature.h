// SPDX-License-Identifier: Apache-2.0
// Signature: the types of a function's parameters, "<s-nn?:s>", and how arguments are fitted to
// them: a missing one is taken from the context (`-`), a single value becomes an array.
//
// Source: "Function signature syntax" of docs.jsonata.org/programming. Immutable; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/jsonata/fault.h"
#include "engine/jsonata/value.h"

namespace suiro::jsonata {

class Signature {
 public:
  // Errors: S0401, S0402, TooLarge beyond kParametersMax; the fault's position is the offset in the
  // text.
  static std::variant<Signature, Fault> parse(std::string_view text);

  // Fits `arguments` into `out`, one for each parameter and repetition; a fault without token.
  // `arena` is for arrays of one.
  std::optional<Fault> fit(std::span<const Value> arguments, const Value& context, Arena& arena,
                           std::vector<Value>& out) const;

  static constexpr size_t kParametersMax = 64;

 private:
  enum class Count : uint8_t { kOne, kOptional, kMany };
  struct Parameter {
    uint16_t types = 0;  // a bit for each symbol
    char symbol = 0;
    Count count = Count::kOne;
    bool context = false;
    std::string subtype = {};
  };
  // How many arguments each parameter takes, so that all are taken.
  bool match(std::string_view types, size_t parameter, size_t argument, std::vector<size_t>& counts,
             uint32_t& tries) const;
  // How far the first `parameters` of the signature reach at best; npos: they do not match.
  size_t reach(std::string_view types, size_t parameters) const;
  Fault mismatch(std::string_view types) const;
  std::optional<Fault> fit_array(const Parameter& parameter, std::string_view matched, char type,
                                 size_t number, Arena& arena, Value& argument) const;
  static size_t close_of(std::string_view text, size_t open, char opens, char closes);

  std::vector<Parameter> parameters_;
};

}  // namespace suiro::jsonata
