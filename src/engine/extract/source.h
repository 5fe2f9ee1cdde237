// SPDX-License-Identifier: Apache-2.0
// Source: a database from which rows are read, by several connections that see one state of it.
//
//   MariaDB, MySQL   FLUSH TABLES WITH READ LOCK; each session START TRANSACTION WITH CONSISTENT
//                    SNAPSHOT; UNLOCK TABLES. The lock is held for some milliseconds.
//   PostgreSQL       one session exports its snapshot, the others take it over.
//
// Invariants:
//  1. All sessions read the same state, whatever is written meanwhile.
//  2. Nothing is written; transactions are read only.
//  3. Rows are streamed: memory holds one row a session.
//
// Threads: a session belongs to one thread at a time; different sessions to different ones.
// Failure: kUnavailable (no connection), kInvalidArgument (the database's own text).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::extract {

inline constexpr size_t kSessionsMax = 64;
inline constexpr unsigned kConnectSecondsMax = 15;

// "mysql://USER:PASSWORD@HOST:PORT/DATABASE", "mariadb://", "postgres://", "postgresql://"; an
// absolute path as ?socket=/run/mysqld/mysqld.sock, ?tls=required, ?ca=FILE.
struct SourceUrl {
  enum class Kind : uint8_t { kMysql, kPostgres } kind = Kind::kMysql;
  std::string user;
  std::string password;
  std::string host = "localhost";
  uint16_t port = 0;  // 0: the usual one
  std::string database;
  std::string socket;
  bool tls_required = false;
  std::string ca_file;

  // Without the password.
  std::string text() const;
};
// Errors: kInvalidArgument.
Result<SourceUrl> parse_source_url(std::string_view text);

struct Column {
  std::string name;
  enum class Kind : uint8_t { kText, kNumber, kBool, kBinary, kJson } kind = Kind::kText;
};

using Field = std::optional<std::string_view>;  // nullopt: NULL

class RowSink {
 public:
  virtual ~RowSink() = default;
  // Before the first row.
  virtual Result<void> columns(const std::vector<Column>& columns) = 0;
  virtual Result<void> row(std::span<const Field> fields) = 0;
};

class Session {
 public:
  virtual ~Session() = default;
  // Streams the rows of a query. Errors: the sink's, the database's.
  virtual Result<void> read(const std::string& query, RowSink& sink) = 0;
};

// What is known of a table before it is read.
struct TableFacts {
  std::vector<std::string> key;  // columns of the primary key; empty: none
  bool integer_key = false;      // its first column is an integer
  uint64_t rows_estimated = 0;   // by the database's statistics
};

class Source {
 public:
  virtual ~Source() = default;
  // `count` sessions on one snapshot; 1 to kSessionsMax.
  static Result<std::unique_ptr<Source>> open(const SourceUrl& url, size_t count);

  virtual std::vector<Session*> sessions() = 0;
  // Where the snapshot stands in the database's log ("mariadb-bin.000002:329", "0/1573178"); empty
  // where the database does not tell.
  virtual std::string position() const = 0;
  // `table`: "name" or "schema.name". Errors: kNotFound.
  virtual Result<TableFacts> describe(const std::string& table) = 0;
  // A column's name as the database quotes it.
  virtual std::string quoted(std::string_view name) const = 0;
  // "name" or "schema.name": the schema ends at the first dot.
  std::string quoted_table(std::string_view name) const {
    size_t dot = name.find('.');
    if (dot == std::string_view::npos) return quoted(name);
    return quoted(name.substr(0, dot)) + "." + quoted(name.substr(dot + 1));
  }
};

// All rows of a query that gives few; NULL as nullopt.
using SmallTable = std::vector<std::vector<std::optional<std::string>>>;
inline constexpr size_t kSmallRowsMax = 10'000;
Result<SmallTable> read_small(Session& session, const std::string& query);

// A name between two marks; the mark within it is doubled.
std::string between(char mark, std::string_view name);

// A text literal of standard SQL; backslashes doubled where `url` is a MySQL's.
std::string literal(SourceUrl::Kind kind, std::string_view text);

}  // namespace suiro::extract
