// SPDX-License-Identifier: Apache-2.0
// HOTSPOTS: every row of the cursor with HOTSPOTS_RESULT, the dense regions of the last windowSize
// rows (with this one), as DBSCAN finds them: rows with at least minimumNumberOfPointsInAHotspot
// rows within scanRadius (themselves included) belong together when they lie within it, with all
// rows around them.
//
//   {"hotspots":[{"density":11.3,"minValues":[5.1,3.9],"maxValues":[5.9,4.4]},..]}
//
// density is the number of rows over the volume of their box, sides of zero left out. A row with a
// NULL in a numeric column is not counted. docs/decisions/135-table-functions.md.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "engine/sql/convert.h"
#include "engine/sql/table.h"

namespace suiro::sql {
namespace {

constexpr size_t kColumnsMax = 30;
constexpr int64_t kWindowMax = 1'000;
constexpr uint32_t kResultLength = kTextLengthMax;

struct HotspotOptions {
  Schema schema;
  std::vector<size_t> columns;
  size_t window = 0;
  double radius = 0;
  size_t points_min = 0;
};

// Which slots of the window lie within the radius of which, kept up to date row by row.
class Neighbours {
 public:
  explicit Neighbours(size_t slots)
      : slots_(slots), words_((slots + 63) / 64), bits_(slots * words_, 0), counts_(slots, 0) {}
  void link(size_t a, size_t b) {
    set(a, b);
    if (a != b) set(b, a);
  }
  void unlink(size_t slot) {
    for (size_t other = 0; other < slots_; ++other) {
      uint64_t& word = bits_[other * words_ + slot / 64];
      const uint64_t bit = uint64_t{1} << (slot % 64);
      if ((word & bit) == 0) continue;
      word &= ~bit;
      --counts_[other];
    }
    std::fill_n(bits_.begin() + static_cast<ptrdiff_t>(slot * words_), words_, 0);
    counts_[slot] = 0;
  }
  size_t count(size_t slot) const { return counts_[slot]; }
  template <class Visit>
  void each(size_t slot, Visit visit) const {
    for (size_t w = 0; w < words_; ++w) {
      for (uint64_t word = bits_[slot * words_ + w]; word != 0; word &= word - 1) {
        visit(w * 64 + static_cast<size_t>(std::countr_zero(word)));
      }
    }
  }
  size_t size_bytes() const { return bits_.size() * 8 + counts_.size() * 8; }

 private:
  void set(size_t a, size_t b) {
    bits_[a * words_ + b / 64] |= uint64_t{1} << (b % 64);
    ++counts_[a];
  }
  size_t slots_;
  size_t words_;
  std::vector<uint64_t> bits_;
  std::vector<size_t> counts_;
};

class Hotspots final : public TableFunction {
 public:
  explicit Hotspots(std::shared_ptr<const HotspotOptions> options)
      : options_(std::move(options)), neighbours_(options_->window) {}

  Result<void> add(const Rows& rows, Rows& out) override {
    prepare(out, options_->schema);
    out.owners.insert(out.owners.end(), rows.owners.begin(), rows.owners.end());
    auto arena = std::make_shared<Arena>();
    for (size_t i = 0; i < rows.size(); ++i) {
      out.rowtimes_ms.push_back(rows.rowtimes_ms[i]);
      for (size_t c = 0; c < rows.columns.size(); ++c) {
        out.columns[c].push(rows.columns[c].at(i));
      }
      std::vector<double> point;
      for (const size_t column : options_->columns) {
        double number = 0;
        if (number_at(rows.columns[column], i, number)) point.push_back(number);
      }
      if (point.size() == options_->columns.size()) put(std::move(point));
      out.columns.back().push(Value::of_text(arena->keep(describe())));
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
    out.unsigned_integer(points_.size());
    for (size_t i = 0; i < points_.size(); ++i) {  // the oldest first
      for (const double x : points_[(next_ + i) % points_.size()]) out.real(x);
    }
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kTableVersion);
    points_.clear();
    next_ = 0;
    neighbours_ = Neighbours(options_->window);
    const size_t numbers = options_->columns.size();
    for (size_t left = in.count(8 * numbers, options_->window); left > 0 && !in.bad(); --left) {
      std::vector<double> point;
      for (size_t i = 0; i < numbers; ++i) point.push_back(in.finite());
      put(std::move(point));
    }
    return in.finish();
  }
  size_t size_bytes() const override {
    return sizeof(*this) + neighbours_.size_bytes() +
           points_.size() * (options_->columns.size() * sizeof(double) + 32);
  }

 private:
  static constexpr size_t kNoCluster = SIZE_MAX;

  // The new point takes the oldest one's slot.
  void put(std::vector<double> point) {
    size_t slot = points_.size();
    if (points_.size() < options_->window) {
      points_.push_back(std::move(point));
    } else {
      slot = next_;
      next_ = (next_ + 1) % options_->window;
      neighbours_.unlink(slot);
      points_[slot] = std::move(point);
    }
    const double limit = options_->radius * options_->radius;
    for (size_t other = 0; other < points_.size(); ++other) {
      double distance = 0;
      for (size_t i = 0; i < points_[slot].size() && distance <= limit; ++i) {
        const double side = points_[slot][i] - points_[other][i];
        distance += side * side;
      }
      if (distance <= limit) neighbours_.link(slot, other);
    }
  }

  std::string describe() const {
    std::vector<size_t> cluster(points_.size(), kNoCluster);
    std::string out = R"({"hotspots":[)";
    size_t found = 0;
    for (size_t i = 0; i < points_.size(); ++i) {
      // In the order of arrival, so that the result does not depend on slots.
      const size_t slot = (next_ + i) % points_.size();
      if (cluster[slot] != kNoCluster || neighbours_.count(slot) < options_->points_min) continue;
      const auto members = grow(slot, found, cluster);
      if (members.size() < options_->points_min) continue;
      if (found++ > 0) out += ',';
      append(out, members);
    }
    return out + "]}";
  }

  std::vector<size_t> grow(size_t from, size_t name, std::vector<size_t>& cluster) const {
    std::vector<size_t> members = {from};
    cluster[from] = name;
    for (size_t at = 0; at < members.size(); ++at) {
      if (neighbours_.count(members[at]) < options_->points_min) continue;  // on its edge
      neighbours_.each(members[at], [&](size_t other) {
        if (cluster[other] != kNoCluster) return;
        cluster[other] = name;
        members.push_back(other);
      });
    }
    return members;
  }

  void append(std::string& out, const std::vector<size_t>& members) const {
    std::vector<double> least = points_[members[0]];
    std::vector<double> most = least;
    for (const size_t member : members) {
      for (size_t i = 0; i < least.size(); ++i) {
        least[i] = std::min(least[i], points_[member][i]);
        most[i] = std::max(most[i], points_[member][i]);
      }
    }
    double volume = 1;
    for (size_t i = 0; i < least.size(); ++i) {
      if (most[i] > least[i]) volume *= most[i] - least[i];
    }
    const double density =
        std::min(static_cast<double>(members.size()) / volume, std::numeric_limits<double>::max());
    out += fmt::format(R"({{"density":{},"minValues":[{}],"maxValues":[{}]}})", density,
                       fmt::join(least, ","), fmt::join(most, ","));
  }

  std::shared_ptr<const HotspotOptions> options_;
  std::vector<std::vector<double>> points_;  // by slot
  size_t next_ = 0;                          // the oldest slot, once all are taken
  Neighbours neighbours_;
};

Result<BoundTableFunction> bind_hotspots(const Schema& cursor, Arguments args,
                                         const FunctionOptions& switches) {
  constexpr std::string_view kName = "HOTSPOTS";
  TRY_VOID(expect_count(kName, args, 3, 3));
  HotspotOptions options{.schema = cursor, .columns = {}};
  TRY(options.columns, numeric_columns(kName, cursor, kColumnsMax));
  TRY(const int64_t window, literal_integer(kName, args, 0, 100, kWindowMax));
  const auto& radius = args[1];
  if (!radius.type.is_numeric() || radius.literal == nullptr || radius.literal->null ||
      !(real_of(radius.type, *radius.literal) > 0)) {
    return refuse("HOTSPOTS: scanRadius must be a constant number above zero");
  }
  TRY(const int64_t points, literal_integer(kName, args, 2, 2, window));
  options.window = static_cast<size_t>(window);
  options.radius = real_of(radius.type, *radius.literal);
  options.points_min = static_cast<size_t>(points);
  const bool samples = switches.hotspots_column == FunctionOptions::HotspotsColumn::kHotspotsResult;
  options.schema.push_back(
      {samples ? "HOTSPOTS_RESULT" : "HOTSPOT_RESULTS", varchar_type(kResultLength)});
  BoundTableFunction out;
  out.schema = options.schema;
  auto shared = std::make_shared<const HotspotOptions>(std::move(options));
  out.create = [shared] { return std::make_unique<Hotspots>(shared); };
  return out;
}

}  // namespace

void add_hotspots(Registry& to) {
  to.tables["HOTSPOTS"] = bind_hotspots;
}

}  // namespace suiro::sql
