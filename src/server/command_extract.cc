// SPDX-License-Identifier: Apache-2.0
#include "server/command_extract.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/json/value.h"
#include "server/remote.h"
#include "server/text_files.h"

namespace suiro::server {
namespace {

namespace fs = std::filesystem;

constexpr int kBarCells = 30;
constexpr const char* kManifest = "manifest.json";
constexpr const char* kPasswordVariable = "SUIRO_SOURCE_PASSWORD";

// A directory that goes with what is in it.
class Scratch {
 public:
  static Result<Scratch> make(const fs::path& beside) {
    std::string name = (beside / ".suiro-extract-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return fail(codes::kInvalidArgument, fmt::format("cannot write into {}", beside.string()));
    }
    return Scratch(name);
  }
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Scratch& operator=(Scratch&&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// One line on a terminal, drawn over and over; nothing elsewhere.
class Bar {
 public:
  void show(const extract::Progress& progress) {
    if (!live_) return;
    double part = progress.parts == 0 ? 0 : double(progress.parts_done) / double(progress.parts);
    if (progress.rows_estimated > 0) {
      part =
          std::max(part, std::min(double(progress.rows) / double(progress.rows_estimated), 0.99));
    }
    std::string cells;
    for (int at = 0; at < kBarCells; ++at) cells += at < part * kBarCells ? "█" : "·";
    double seconds = std::chrono::duration<double>(clock_.steady() - began_).count();
    fmt::print(stderr, "\r[{}] {} rows, {}/{} parts, {:.0f} rows/s ", cells, progress.rows,
               progress.parts_done, progress.parts,
               seconds > 0 ? double(progress.rows) / seconds : 0.0);
  }
  void end() {
    if (live_) fmt::print(stderr, "\r\x1b[K");
  }
  double seconds() const { return std::chrono::duration<double>(clock_.steady() - began_).count(); }

 private:
  bool live_ = isatty(STDERR_FILENO) != 0;
  RealClock clock_;
  Micros began_ = clock_.steady();
};

Result<void> join_files(const std::vector<std::string>& files, const std::string& to) {
  std::ofstream out(to + ".partial", std::ios::binary | std::ios::trunc);
  for (const std::string& path : files) {
    std::ifstream in(path, std::ios::binary);
    if (in.peek() != std::ifstream::traits_type::eof()) out << in.rdbuf();
  }
  out.close();
  std::error_code error;
  if (out) fs::rename(to + ".partial", to, error);
  if (!out || error) return fail(codes::kInvalidArgument, fmt::format("cannot write {}", to));
  return ok();
}

std::vector<std::string> paths_of(const extract::Summary& summary) {
  std::vector<std::string> out;
  for (const auto& part : summary.parts) out.push_back(part.path);
  return out;
}

}  // namespace

// Where it goes: many parts under a prefix, or one file.
struct ExtractCommand::Target {
  bool lake = false;
  bool parts = false;
  std::string bucket;
  std::string path;  // key or prefix; file or directory
};

Result<ExtractCommand::Target> ExtractCommand::target() const {
  Target target{.path = to_};
  if (to_.starts_with("s3://")) {
    std::string_view rest = std::string_view(to_).substr(5);
    size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos || slash + 1 == rest.size()) {
      return fail(codes::kInvalidArgument,
                  "--to names a bucket and a key: s3://BUCKET/KEY, or s3://BUCKET/PREFIX/");
    }
    target.lake = true;
    target.bucket = rest.substr(0, slash);
    target.path = rest.substr(slash + 1);
  }
  target.parts = target.path.ends_with('/');
  return target;
}

Result<extract::SourceUrl> ExtractCommand::source() const {
  TRY(extract::SourceUrl url, extract::parse_source_url(source_));
  if (!password_file_.empty()) {
    std::ifstream file(password_file_);
    if (!std::getline(file, url.password)) {
      return fail(codes::kInvalidArgument, fmt::format("{} holds no password", password_file_));
    }
  } else if (const char* given = std::getenv(kPasswordVariable)) {
    url.password = given;
  }
  return url;
}

void ExtractCommand::add_to(CLI::App* command) {
  command_ = command;
  command->add_option("source", source_, "mysql://USER@HOST:PORT/DATABASE or postgres://...")
      ->required();
  auto* table = command->add_option("--table", job_.table, "Table, or SCHEMA.TABLE");
  auto* query = command->add_option("--query", job_.query, "SQL to read instead, in one piece");
  table->excludes(query);
  command->add_option("--columns", job_.columns, "Of the table, by commas")
      ->delimiter(',')
      ->excludes(query);
  command->add_option("--where", job_.where, "SQL condition on the table's rows")->excludes(query);
  command
      ->add_option("--to", to_,
                   "FILE, DIRECTORY/, s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for parts and a "
                   "manifest.json")
      ->required();
  command->add_option("--format", format_, "tsv, csv or jsonl")
      ->check(CLI::IsMember({"tsv", "csv", "jsonl"}))
      ->default_str(format_);
  command->add_option("--connections", connections_, "Read in parallel ranges of the primary key")
      ->check(CLI::Range(size_t{1}, extract::kSessionsMax))
      ->default_str("4");
  command->add_flag("--no-header", no_header_, "No line of names in TSV and CSV");
  command->add_option("--password-file", password_file_,
                      std::string("First line: the password; or $") + kPasswordVariable);
}

std::string ExtractCommand::manifest(const extract::SourceUrl& source,
                                     const extract::Summary& summary) const {
  json::Array parts, columns;
  for (const auto& part : summary.parts) {
    json::Object entry;
    entry.set("name", fs::path(part.path).filename().string());
    entry.set("rows", static_cast<int64_t>(part.rows));
    entry.set("bytes", static_cast<int64_t>(part.size_bytes));
    entry.set("sha256", part.sha256);
    parts.push_back(std::move(entry));
  }
  for (const std::string& name : summary.columns) columns.push_back(name);
  json::Object out;
  out.set("source", source.text());
  out.set(job_.query.empty() ? "table" : "query", job_.query.empty() ? job_.table : job_.query);
  if (!job_.where.empty()) out.set("where", job_.where);
  out.set("position", summary.position);
  out.set("format", format_);
  out.set("columns", std::move(columns));
  out.set("rows", static_cast<int64_t>(summary.rows));
  out.set("bytes", static_cast<int64_t>(summary.size_bytes));
  out.set("parts", std::move(parts));
  return json::write_pretty(std::move(out)) + "\n";
}

// The manifest comes last: where it is, the parts are.
Result<void> ExtractCommand::store(const ServerAddress& address, const Target& target,
                                   const extract::Summary& summary) const {
  std::vector<std::string> files = paths_of(summary);
  if (!target.lake) return target.parts ? ok() : join_files(files, target.path);
  TRY(Remote remote, Remote::connect(address));
  if (!target.parts) return remote.put_object(target.bucket, target.path, files);
  // Who may only put leaves an old manifest until its own comes.
  auto deleted = remote.delete_object(target.bucket, target.path + kManifest);
  if (!deleted && deleted.error().code != "AccessDenied") return deleted;
  for (const std::string& file : files) {
    std::string key = target.path + fs::path(file).filename().string();
    TRY_VOID(remote.put_object(target.bucket, key, {file}));
  }
  return ok();
}

Result<void> ExtractCommand::run(const ServerAddress& address) const {
  if (job_.table.empty() == job_.query.empty()) {
    return fail(codes::kInvalidArgument, "tell what to read: --table or --query");
  }
  TRY(Target target, this->target());
  TRY(extract::SourceUrl url, source());
  bool in_place = target.parts && !target.lake;
  fs::path home = target.lake ? fs::temp_directory_path() : fs::path(target.path).parent_path();
  if (home.empty()) home = ".";
  std::error_code error;
  fs::create_directories(home, error);
  if (error) return fail(codes::kInvalidArgument, home.string() + ": " + error.message());
  TRY(Scratch scratch, Scratch::make(home));
  std::string directory = in_place ? home.string() : scratch.path();

  extract::Job job = job_;
  job.format = format_ == "tsv"   ? extract::Format::kTsv
               : format_ == "csv" ? extract::Format::kCsv
                                  : extract::Format::kJsonl;
  job.header = no_header_     ? extract::Header::kNone
               : target.parts ? extract::Header::kNames
                              : extract::Header::kFirstPart;
  TRY(auto opened, extract::Source::open(url, job.query.empty() ? connections_ : 1));
  // A manifest of another run would tell of parts that are not there any more.
  if (in_place) fs::remove(directory + "/" + kManifest, error);
  Bar bar;
  auto summary = extract::run(*opened, job, directory,
                              [&](const extract::Progress& progress) { bar.show(progress); });
  bar.end();
  if (!summary) return fail(summary.error());
  TRY_VOID(store(address, target, *summary));
  if (target.parts) {
    std::string file = directory + "/" + kManifest;
    TRY_VOID(write_text_file(file, manifest(url, *summary)));
    if (target.lake) {
      TRY(Remote remote, Remote::connect(address));
      TRY_VOID(remote.put_object(target.bucket, target.path + kManifest, {file}));
    }
  }
  fmt::print("{}: {} rows, {} bytes{} in {:.1f} s\n", to_, summary->rows, summary->size_bytes,
             target.parts ? fmt::format(", {} parts", summary->parts.size()) : "", bar.seconds());
  return ok();
}

}  // namespace suiro::server
