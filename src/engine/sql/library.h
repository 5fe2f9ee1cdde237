// SPDX-License-Identifier: Apache-2.0
// How the files of functions put theirs into the FunctionLibrary, and what they share. Private to
// the folder: the language and the engine use function.h.
// Threads: a registry is filled by one thread, and immutable afterwards.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/sql/function.h"

namespace suiro::sql {

using Arguments = std::span<const ArgumentInfo>;

struct Registry {
  using Scalar = std::function<Result<BoundFunction>(Arguments, const FunctionOptions&)>;
  using Aggregator = std::function<Result<BoundAggregate>(const AggregateCall&)>;
  using Table =
      std::function<Result<BoundTableFunction>(const Schema&, Arguments, const FunctionOptions&)>;
  std::unordered_map<std::string, Scalar> scalars;
  std::unordered_map<std::string, Aggregator> aggregates;
  std::unordered_map<std::string, Table> tables;
};

// One function a file of functions.
void add_arithmetic(Registry& to);
void add_comparison(Registry& to);
void add_numbers(Registry& to);
void add_time(Registry& to);
void add_formats(Registry& to);
void add_texts(Registry& to);
void add_patterns(Registry& to);
void add_periods(Registry& to);
void add_regex_parsers(Registry& to);
void add_log_parsers(Registry& to);
void add_w3c_parser(Registry& to);
void add_window_aggregates(Registry& to);
void add_statistics(Registry& to);
void add_item_tables(Registry& to);
void add_group_rank(Registry& to);
void add_random_cut_forest(Registry& to);
void add_hotspots(Registry& to);
void add_basic_aggregates(Registry& to);

// SUBSTRING(s, regex).
Result<BoundFunction> bind_regex_substring(Arguments args, const FunctionOptions& options);
Result<BoundFunction> bind_cast(const Type& from, const Type& to,
                                const FunctionOptions& options = {});

// A text as a value of a type that is no text, as CAST reads it.
Result<Value> parse_value(const Type& to, std::string_view text);
// Milliseconds since the epoch as a value of DATE, TIME or TIMESTAMP.
int64_t cut_to(TypeKind kind, int64_t ms);

// A refusal at binding.
template <class... Args>
auto refuse(fmt::format_string<Args...> format, Args&&... args) {
  return fail(codes::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...));
}
// "name(INTEGER, VARCHAR(3))", for refusals.
std::string call_text(std::string_view name, Arguments args);
// Errors: the call does not have between `least` and `most` arguments.
Result<void> expect_count(std::string_view name, Arguments args, size_t least, size_t most);
// Errors: argument `index` (from 0) is not a text (a bare NULL passes); integers alike.
Result<void> expect_text(std::string_view name, Arguments args, size_t index);
Result<void> expect_integer(std::string_view name, Arguments args, size_t index);
Result<void> expect_numeric(std::string_view name, Arguments args, size_t index);
// The literal text at `index`. Errors: it is not a constant text.
Result<std::string> literal_text(std::string_view name, Arguments args, size_t index);
// The literal whole number at `index`, within [least, most].
Result<int64_t> literal_integer(std::string_view name, Arguments args, size_t index, int64_t least,
                                int64_t most);

Type simple_type(TypeKind kind);
Type decimal_type(uint32_t digits, uint32_t scale);
Type varchar_type(uint32_t length);
// An exact numeric type as a decimal: INTEGER is DECIMAL(10,0).
Type as_decimal(const Type& type);
// A numeric value of `type` as a double.
double real_of(const Type& type, const Value& value);

}  // namespace suiro::sql
