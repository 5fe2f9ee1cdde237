// SPDX-License-Identifier: Apache-2.0
// RANDOM_CUT_FOREST and RANDOM_CUT_FOREST_WITH_EXPLANATION: every row of the cursor with its
// ANOMALY_SCORE (and ANOMALY_EXPLANATION), at once. The first rows, as many as the sample has,
// score 0. A row with a NULL in a numeric column scores 0 and is not learnt.
#include <fmt/format.h>

#include <cmath>
#include <deque>

#include "engine/sql/forest.h"
#include "engine/sql/table.h"

namespace suiro::sql {
namespace {

constexpr size_t kColumnsMax = 30;
constexpr size_t kForestBytesMax = size_t{512} << 20;
constexpr uint32_t kExplanationLength = 20'480;

enum class Explanation { kNone, kScores, kDirections };

struct TableOptions {
  Schema schema;  // of the output
  std::vector<size_t> columns;
  size_t shingle = 1;
  Explanation explanation = Explanation::kNone;
  ForestOptions forest;
};

// A column's name as a JSON string.
void append_quoted(std::string& out, std::string_view name) {
  out += '"';
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

class ForestTable final : public TableFunction {
 public:
  explicit ForestTable(std::shared_ptr<const TableOptions> options)
      : options_(std::move(options)), forest_(std::make_unique<Forest>(options_->forest)) {}

  Result<void> add(const Rows& rows, Rows& out) override {
    prepare(out, options_->schema);
    out.owners.insert(out.owners.end(), rows.owners.begin(), rows.owners.end());
    auto arena = std::make_shared<Arena>();
    for (size_t i = 0; i < rows.size(); ++i) {
      out.rowtimes_ms.push_back(rows.rowtimes_ms[i]);
      for (size_t c = 0; c < rows.columns.size(); ++c) {
        out.columns[c].push(rows.columns[c].at(i));
      }
      Attribution attribution;
      const bool explain = options_->explanation != Explanation::kNone;
      const double score = learn(rows, i, explain ? &attribution : nullptr);
      out.columns[rows.columns.size()].push(Value::of_real(score));
      if (!explain) continue;
      const auto text = explanation_of(attribution);
      out.columns.back().push(Value::of_text(arena->keep(text)));
    }
    out.owners.push_back(std::move(arena));
    return ok();
  }
  Result<void> advance(int64_t, int64_t, Rows& out) override {
    prepare(out, options_->schema);
    return ok();
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kTableVersion);
    out.unsigned_integer(recent_.size());
    for (const double x : recent_) out.real(x);
    forest_->encode(out);
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kTableVersion);
    recent_.clear();
    for (size_t left = in.count(8, options_->forest.dimensions); left > 0; --left) {
      recent_.push_back(in.finite());
    }
    forest_ = std::make_unique<Forest>(options_->forest);
    forest_->decode(in);
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this) + forest_->size_bytes(); }

 private:
  // The row's score against what came before; then it is learnt.
  double learn(const Rows& rows, size_t row, Attribution* attribution) {
    std::vector<double> numbers;
    for (const size_t column : options_->columns) {
      double number = 0;
      if (!number_at(rows.columns[column], row, number)) return 0;
      numbers.push_back(number);
    }
    recent_.insert(recent_.end(), numbers.begin(), numbers.end());
    if (recent_.size() < options_->forest.dimensions) return 0;
    while (recent_.size() > options_->forest.dimensions) recent_.pop_front();
    const std::vector<double> point(recent_.begin(), recent_.end());
    double score = 0;
    if (forest_->size() >= options_->forest.sample_size) score = forest_->score(point, attribution);
    forest_->add(point);
    return score;
  }

  // {"column":{"DIRECTION":"HIGH","STRENGTH":"0.5","ATTRIBUTION_SCORE":"0.75"},..}
  std::string explanation_of(const Attribution& attribution) const {
    std::string out = "{";
    const size_t count = options_->columns.size();
    for (size_t c = 0; c < count; ++c) {
      double high = 0;
      double low = 0;
      for (size_t i = c; i < attribution.high.size(); i += count) {
        high += attribution.high[i];
        low += attribution.low[i];
      }
      if (c > 0) out += ',';
      append_quoted(out, options_->schema[options_->columns[c]].name);
      out += ":{";
      if (options_->explanation == Explanation::kDirections) {
        out += fmt::format(R"("DIRECTION":"{}","STRENGTH":"{:.4f}",)", high > low ? "HIGH" : "LOW",
                           std::fabs(high - low));
      }
      out += fmt::format(R"("ATTRIBUTION_SCORE":"{:.4f}"}})", high + low);
    }
    return out + "}";
  }

  std::shared_ptr<const TableOptions> options_;
  std::unique_ptr<Forest> forest_;
  std::deque<double> recent_;  // the shingle: the numbers of the newest rows
};

// The argument at `index`, or its default.
Result<size_t> option(std::string_view name, Arguments args, size_t index, int64_t usual,
                      int64_t least, int64_t most) {
  if (index >= args.size()) return static_cast<size_t>(usual);
  TRY(const int64_t given, literal_integer(name, args, index, least, most));
  return static_cast<size_t>(given);
}

Result<BoundTableFunction> bind_forest(std::string_view name, const Schema& cursor, Arguments args,
                                       Explanation explanation) {
  const size_t most = explanation == Explanation::kNone ? 4 : 5;
  TRY_VOID(expect_count(name, args, 0, most));
  TableOptions options{.schema = cursor, .columns = {}, .explanation = explanation, .forest = {}};
  TRY(options.columns, numeric_columns(name, cursor, kColumnsMax));
  auto& forest = options.forest;
  TRY(forest.trees, option(name, args, 0, 100, 1, 1'000));
  TRY(forest.sample_size, option(name, args, 1, 256, 10, 1'000));
  TRY(forest.time_decay, option(name, args, 2, 100'000, 1, INT32_MAX));
  TRY(options.shingle, option(name, args, 3, 1, 1, 30));
  if (args.size() == 5) {
    const auto& flag = args[4];
    if (flag.type.kind != TypeKind::kBoolean || flag.literal == nullptr || flag.literal->null) {
      return refuse("{}: withDirectionality must be TRUE or FALSE", name);
    }
    if (flag.literal->integer != 0) options.explanation = Explanation::kDirections;
  }
  if (forest.sample_size >= forest.time_decay) {
    return refuse("{}: subSampleSize must be less than timeDecay", name);
  }
  forest.dimensions = options.columns.size() * options.shingle;
  if (forest.bytes_max() > kForestBytesMax) {
    return refuse(
        "{}: the forest may take {} MB, at most {}: fewer trees, samples, columns or a "
        "shorter shingle",
        name, forest.bytes_max() >> 20, kForestBytesMax >> 20);
  }
  options.schema.push_back({"ANOMALY_SCORE", simple_type(TypeKind::kDouble)});
  if (explanation != Explanation::kNone) {
    options.schema.push_back({"ANOMALY_EXPLANATION", varchar_type(kExplanationLength)});
  }
  BoundTableFunction out;
  out.schema = options.schema;
  auto shared = std::make_shared<const TableOptions>(std::move(options));
  out.create = [shared] { return std::make_unique<ForestTable>(shared); };
  return out;
}

}  // namespace

void add_random_cut_forest(Registry& to) {
  to.tables["RANDOM_CUT_FOREST"] = [](const Schema& cursor, Arguments args,
                                      const FunctionOptions&) {
    return bind_forest("RANDOM_CUT_FOREST", cursor, args, Explanation::kNone);
  };
  to.tables["RANDOM_CUT_FOREST_WITH_EXPLANATION"] = [](const Schema& cursor, Arguments args,
                                                       const FunctionOptions&) {
    return bind_forest("RANDOM_CUT_FOREST_WITH_EXPLANATION", cursor, args, Explanation::kScores);
  };
}

}  // namespace suiro::sql
