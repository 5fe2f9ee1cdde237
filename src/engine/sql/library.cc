// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/library.h"

#include <algorithm>
#include <array>

#include "engine/sql/convert.h"

namespace suiro::sql {
namespace {

// Words that the language reserves for functions which it does not describe.
constexpr std::array<std::string_view, 28> kUndescribed = {
    "CORR",         "COVAR_POP",      "COVAR_SAMP",      "CUME_DIST",
    "DENSE_RANK",   "ELEMENT",        "FUSION",          "INTERSECTION",
    "NORMALIZE",    "OCTET_LENGTH",   "PERCENTILE_CONT", "PERCENTILE_DISC",
    "PERCENT_RANK", "RANK",           "REGR_AVGX",       "REGR_AVGY",
    "REGR_COUNT",   "REGR_INTERCEPT", "REGR_R2",         "REGR_SLOPE",
    "REGR_SXX",     "REGR_SXY",       "REGR_SYY",        "ROW_NUMBER",
    "WIDTH_BUCKET", "CARDINALITY",    "CURRENT_PATH",    "SYSTEM_USER"};

bool is_undescribed(std::string_view name) {
  return std::ranges::find(kUndescribed, name) != kUndescribed.end();
}

}  // namespace

struct FunctionLibrary::Impl {
  FunctionOptions options;
  Registry registry;
};

FunctionLibrary::FunctionLibrary(const FunctionOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  auto& registry = impl_->registry;
  add_arithmetic(registry);
  add_comparison(registry);
  add_numbers(registry);
  add_time(registry);
  add_formats(registry);
  add_texts(registry);
  add_patterns(registry);
  add_periods(registry);
  add_regex_parsers(registry);
  add_log_parsers(registry);
  add_basic_aggregates(registry);
  add_window_aggregates(registry);
  add_statistics(registry);
  add_item_tables(registry);
  add_group_rank(registry);
  add_random_cut_forest(registry);
  add_hotspots(registry);
}

FunctionLibrary::~FunctionLibrary() = default;

namespace {

auto unknown(std::string_view name, std::string_view kind) {
  if (is_undescribed(name)) {
    return refuse("{} is a reserved word, but the language has no such function", name);
  }
  return refuse("there is no {} {}", kind, name);
}

}  // namespace

Result<BoundFunction> FunctionLibrary::scalar(std::string_view name, Arguments args) const {
  const auto& scalars = impl_->registry.scalars;
  auto found = scalars.find(std::string(name));
  if (found != scalars.end()) return found->second(args, impl_->options);
  if (is_aggregate(name)) return refuse("{} is an aggregate: it cannot stand here", name);
  if (is_table(name)) return refuse("{} is a table function: FROM TABLE({}(..))", name, name);
  return unknown(name, "function");
}

Result<BoundFunction> FunctionLibrary::cast(const Type& from, const Type& to) const {
  return bind_cast(from, to, impl_->options);
}

Result<BoundAggregate> FunctionLibrary::aggregate(const AggregateCall& call) const {
  const auto& aggregates = impl_->registry.aggregates;
  auto found = aggregates.find(call.name);
  if (found == aggregates.end()) return unknown(call.name, "aggregate");
  return found->second(call);
}

Result<BoundTableFunction> FunctionLibrary::table(std::string_view name, const Schema& cursor,
                                                  Arguments args) const {
  const auto& tables = impl_->registry.tables;
  auto found = tables.find(std::string(name));
  if (found == tables.end()) return unknown(name, "table function");
  return found->second(cursor, args, impl_->options);
}

bool FunctionLibrary::is_aggregate(std::string_view name) const {
  return impl_->registry.aggregates.contains(std::string(name));
}
bool FunctionLibrary::is_table(std::string_view name) const {
  return impl_->registry.tables.contains(std::string(name));
}
bool FunctionLibrary::is_known(std::string_view name) const {
  return impl_->registry.scalars.contains(std::string(name)) || is_aggregate(name) ||
         is_table(name);
}

std::string call_text(std::string_view name, Arguments args) {
  std::string out(name);
  out += '(';
  for (size_t i = 0; i < args.size(); ++i) {
    if (i > 0) out += ", ";
    out += args[i].type.text();
  }
  return out + ")";
}

Result<void> expect_count(std::string_view name, Arguments args, size_t least, size_t most) {
  if (args.size() >= least && args.size() <= most) return ok();
  if (least == most) {
    return refuse("{} takes {} argument{}, not {}", name, least, least == 1 ? "" : "s",
                  args.size());
  }
  return refuse("{} takes {} to {} arguments, not {}", name, least, most, args.size());
}

namespace {

Result<void> expect_type(std::string_view name, Arguments args, size_t index, bool fits_here,
                         std::string_view what) {
  if (fits_here || args[index].type.kind == TypeKind::kNull) return ok();
  return refuse("argument {} of {} must be {}, but it is {}", index + 1, name, what,
                args[index].type.text());
}

}  // namespace

Result<void> expect_text(std::string_view name, Arguments args, size_t index) {
  return expect_type(name, args, index, args[index].type.is_text(), "a CHAR or VARCHAR");
}
Result<void> expect_integer(std::string_view name, Arguments args, size_t index) {
  const auto& type = args[index].type;
  const bool whole = type.is_integer() || (type.kind == TypeKind::kDecimal && type.scale == 0);
  return expect_type(name, args, index, whole, "a whole number");
}
Result<void> expect_numeric(std::string_view name, Arguments args, size_t index) {
  return expect_type(name, args, index, args[index].type.is_numeric(), "a number");
}

Result<std::string> literal_text(std::string_view name, Arguments args, size_t index) {
  const auto& arg = args[index];
  if (arg.literal == nullptr || arg.literal->null || !arg.type.is_text()) {
    return refuse("argument {} of {} must be a constant text", index + 1, name);
  }
  return std::string(arg.literal->text);
}

Result<int64_t> literal_integer(std::string_view name, Arguments args, size_t index, int64_t least,
                                int64_t most) {
  const auto& arg = args[index];
  const bool whole =
      arg.literal != nullptr && !arg.literal->null &&
      (arg.type.is_integer() || (arg.type.kind == TypeKind::kDecimal && arg.type.scale == 0));
  if (!whole) return refuse("argument {} of {} must be a constant whole number", index + 1, name);
  const int64_t value = arg.literal->integer;
  if (value < least || value > most) {
    return refuse("argument {} of {} must be from {} to {}, not {}", index + 1, name, least, most,
                  value);
  }
  return value;
}

Type simple_type(TypeKind kind) {
  Type out;
  out.kind = kind;
  return out;
}

Type decimal_type(uint32_t digits, uint32_t scale) {
  Type out;
  out.kind = TypeKind::kDecimal;
  out.length = digits;
  out.scale = scale;
  return out;
}

Type varchar_type(uint32_t length) {
  Type out;
  out.kind = TypeKind::kVarchar;
  out.length = std::clamp<uint32_t>(length, 1, kTextLengthMax);
  return out;
}

Type as_decimal(const Type& type) {
  switch (type.kind) {
    case TypeKind::kTinyint:
      return decimal_type(3, 0);
    case TypeKind::kSmallint:
      return decimal_type(5, 0);
    case TypeKind::kInteger:
      return decimal_type(10, 0);
    case TypeKind::kBigint:
      return decimal_type(19, 0);
    default:
      return type;
  }
}

double real_of(const Type& type, const Value& value) {
  if (type.lane() == Lane::kReal) return value.real;
  if (type.kind != TypeKind::kDecimal || type.scale == 0) {
    return static_cast<double>(value.integer);
  }
  return static_cast<double>(value.integer) / static_cast<double>(power_of_ten(type.scale));
}

}  // namespace suiro::sql
