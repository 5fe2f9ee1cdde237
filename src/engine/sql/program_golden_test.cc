// SPDX-License-Identifier: Apache-2.0
// Golden tests of whole programs: tests/golden/sql/programs/NAME/, plain files that need no C++.
// What each file is, tests/golden/sql/programs/README.md tells. Every program runs in one batch,
// row by row, with two threads, and with a checkpoint and restart after every row: the same output
// each time. SUIRO_UPDATE_GOLDEN=1 writes what was found instead of comparing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "engine/sql/file_run.h"

namespace suiro::sql {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// The words of `options`, as on the command line.
void read_options(const std::string& words, FileRunOptions& to) {
  std::istringstream in(words);
  std::string word, value;
  while (in >> word) {
    auto text = [&] {
      in >> std::ws;
      if (in.peek() == '\'') {
        in.get();
        std::getline(in, value, '\'');
      } else {
        in >> value;
      }
      return value;
    };
    if (word == "--rowtime") {
      to.rowtime = text();
    } else if (word == "--start") {
      to.start = text();
    } else if (word == "--pace") {
      to.pace_ms = std::stoll(text());
    } else if (word == "--output") {
      to.outputs.push_back(text());
    } else if (word == "--format") {
      to.format = text();
    } else if (word == "--switch") {
      to.switches.push_back(text());
    } else if (word == "--show-rowtime") {
      to.show_rowtime = true;
    } else if (word == "--open-end") {
      to.open_end = true;
    } else {
      ADD_FAILURE() << "options: " << word << " is not known";
    }
  }
}

// input.NAME.json, table.NAME.csv with input.NAME.schema, table.NAME.schema.
FileRunOptions options_of(const fs::path& folder) {
  FileRunOptions out;
  out.program = folder / "program.sql";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    const bool input = name.starts_with("input."), table = name.starts_with("table.");
    if (!input && !table) continue;
    const std::string stem = file.stem().string();
    const std::string pair = stem.substr(6) + "=" + file.string();
    if (file.extension() == ".schema") {
      out.schemas.push_back(pair);
    } else {
      (input ? out.inputs : out.tables).push_back(pair);
    }
  }
  read_options(read_file(folder / "options"), out);
  return out;
}

struct Found {
  std::string rows, errors;
};

// Rows of several streams, stream by stream: between streams there is no order.
std::string by_stream(const std::string& lines, size_t streams) {
  if (streams < 2) return lines;
  std::map<std::string, std::string> parts;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);)
    parts[line.substr(0, line.find('\t'))] += line + "\n";
  std::string out;
  for (const auto& [name, part] : parts) out += part;
  return out;
}

Found run(const FileRunOptions& options) {
  Found found;
  auto done = run_files(options, [&](RowKind kind, std::string_view lines) {
    (kind == RowKind::kWanted ? found.rows : found.errors) += lines;
  });
  if (!done) found.errors += done.error().message + "\n";
  found.rows = by_stream(found.rows, options.outputs.size());
  // Paths of this machine are no part of what is expected.
  const std::string folder = fs::path(options.program).parent_path().string() + "/";
  for (size_t at; (at = found.errors.find(folder)) != std::string::npos;) {
    found.errors.erase(at, folder.size());
  }
  return found;
}

struct Folder {
  fs::path path;
};
void PrintTo(const Folder& folder, std::ostream* to) {
  *to << folder.path.filename().string();
}

std::vector<Folder> folders() {
  std::vector<Folder> out;
  const fs::path root = fs::path(SUIRO_SOURCE_DIR) / "tests/golden/sql/programs";
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.is_directory()) out.push_back({entry.path()});
  }
  std::ranges::sort(out, {}, &Folder::path);
  return out;
}

class ProgramGolden : public testing::TestWithParam<Folder> {};

TEST_P(ProgramGolden, GivesTheExpectedRows) {
  const fs::path folder = GetParam().path;
  const FileRunOptions plain = options_of(folder);
  const Found found = run(plain);
  if (std::getenv("SUIRO_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(folder / "expected") << found.rows;
    if (!found.errors.empty()) std::ofstream(folder / "expected.errors") << found.errors;
    return;
  }
  ASSERT_TRUE(fs::exists(folder / "expected")) << "nothing is expected";
  EXPECT_EQ(found.rows, read_file(folder / "expected"));
  EXPECT_EQ(found.errors, read_file(folder / "expected.errors"));
}

TEST_P(ProgramGolden, DoesNotDependOnBatchesThreadsAndRestarts) {
  const FileRunOptions plain = options_of(GetParam().path);
  const Found once = run(plain);
  FileRunOptions row_by_row = plain, threads = plain, restarts = plain;
  row_by_row.batch_rows = 1;
  threads.batch_rows = 3;
  threads.threads = 2;
  restarts.batch_rows = 1;
  restarts.restart_rows = 1;
  for (const FileRunOptions& other : {row_by_row, threads, restarts}) {
    const Found again = run(other);
    EXPECT_EQ(again.rows, once.rows) << "batches of " << other.batch_rows;
    EXPECT_EQ(again.errors, once.errors) << "batches of " << other.batch_rows;
  }
}

// tests/golden/sql/states-v1/NAME is the state of version 1 in the middle of the program NAME: it
// takes the place of that checkpoint, and the rest of the run gives the rows that it always gives.
// SUIRO_WRITE_STATES=FOLDER writes such files instead.
TEST_P(ProgramGolden, GoesOnFromAStateOfVersion1) {
  const fs::path folder = GetParam().path;
  FileRunOptions options = options_of(folder);
  options.batch_rows = options.restart_rows = 1;
  size_t checkpoints = 0;
  options.exchange_state = [&](Bytes state) {
    ++checkpoints;
    return state;
  };
  (void)run(options);
  const size_t middle = (checkpoints + 1) / 2;
  const char* target = std::getenv("SUIRO_WRITE_STATES");
  const fs::path file =
      fs::path(SUIRO_SOURCE_DIR) / "tests/golden/sql/states-v1" / folder.filename();
  if (target == nullptr && !fs::exists(file)) GTEST_SKIP() << "no state was kept";
  checkpoints = 0;
  options.exchange_state = [&](Bytes state) -> Bytes {
    if (++checkpoints != middle) return state;
    if (target == nullptr) return read_file(file);
    std::ofstream(fs::path(target) / folder.filename(), std::ios::binary) << state;
    return state;
  };
  const Found found = run(options);
  EXPECT_EQ(found.rows, read_file(folder / "expected"));
  EXPECT_EQ(found.errors, read_file(folder / "expected.errors"));
}

INSTANTIATE_TEST_SUITE_P(Programs, ProgramGolden, testing::ValuesIn(folders()),
                         [](const auto& info) {
                           std::string name = info.param.path.filename().string();
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace suiro::sql
