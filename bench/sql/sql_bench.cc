// SPDX-License-Identifier: Apache-2.0
// The engine of streaming SQL alone, on one thread: JSON to rows, join with a reference table of
// 10,000 users, COUNT, SUM, MIN and MAX of one minute by article and segment; beside it a loop
// written by hand with simdjson and open-addressing hash tables that gives the same groups: the
// ceiling.
//
//   suiro-sql-bench [records] [rounds]
//
// Prints, for 1,000 and 100,000 groups: records a second of processor time of both, the better of
// the rounds, their ratio, the state's bytes.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/sql/engine.h"
#include "engine/sql/input_schema.h"
#include "engine/sql/row_codec.h"

namespace suiro::sql {
namespace {

constexpr size_t kRecordBytes = 113;
constexpr size_t kUsers = 10'000;
constexpr size_t kSegments = 10;
constexpr size_t kBatch = 4'096;
constexpr int64_t kMinutes = 4;
constexpr int64_t kMinuteMs = 60'000;

constexpr char kProgram[] = R"(
CREATE STREAM DEST (ARTICLE VARCHAR(16), SEGMENT VARCHAR(16), N BIGINT, S BIGINT, LO INTEGER,
                   HI INTEGER);
CREATE PUMP P AS INSERT INTO DEST
SELECT STREAM c."article", s.SEGMENT, COUNT(*), SUM(c."ms"), MIN(c."ms"), MAX(c."ms")
FROM CLICKS AS c JOIN SEGMENTS AS s ON c."user" = s.USER_ID
GROUP BY FLOOR(c.ROWTIME TO MINUTE), c."article", s.SEGMENT;
)";
constexpr char kClicks[] = "user VARCHAR(16)\narticle VARCHAR(16)\nms INTEGER\n";
constexpr char kTable[] = "format csv\nUSER_ID VARCHAR(16)\nSEGMENT VARCHAR(16)\n";

struct Data {
  std::shared_ptr<const std::string> text;  // records of kRecordBytes each, padding behind them
  size_t records = 0;
  std::string_view record(size_t i) const {
    return std::string_view(*text).substr(i * kRecordBytes, kRecordBytes);
  }
  int64_t rowtime_ms(size_t i) const {
    return static_cast<int64_t>(i) * kMinutes * kMinuteMs / static_cast<int64_t>(records);
  }
};

std::string user_name(size_t user) {
  return fmt::format("u{:07}", user);
}
std::string segment_of(size_t user) {
  return fmt::format("segment-{}", user % kSegments);
}

Data make_data(size_t records, size_t groups) {
  SeededRandom random(1);
  std::string text;
  for (size_t i = 0; i < records; ++i) {
    std::string one = fmt::format(R"({{"user":"{}","article":"a{:06}","ms":{},"path":")",
                                  user_name(random.below(kUsers)), random.below(groups / kSegments),
                                  random.below(100'000));
    one.append(kRecordBytes - one.size() - 2, 'p');
    text += one + "\"}";
  }
  text.append(kInputPaddingBytes, '\0');
  return {std::make_shared<const std::string>(std::move(text)), records};
}

// Time of this thread on its core: other work on the machine does not count.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "sql_bench: {}\n", result.error().message);
    std::exit(1);
  }
  return *std::move(result);
}

struct Measured {
  double records_per_second = 0;
  uint64_t groups = 0, counted = 0;
  size_t state_bytes = 0;
};

Rows make_table() {
  InputSchema schema = must(parse_input_schema(kTable));
  auto mapper = must(InputMapper::create(schema.format, schema.columns));
  std::string text;
  for (size_t u = 0; u < kUsers; ++u) text += user_name(u) + "," + segment_of(u) + "\n";
  InputRecord record{.data = text};
  MappedRows mapped;
  mapper->map({&record, 1}, nullptr, InputMapper::Padding::kNone, mapped);
  return std::move(mapped.rows);
}

Measured run_engine(const Data& data) {
  const InputSchema clicks = must(parse_input_schema(kClicks));
  const InputSchema table = must(parse_input_schema(kTable));
  CompileInput input{{definition_of("CLICKS", clicks)}, {definition_of("SEGMENTS", table)}};
  auto program = must(compile(kProgram, input, FunctionLibrary(), LanguageOptions{}));
  const size_t source = find_stream(*program, "CLICKS"), out = find_stream(*program, "DEST");
  auto engine = must(Engine::create(program, {}, {out}));
  if (auto loaded = engine->load_table(0, make_table()); !loaded) std::abort();
  auto mapper = must(InputMapper::create(clicks.format, clicks.columns));
  Measured measured;
  auto count = [&] {
    for (const Output& output : engine->take()) {
      measured.groups += output.rows.size();
      for (int64_t n : output.rows.columns[2].integers) {
        measured.counted += static_cast<uint64_t>(n);
      }
    }
  };
  const double begin = cpu_seconds();
  std::vector<InputRecord> records;
  for (size_t at = 0; at < data.records; at += kBatch) {
    records.clear();
    for (size_t i = at; i < std::min(at + kBatch, data.records); ++i) {
      records.push_back({.data = data.record(i), .rowtime_ms = data.rowtime_ms(i)});
    }
    MappedRows mapped;
    mapper->map(records, data.text, InputMapper::Padding::kPresent, mapped);
    engine->push(source, std::move(mapped.rows), mapped.rejected);
    measured.state_bytes = std::max(measured.state_bytes, engine->state_bytes());
    count();
  }
  engine->advance(kBoundEnd, 0);
  count();
  measured.records_per_second = static_cast<double>(data.records) / (cpu_seconds() - begin);
  return measured;
}

// Keys of at most kKeyBytes in one array, found by linear probing: what a program written for this
// one query would use.
template <class T>
class FlatTable {
 public:
  static constexpr size_t kKeyBytes = 23;
  FlatTable() { clear(); }

  // Made where it is not there.
  T& at(std::string_view key, uint8_t more) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    Slot& slot = slots_[find(key, more)];
    if (slot.used == 0) {
      ++size_;
      slot.used = 1;
      slot.size = static_cast<uint8_t>(key.size());
      slot.more = more;
      std::memcpy(slot.key, key.data(), key.size());
    }
    return slot.value;
  }
  const T* get(std::string_view key, uint8_t more) const {
    const Slot& slot = slots_[find(key, more)];
    return slot.used == 0 ? nullptr : &slot.value;
  }
  size_t size() const { return size_; }
  template <class F>
  void each(F visit) const {
    for (const Slot& slot : slots_) {
      if (slot.used != 0) visit(slot.value);
    }
  }
  // Keeps its memory.
  void clear() {
    if (slots_.empty()) slots_.resize(kSlots);
    std::fill(slots_.begin(), slots_.end(), Slot{});
    size_ = 0;
  }

 private:
  static constexpr size_t kSlots = 4'096;
  struct Slot {
    T value{};
    char key[kKeyBytes] = {};
    uint8_t size = 0, more = 0, used = 0;
  };

  static uint64_t hash(std::string_view key, uint8_t more) {
    uint64_t words[3] = {};
    std::memcpy(words, key.data(), std::min(key.size(), sizeof words));
    uint64_t out = more + key.size();
    for (uint64_t word : words) {
      const auto wide = static_cast<unsigned __int128>(out ^ word) * 0x9E3779B97F4A7C15U;
      out = static_cast<uint64_t>(wide) ^ static_cast<uint64_t>(wide >> 64);
    }
    return out;
  }
  size_t find(std::string_view key, uint8_t more) const {
    const size_t mask = slots_.size() - 1;
    for (size_t at = hash(key, more) & mask;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.used == 0) return at;
      if (slot.more == more && slot.size == key.size() &&
          std::memcmp(slot.key, key.data(), key.size()) == 0) {
        return at;
      }
    }
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    std::swap(old, slots_);
    for (const Slot& slot : old) {
      if (slot.used != 0) slots_[find({slot.key, slot.size}, slot.more)] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

// The same by hand.
class HandWritten {
 public:
  HandWritten() {
    for (size_t u = 0; u < kUsers; ++u) {
      users_.at(user_name(u), 0) = static_cast<uint8_t>(u % kSegments);
    }
  }

  Measured run(const Data& data) {
    Measured measured;
    const double begin = cpu_seconds();
    simdjson::ondemand::parser parser;
    int64_t window_end_ms = kMinuteMs;
    for (size_t i = 0; i < data.records; ++i) {
      if (data.rowtime_ms(i) >= window_end_ms) {
        close(measured);
        window_end_ms += kMinuteMs;
      }
      const std::string_view text = data.record(i);
      auto document =
          parser.iterate(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING);
      simdjson::ondemand::object object = document.get_object();
      const std::string_view user = object["user"].get_string();
      const std::string_view article = object["article"].get_string();
      const int64_t ms = object["ms"].get_int64();
      const uint8_t* segment = users_.get(user, 0);
      if (segment == nullptr) continue;
      Group& group = groups_.at(article, *segment);
      ++group.count;
      group.sum += ms;
      group.least = std::min(group.least, ms);
      group.most = std::max(group.most, ms);
    }
    close(measured);
    measured.records_per_second = static_cast<double>(data.records) / (cpu_seconds() - begin);
    return measured;
  }

 private:
  struct Group {
    int64_t count = 0, sum = 0, least = INT64_MAX, most = INT64_MIN;
  };
  void close(Measured& measured) {
    measured.groups += groups_.size();
    groups_.each(
        [&](const Group& group) { measured.counted += static_cast<uint64_t>(group.count); });
    groups_.clear();
  }

  FlatTable<uint8_t> users_;
  FlatTable<Group> groups_;
};

void compare(size_t records, size_t groups, size_t rounds) {
  const Data data = make_data(records, groups);
  Measured engine, hand;
  for (size_t round = 0; round < rounds; ++round) {
    const Measured one = run_engine(data), other = HandWritten().run(data);
    if (one.groups != other.groups || one.counted != other.counted) {
      fmt::print(stderr, "the engine and the loop differ: {} groups of {} rows, {} of {}\n",
                 one.groups, one.counted, other.groups, other.counted);
      std::exit(1);
    }
    if (one.records_per_second > engine.records_per_second) engine = one;
    if (other.records_per_second > hand.records_per_second) hand = other;
  }
  fmt::print(
      "{:>7} groups: engine {:>10.0f} records/s, by hand {:>10.0f}, ratio {:.2f}, "
      "state {:.1f} MiB, {} rows out\n",
      groups, engine.records_per_second, hand.records_per_second,
      engine.records_per_second / hand.records_per_second,
      static_cast<double>(engine.state_bytes) / (1 << 20), engine.groups);
}

}  // namespace
}  // namespace suiro::sql

int main(int argc, char** argv) {
  const size_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000;
  const size_t rounds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 3;
  suiro::sql::compare(records, 1'000, rounds);
  suiro::sql::compare(records, 100'000, rounds);
  return 0;
}
