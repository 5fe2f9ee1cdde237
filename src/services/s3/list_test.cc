// SPDX-License-Identifier: Apache-2.0
// Versions and lists against a model that is too simple to be wrong: a vector of versions a key.
#include <fmt/format.h>

#include <map>

#include "services/s3/testing.h"

namespace suiro::s3 {
namespace {

struct ModelVersion {
  std::string id;  // "null" or the id
  bool marker = false;
  Bytes bytes;
};

// Newest first.
using Model = std::map<Bytes, std::vector<ModelVersion>>;

class ListTest : public LogicTest {
 protected:
  static constexpr auto kBucket = "lake";
  uint64_t dice(uint64_t bound) { return sim.random().below(bound); }
  Bytes random_key() {
    static const Bytes letters[] = {"a", "b", "/", Bytes("\0", 1), "\xC3\xBC", "-"};
    Bytes out;
    for (uint64_t i = 0, length = 1 + dice(4); i < length; ++i) out += letters[dice(6)];
    return out;
  }
  void drop_null(std::vector<ModelVersion>& versions) {
    std::erase_if(versions, [](auto& version) { return version.id == "null"; });
  }
  void step() {
    Bytes key = random_key();
    auto& versions = model[key];
    const uint64_t what = dice(10);
    if (what < 6) {
      Bytes bytes = fmt::to_string(dice(1000));
      auto written = put(kBucket, key, bytes);
      ASSERT_TRUE(written);
      if (versioning != Versioning::kEnabled) drop_null(versions);
      versions.insert(versions.begin(), {written->record.version_text(), false, bytes});
    } else if (what < 8) {
      auto removed = remove(kBucket, key);
      ASSERT_TRUE(removed);
      if (versioning == Versioning::kOff) {
        versions.clear();
      } else {
        if (versioning == Versioning::kSuspended) drop_null(versions);
        versions.insert(versions.begin(), {*removed->version, true, ""});
      }
    } else if (!versions.empty()) {
      size_t at = dice(versions.size());
      ASSERT_TRUE(remove(kBucket, key, by_id(versions[at].id)));
      versions.erase(versions.begin() + static_cast<ptrdiff_t>(at));
    }
    if (versions.empty()) model.erase(key);
    if (dice(40) == 0) {
      versioning = dice(2) == 0 ? Versioning::kEnabled : Versioning::kSuspended;
      set_versioning(kBucket, versioning);
    }
  }

  // What a listing says, one line a name.
  std::vector<std::string> expected(bool versions, const ListRequest& request) {
    std::vector<std::string> out;
    for (auto& [key, list] : model) {
      if (!key.starts_with(request.prefix)) continue;
      if (!versions && list[0].marker) continue;
      size_t at = request.delimiter.empty() ? Bytes::npos
                                            : key.find(request.delimiter, request.prefix.size());
      if (at != Bytes::npos) {
        std::string line = "prefix " + key.substr(0, at + request.delimiter.size());
        if (out.empty() || out.back() != line) out.push_back(line);
        continue;
      }
      for (size_t i = 0; i < (versions ? list.size() : 1); ++i) {
        out.push_back(fmt::format("{} {} {} {}", key, versions ? list[i].id : "", i == 0,
                                  versions && list[i].marker));
      }
    }
    return out;
  }

  // The same from the logic, read in pages; each name is put in its place.
  std::vector<std::string> actual(bool versions, ListRequest request) {
    std::vector<std::string> out;
    std::string after_version;
    for (bool more = true; more;) {
      auto page = versions ? sim.run(logic.list_versions({request, after_version}))
                           : sim.run(logic.list(request));
      EXPECT_TRUE(page);
      if (!page) break;
      EXPECT_LE(page->objects.size() + page->prefixes.size(), request.rows_max);
      std::vector<std::pair<Bytes, std::string>> lines;
      for (auto& prefix : page->prefixes) lines.emplace_back(prefix, "prefix " + prefix);
      for (auto& object : page->objects) {
        lines.emplace_back(
            object.key,
            fmt::format("{} {} {} {}", object.key, versions ? object.record.version_text() : "",
                        object.latest, versions && object.record.delete_marker));
      }
      std::stable_sort(lines.begin(), lines.end(),
                       [](auto& a, auto& b) { return a.first < b.first; });
      for (auto& [name, line] : lines) out.push_back(line);
      more = page->truncated;
      request.after = page->next;
      after_version = page->next_version;
    }
    return out;
  }

  void compare() {
    ListRequest request{.bucket = kBucket, .rows_max = 1 + dice(7)};
    if (dice(2) == 0) request.prefix = random_key().substr(0, 2);
    if (!is_valid_utf8(request.prefix)) request.prefix.clear();
    if (dice(2) == 0) request.delimiter = dice(2) == 0 ? "/" : "b-";
    EXPECT_EQ(actual(false, request), expected(false, request));
    EXPECT_EQ(actual(true, request), expected(true, request));
  }

  void compare_bytes() {
    for (auto& [key, versions] : model) {
      for (auto& version : versions) {
        auto bytes = get(kBucket, key, by_id(version.id));
        if (version.marker) {
          EXPECT_EQ(code(bytes), "MethodNotAllowed");
        } else {
          ASSERT_TRUE(bytes);
          EXPECT_EQ(*bytes, version.bytes);
        }
      }
    }
  }

  Model model;
  Versioning versioning = Versioning::kOff;
};

TEST_F(ListTest, AgreesWithTheModel) {
  for (uint64_t seed : {1, 2, 3, 4}) {
    SCOPED_TRACE(seed);
    sim.random() = SeededRandom(seed);
    make_bucket(kBucket);
    versioning = Versioning::kOff;
    for (int i = 0; i < 400; ++i) {
      step();
      if (i % 5 == 0) compare();
      if (HasFailure()) return;
    }
    compare_bytes();
    while (!model.empty()) {
      auto& [key, versions] = *model.begin();
      ASSERT_TRUE(remove(kBucket, key, by_id(versions[0].id)));
      versions.erase(versions.begin());
      if (versions.empty()) model.erase(model.begin());
    }
    ASSERT_TRUE(sim.run(logic.delete_bucket(who(), kBucket)));
  }
}

TEST_F(ListTest, PrefixesAreSkippedNotWalked) {
  make_bucket(kBucket);
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(put(kBucket, fmt::format("a/{:04}", i), ""));
  ASSERT_TRUE(put(kBucket, "b", ""));
  auto page = sim.run(logic.list({.bucket = kBucket, .delimiter = "/", .rows_max = 1}));
  EXPECT_EQ(page->prefixes, std::vector<Bytes>{"a/"});
  EXPECT_TRUE(page->truncated);
  auto rest = sim.run(logic.list({.bucket = kBucket, .delimiter = "/", .after = page->next}));
  ASSERT_EQ(rest->objects.size(), 1U);
  EXPECT_EQ(rest->objects[0].key, "b");
  EXPECT_FALSE(rest->truncated);
  auto none = sim.run(logic.list({.bucket = kBucket, .rows_max = 0}));
  EXPECT_TRUE(none->objects.empty());
  EXPECT_FALSE(none->truncated);
  auto inside = sim.run(logic.list({.bucket = kBucket, .after = "a/0100", .rows_max = 3}));
  EXPECT_EQ(inside->objects[0].key, "a/0101");
}

}  // namespace
}  // namespace suiro::s3
