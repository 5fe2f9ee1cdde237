// SPDX-License-Identifier: Apache-2.0
// Random programs over random inputs: the engine against the reference interpreter, and against
// itself with other batches, threads, and checkpoints at random points. A failure prints its seed;
// SUIRO_SQL_SEED=N runs that one, SUIRO_SQL_ROUNDS=N so many.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/random.h"
#include "engine/sql/engine.h"
#include "engine/sql/input_mapper.h"
#include "engine/sql/reference_interpreter.h"
#include "engine/sql/row_codec.h"

namespace suiro::sql {
namespace {

constexpr size_t kRounds = 80;
constexpr size_t kInputs = 2;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  size_t below(size_t bound) { return random_.below(bound); }
  std::string pick(std::initializer_list<const char*> texts) {
    return *(texts.begin() + below(texts.size()));
  }

  std::string number(const std::string& alias) {
    const std::string a = alias.empty() ? "" : alias + ".";
    switch (below(8)) {
      case 0:
        return a + "K + " + a + "V";
      case 1:
        return a + "V * 2 - 1";
      case 2:
        return "12 / " + a + "V";  // by zero, at times
      case 3:
        return "CASE WHEN " + a + "V = 0 THEN -1 ELSE 12 / " + a + "V END";
      case 4:
        return "CASE " + a + "S WHEN 'a' THEN " + a + "K WHEN 'b' THEN " + a + "V END";
      case 5:
        return a + "K";
      default:
        return a + "V";
    }
  }

  std::string condition(const std::string& alias, size_t depth = 0) {
    const std::string a = alias.empty() ? "" : alias + ".";
    switch (below(depth < 2 ? 9 : 6)) {
      case 0:
        return a + "S " + pick({"=", "<>", "<", ">="}) + " '" + pick({"a", "b", "cc"}) + "'";
      case 1:
        return a + "V IS " + pick({"", "NOT "}) + "NULL";
      case 2:
        return a + "R > " + pick({"0.5", "1.25", "-1"});
      case 3:
        return a + "K IN (0, 2, 3)";
      case 4:
        return number(alias) + " BETWEEN -1 AND 3";
      case 5:
        return number(alias) + pick({" < ", " = ", " >= "}) + number(alias);
      case 6:
        return "NOT (" + condition(alias, depth + 1) + ")";
      default:
        return "(" + condition(alias, depth + 1) + pick({" AND ", " OR "}) +
               condition(alias, depth + 1) + ")";
    }
  }

  std::string where(const std::string& alias) {
    return below(2) == 0 ? " WHERE " + condition(alias) : "";
  }

  std::string call() {
    switch (below(7)) {
      case 0:
        return "COUNT(*)";
      case 1:
        return "COUNT(V)";
      case 2:
        return "SUM(" + number("") + ")";
      case 3:
        return "AVG(V)";
      case 4:
        return "MIN(" + pick({"V", "S", "R"}) + ")";
      case 5:
        return "MAX(" + pick({"V", "S", "R"}) + ")";
      default:
        return "SUM(R)";
    }
  }

  std::string step(const std::string& source) {
    return pick({"FLOOR(", "STEP("}) == "FLOOR("
               ? "FLOOR(" + source + ".ROWTIME TO " + pick({"SECOND", "MINUTE"}) + ")"
               : "STEP(" + source + ".ROWTIME BY INTERVAL '" + pick({"5", "10", "7"}) + "' SECOND)";
  }

  std::string keys() { return pick({"K", "S", "K, S", "K + 1", "R"}); }

  std::string frame(const std::string& kind) {
    return kind + " INTERVAL '" + pick({"1", "3", "9"}) + "' SECOND PRECEDING";
  }

  // Three columns of a target that takes everything: texts.
  static std::string text(const std::string& expr) { return "CAST(" + expr + " AS VARCHAR(32))"; }

  std::string query(const std::string& source) {
    switch (below(9)) {
      case 0:
        return "SELECT STREAM " + text(number("")) + ", S, " + text("R") + " FROM " + source +
               where("");
      case 1:
        return "SELECT STREAM " + text("S") + ", " + text(call()) + ", " + text(call()) + " FROM " +
               source + where("") + " GROUP BY S, " + step(source) +
               (below(3) == 0 ? " HAVING COUNT(*) > 1" : "");
      case 2: {
        const std::string all = keys();
        return "SELECT STREAM " + text(call()) + ", " + text(call()) + ", " + text(call()) +
               " FROM " + source + where("") + " GROUP BY " + step(source) + ", " + all;
      }
      case 3:
        return "SELECT STREAM " + text("S") + ", " + text(call()) + ", " + text(call()) + " FROM " +
               source + where("") + " WINDOWED BY STAGGER (PARTITION BY S RANGE INTERVAL '" +
               pick({"4", "11"}) + "' SECOND)";
      case 4:
        return sliding(source);
      case 5:
        return join();
      case 6:
        return "SELECT STREAM " + text("a.V") + ", t.NAME, " + text("a.R") + " FROM " + source +
               " AS a " + pick({"JOIN", "LEFT JOIN"}) + " T AS t ON a.K = t.K" +
               (below(2) == 0 ? " AND a.V > t.K" : "") + where("a");
      case 7:
        return "SELECT STREAM " + text("d.T") + ", d.S, " + text("d.K") +
               " FROM (SELECT STREAM DISTINCT " + step(source) + " AS T, S, K FROM " + source +
               where("") + ") AS d";
      default:
        return "SELECT STREAM " + text("V") + ", S, " + text("R") + " FROM A " + where("") +
               " UNION ALL SELECT STREAM " + text("K") + ", S, " + text("R") + " FROM B" +
               where("");
    }
  }

  std::string sliding(const std::string& source) {
    std::string window = below(2) == 0 ? "PARTITION BY " + keys() + " " : "";
    window += below(2) == 0 ? frame("RANGE") : "ROWS " + pick({"1", "2", "5"}) + " PRECEDING";
    return "SELECT STREAM " + text(call() + " OVER W") + ", " + text(call() + " OVER W") + ", " +
           text(call() + " OVER (" + frame("RANGE") + ")") + " FROM " + source + where("") +
           " WINDOW W AS (" + window + ")";
  }

  std::string join() {
    const std::string left = below(4) == 0 ? "" : " OVER (" + frame("RANGE") + ")";
    const std::string right =
        below(2) == 0 && !left.empty() ? "" : " OVER (" + frame("RANGE") + ")";
    return "SELECT STREAM " + text("a.V") + ", " + text("b.V") + ", " + text("b.S") + " FROM A" +
           left + " AS a " + pick({"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}) + " B" + right +
           " AS b ON a.K = b.K" + (below(2) == 0 ? " AND a.V < b.V" : "");
  }

  std::string program() {
    const std::string columns = "(X VARCHAR(32), Y VARCHAR(32), Z VARCHAR(32))";
    std::string out =
        "CREATE STREAM M (K INTEGER, V INTEGER, S VARCHAR(4), R DOUBLE);\n"
        "CREATE PUMP PM AS INSERT INTO M SELECT STREAM K, " +
        number("") + ", S, R FROM A" + where("") + ";\n";
    out += "CREATE STREAM DEST " + columns + ";\n";
    const size_t pumps = 1 + below(2);
    for (size_t p = 0; p < pumps; ++p) {
      out += "CREATE PUMP P" + std::to_string(p) + " AS INSERT INTO DEST " +
             query(pick({"A", "B", "M"})) + ";\n";
    }
    return out;
  }

  Rows rows(size_t count) {
    Rows out = empty_rows(std::vector{Lane::kInteger, Lane::kInteger, Lane::kText, Lane::kReal});
    int64_t time_ms = 0;
    for (size_t i = 0; i < count; ++i) {
      time_ms += static_cast<int64_t>(below(3) == 0 ? 0 : below(3'000));
      out.rowtimes_ms.push_back(time_ms);
      auto value = [&](const Value& some) { return below(10) == 0 ? Value{} : some; };
      out.columns[0].push(value(Value::of_integer(static_cast<int64_t>(below(4)))));
      out.columns[1].push(value(Value::of_integer(static_cast<int64_t>(below(7)) - 2)));
      static constexpr std::string_view kTexts[] = {"a", "b", "cc", ""};
      out.columns[2].push(value(Value::of_text(kTexts[below(4)])));
      out.columns[3].push(value(Value::of_real(static_cast<double>(below(12)) * 0.25 - 1)));
    }
    return out;
  }

 private:
  SeededRandom random_;
};

Type type_of(std::string_view text) {
  return *parse_type(text);
}

CompileInput inputs() {
  const Schema schema{{"K", type_of("INTEGER")},
                      {"V", type_of("INTEGER")},
                      {"S", type_of("VARCHAR(4)")},
                      {"R", type_of("DOUBLE")}};
  CompileInput out;
  out.inputs = {{.name = "A", .schema = schema, .origin = StreamDefinition::Origin::kInput},
                {.name = "B", .schema = schema, .origin = StreamDefinition::Origin::kInput}};
  out.tables = {
      {.name = "T", .schema = {{"K", type_of("INTEGER")}, {"NAME", type_of("VARCHAR(32)")}}}};
  return out;
}

Rows table() {
  Rows out = empty_rows(std::vector{Lane::kInteger, Lane::kText});
  static constexpr std::pair<int64_t, std::string_view> kRows[] = {
      {0, "zero"}, {1, "one"}, {1, "uno"}, {3, "three"}};
  for (const auto& [key, name] : kRows) {
    out.rowtimes_ms.push_back(0);
    out.columns[0].push(Value::of_integer(key));
    out.columns[1].push(Value::of_text(name));
  }
  return out;
}

std::string line_of(const Schema& schema, const Rows& rows, size_t row) {
  std::string line = std::to_string(rows.rowtimes_ms[row]) + " ";
  format_row(schema, rows, row, OutputFormat::kJson, line);
  return line;
}

struct Outcome {
  std::vector<std::string> rows, errors;
};

struct Plan {
  std::shared_ptr<const Program> program;
  Rows inputs[kInputs];
};

struct RunOptions {
  size_t batch_max = 0;  // 0: one batch
  size_t threads = 1;
  size_t restart_one_in = 0;  // 0: never
  EngineOptions engine = {};  // its budgets
  uint64_t turns_seed = 0;    // not 0: the inputs take turns by this seed, whatever the batches
};

class EngineRun {
 public:
  EngineRun(const Plan& plan, const RunOptions& options, uint64_t seed)
      : plan_(plan), options_(options), random_(seed) {
    dest_ = find_stream(*plan.program, "DEST");
    errors_ = find_stream(*plan.program, "error_stream");
    engine_ = fresh();
  }

  // False: the table does not fit.
  bool ready() const { return engine_ != nullptr; }

  // Each turn of an input is pushed in one batch, or in as many as batch_max asks for.
  Outcome run_in_turns() {
    SeededRandom turns(options_.turns_seed);
    size_t at[kInputs] = {};
    while (at[0] < plan_.inputs[0].size() || at[1] < plan_.inputs[1].size()) {
      const size_t input = turns.below(kInputs);
      const size_t left = plan_.inputs[input].size() - at[input];
      if (left == 0) continue;
      for (size_t turn = 1 + turns.below(std::min<size_t>(left, 40)); turn > 0;) {
        const size_t most = options_.batch_max == 0 ? turn : std::min(turn, options_.batch_max);
        const size_t count = options_.batch_max == 0 ? turn : 1 + random_.below(most);
        push(input, at[input], count);
        at[input] += count;
        turn -= count;
      }
    }
    engine_->advance(kBoundEnd, 0);
    collect();
    return std::move(out_);
  }

  Outcome run() {
    size_t at[kInputs] = {};
    while (at[0] < plan_.inputs[0].size() || at[1] < plan_.inputs[1].size()) {
      const size_t input = random_.below(kInputs);
      const Rows& all = plan_.inputs[input];
      const size_t left = all.size() - at[input];
      if (left == 0) continue;
      const size_t most = options_.batch_max == 0 ? left : std::min(left, options_.batch_max);
      const size_t count = options_.batch_max == 0 ? left : 1 + random_.below(most);
      push(input, at[input], count);
      at[input] += count;
    }
    engine_->advance(kBoundEnd, 0);
    collect();
    return std::move(out_);
  }

 private:
  void push(size_t input, size_t begin, size_t count) {
    std::vector<uint32_t> selection;
    for (size_t i = 0; i < count; ++i) selection.push_back(static_cast<uint32_t>(begin + i));
    engine_->push(input, gather(plan_.inputs[input], selection));
    collect();
    if (options_.restart_one_in > 0 && random_.below(options_.restart_one_in) == 0) restart();
  }

  std::unique_ptr<Engine> fresh() {
    EngineOptions options = options_.engine;
    options.threads = options_.threads;
    auto engine = Engine::create(plan_.program, options, {dest_, errors_});
    EXPECT_TRUE(engine);
    if (!(*engine)->load_table(0, table())) return nullptr;
    return *std::move(engine);
  }

  void restart() {
    auto state = engine_->checkpoint();
    ASSERT_TRUE(state) << state.error().message;
    engine_ = fresh();
    auto restored = engine_->restore(*state);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(*engine_->checkpoint(), *state);
  }

  void collect() {
    for (const Output& output : engine_->take()) {
      const Schema& schema = plan_.program->streams[output.stream].schema;
      for (size_t i = 0; i < output.rows.size(); ++i) {
        auto& to = output.stream == dest_ ? out_.rows : out_.errors;
        to.push_back(line_of(schema, output.rows, i));
      }
    }
  }

  const Plan& plan_;
  RunOptions options_;
  SeededRandom random_;
  size_t dest_ = 0, errors_ = 0;
  std::unique_ptr<Engine> engine_;
  Outcome out_;
};

reference::Stream stream_of(const Rows& rows) {
  reference::Stream out;
  for (size_t i = 0; i < rows.size(); ++i) {
    reference::Row row{rows.rowtimes_ms[i], {}};
    for (const Vector& column : rows.columns) row.values.push_back(value_at(column, i));
    out.push_back(std::move(row));
  }
  return out;
}

// The reference's rows; none where it does not cover the program.
std::optional<Outcome> expected(const Plan& plan) {
  reference::Interpreter slow(*plan.program, {stream_of(table())});
  for (size_t i = 0; i < kInputs; ++i) slow.input(i) = stream_of(plan.inputs[i]);
  slow.run();
  if (!slow.covered) return std::nullopt;
  const size_t dest = find_stream(*plan.program, "DEST");
  const Schema& schema = plan.program->streams[dest].schema;
  Rows rows = empty_rows(lanes_of(schema));
  for (const auto& row : slow.stream(dest)) {
    rows.rowtimes_ms.push_back(row.time_ms);
    for (size_t c = 0; c < schema.size(); ++c) rows.columns[c].push(row.values[c]);
  }
  Outcome out;
  for (size_t i = 0; i < rows.size(); ++i) out.rows.push_back(line_of(schema, rows, i));
  out.errors.resize(slow.errors);
  return out;
}

// Rows of one ROWTIME in any order: the reference does not know which of a join comes first.
std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::ranges::sort(lines);
  return lines;
}

struct Tally {
  size_t compiled = 0, covered = 0, rows = 0, errors = 0;
};

void try_seed(uint64_t seed, Tally& tally) {
  Generator generator(seed);
  const std::string text = generator.program();
  SCOPED_TRACE("SUIRO_SQL_SEED=" + std::to_string(seed) + "\n" + text);
  static const FunctionLibrary functions;
  auto program = compile(text, inputs(), functions, LanguageOptions{});
  ASSERT_TRUE(program) << program.error().message;
  ++tally.compiled;
  Plan plan{*program, {generator.rows(generator.below(60)), generator.rows(generator.below(60))}};
  EngineRun first(plan, {}, seed);
  ASSERT_TRUE(first.ready());
  const Outcome once = first.run();
  tally.rows += once.rows.size();
  tally.errors += once.errors.size();
  for (const RunOptions& other :
       {RunOptions{.batch_max = 1}, RunOptions{.batch_max = 9, .threads = 2},
        RunOptions{.batch_max = 5, .restart_one_in = 3}}) {
    const Outcome again = EngineRun(plan, other, seed + 1).run();
    EXPECT_EQ(again.rows, once.rows) << "batches of " << other.batch_max;
    EXPECT_EQ(again.errors, once.errors) << "batches of " << other.batch_max;
  }
  auto slow = expected(plan);
  if (!slow) return;
  ++tally.covered;
  EXPECT_EQ(sorted(once.rows), sorted(slow->rows));
  EXPECT_EQ(once.errors.size(), slow->errors.size());
}

TEST(RandomPrograms, GiveWhatTheReferenceGivesInAnyBatches) {
  const char* seed = std::getenv("SUIRO_SQL_SEED");
  const char* rounds = std::getenv("SUIRO_SQL_ROUNDS");
  Tally tally;
  if (seed != nullptr) return try_seed(std::strtoull(seed, nullptr, 10), tally);
  const size_t count = rounds != nullptr ? std::strtoull(rounds, nullptr, 10) : kRounds;
  for (uint64_t i = 1; i <= count && !testing::Test::HasFailure(); ++i) try_seed(i, tally);
  if (testing::Test::HasFailure()) return;
  EXPECT_GT(tally.covered, count * 3 / 4);
  EXPECT_GT(tally.rows, count);
  EXPECT_GT(tally.errors, count / 10);
}

// Budgets in which not everything fits: the same rows are refused in any batches.
void try_budget(uint64_t seed, Tally& tally) {
  Generator generator(seed);
  const std::string text = generator.program();
  SCOPED_TRACE("SUIRO_SQL_SEED=" + std::to_string(seed) + "\n" + text);
  static const FunctionLibrary functions;
  auto program = compile(text, inputs(), functions, LanguageOptions{});
  ASSERT_TRUE(program) << program.error().message;
  Plan plan{*program, {generator.rows(generator.below(60)), generator.rows(generator.below(60))}};
  RunOptions options;
  options.turns_seed = seed + 1;
  options.engine.operator_bytes_max = size_t{200} << generator.below(6);
  if (generator.below(3) == 0) options.engine.errors_bytes_max = size_t{500} << generator.below(4);
  EngineRun first(plan, options, seed);
  if (!first.ready()) return;
  const Outcome once = first.run_in_turns();
  ++tally.compiled;
  for (const std::string& line : once.errors) {
    tally.errors += line.find("LimitExceeded") != std::string::npos ? 1 : 0;
  }
  for (RunOptions other : {RunOptions{.batch_max = 1}, RunOptions{.batch_max = 9, .threads = 2},
                           RunOptions{.batch_max = 5, .restart_one_in = 3}}) {
    other.engine = options.engine;
    other.turns_seed = options.turns_seed;
    const Outcome again = EngineRun(plan, other, seed + 1).run_in_turns();
    EXPECT_EQ(again.rows, once.rows) << "batches of " << other.batch_max;
    EXPECT_EQ(again.errors, once.errors) << "batches of " << other.batch_max;
  }
}

TEST(RandomPrograms, RefuseTheSameRowsInAnyBatches) {
  const char* seed = std::getenv("SUIRO_SQL_SEED");
  const char* rounds = std::getenv("SUIRO_SQL_ROUNDS");
  Tally tally;
  if (seed != nullptr) return try_budget(std::strtoull(seed, nullptr, 10), tally);
  const size_t count = rounds != nullptr ? std::strtoull(rounds, nullptr, 10) : kRounds;
  for (uint64_t i = 1; i <= count && !testing::Test::HasFailure(); ++i) try_budget(i, tally);
  if (testing::Test::HasFailure()) return;
  EXPECT_GT(tally.compiled, count / 2);
  EXPECT_GT(tally.errors, count / 2);
}

}  // namespace
}  // namespace suiro::sql
