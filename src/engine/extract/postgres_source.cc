// SPDX-License-Identifier: Apache-2.0
#include "engine/extract/postgres_source.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <map>

namespace suiro::extract {
namespace {

// Of pg_type, fixed for built-in types.
enum TypeId : Oid {
  kBoolType = 16,
  kByteaType = 17,
  kInt8Type = 20,
  kInt2Type = 21,
  kInt4Type = 23,
  kOidType = 26,
  kJsonType = 114,
  kFloat4Type = 700,
  kFloat8Type = 701,
  kNumericType = 1700,
  kJsonbType = 3802,
};

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(unsigned char* bytes) const { PQfreemem(bytes); }
};
using ResultPtr = std::unique_ptr<PGresult, Finish>;

Column::Kind kind_of(Oid type) {
  switch (type) {
    case kInt8Type:
    case kInt2Type:
    case kInt4Type:
    case kOidType:
    case kFloat4Type:
    case kFloat8Type:
    case kNumericType:
      return Column::Kind::kNumber;
    case kBoolType:
      return Column::Kind::kBool;
    case kByteaType:
      return Column::Kind::kBinary;
    case kJsonType:
    case kJsonbType:
      return Column::Kind::kJson;
    default:
      return Column::Kind::kText;
  }
}

class PostgresSession final : public Session {
 public:
  static Result<std::unique_ptr<PostgresSession>> connect(const SourceUrl& url) {
    std::map<std::string, std::string> options = {
        {"host", url.socket.empty() ? url.host : url.socket},
        {"dbname", url.database},
        {"connect_timeout", std::to_string(kConnectSecondsMax)},
        {"client_encoding", "UTF8"},
        {"application_name", "suiro extract"}};
    if (!url.user.empty()) options["user"] = url.user;
    if (!url.password.empty()) options["password"] = url.password;
    if (url.port != 0) options["port"] = std::to_string(url.port);
    if (url.tls_required) options["sslmode"] = url.ca_file.empty() ? "require" : "verify-full";
    if (!url.ca_file.empty()) options["sslrootcert"] = url.ca_file;
    std::vector<const char*> names, values;
    for (const auto& [name, value] : options) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    auto session = std::make_unique<PostgresSession>();
    session->handle_.reset(PQconnectdbParams(names.data(), values.data(), 0));
    if (PQstatus(session->handle_.get()) != CONNECTION_OK) {
      return fail(codes::kUnavailable,
                  fmt::format("{}: {}", url.text(), PQerrorMessage(session->handle_.get())));
    }
    TRY_VOID(session->run("SET TIME ZONE 'UTC'"));
    TRY_VOID(session->run("SET extra_float_digits = 1"));
    return session;
  }

  Result<void> run(const std::string& statement) {
    ResultPtr result(PQexec(handle_.get(), statement.c_str()));
    auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return error();
    return ok();
  }

  Result<void> read(const std::string& query, RowSink& sink) override {
    if (PQsendQuery(handle_.get(), query.c_str()) == 0) return error();
    PQsetSingleRowMode(handle_.get());
    Result<void> told = ok();
    bool described = false;
    // Every result is taken, or the connection could not be used again.
    while (ResultPtr result{PQgetResult(handle_.get())}) {
      auto status = PQresultStatus(result.get());
      if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK) {
        if (told) told = error();
        continue;
      }
      if (told && !described) told = describe_to(sink, result.get());
      described = true;
      for (int row = 0; told && row < PQntuples(result.get()); ++row) {
        told = hand_over(sink, result.get(), row);
      }
    }
    return told;
  }

 private:
  Result<void> describe_to(RowSink& sink, const PGresult* result) {
    columns_.clear();
    for (int at = 0; at < PQnfields(result); ++at) {
      columns_.push_back({PQfname(result, at), kind_of(PQftype(result, at))});
    }
    return sink.columns(columns_);
  }

  Result<void> hand_over(RowSink& sink, const PGresult* result, int row) {
    std::vector<Field> fields(columns_.size());
    std::vector<std::string> bytes(columns_.size());
    for (size_t at = 0; at < columns_.size(); ++at) {
      int column = static_cast<int>(at);
      if (PQgetisnull(result, row, column) != 0) continue;
      std::string_view text(PQgetvalue(result, row, column),
                            static_cast<size_t>(PQgetlength(result, row, column)));
      if (columns_[at].kind == Column::Kind::kBinary) {
        size_t size = 0;
        std::unique_ptr<unsigned char, Finish> raw(PQunescapeBytea(
            reinterpret_cast<const unsigned char*>(PQgetvalue(result, row, column)), &size));
        bytes[at].assign(reinterpret_cast<const char*>(raw.get()), size);
        text = bytes[at];
      }
      fields[at] = text;
    }
    return sink.row(fields);
  }

  std::unexpected<Error> error() {
    return fail(codes::kInvalidArgument,
                fmt::format("the database says: {}", PQerrorMessage(handle_.get())));
  }

  std::unique_ptr<PGconn, Finish> handle_;
  std::vector<Column> columns_;
};

class PostgresSource final : public Source {
 public:
  Result<void> connect(const SourceUrl& url, size_t count) {
    std::string snapshot;
    for (size_t at = 0; at < count; ++at) {
      TRY(auto session, PostgresSession::connect(url));
      TRY_VOID(session->run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
      if (at == 0) {
        TRY(SmallTable row, read_small(*session,
                                       "SELECT pg_export_snapshot(), CASE WHEN pg_is_in_recovery() "
                                       "THEN NULL ELSE pg_current_wal_lsn()::text END"));
        snapshot = row[0][0].value_or("");
        position_ = row[0][1].value_or("");
      } else {
        TRY_VOID(session->run("SET TRANSACTION SNAPSHOT " +
                              literal(SourceUrl::Kind::kPostgres, snapshot)));
      }
      sessions_.push_back(std::move(session));
    }
    return ok();
  }

  std::vector<Session*> sessions() override {
    std::vector<Session*> out;
    for (auto& session : sessions_) out.push_back(session.get());
    return out;
  }
  std::string position() const override { return position_; }

  Result<TableFacts> describe(const std::string& table) override {
    std::string id = literal(SourceUrl::Kind::kPostgres, quoted_table(table));
    TRY(SmallTable found, read_small(*sessions_.front(),
                                     "SELECT c.oid, greatest(c.reltuples, 0)::bigint FROM pg_class "
                                     "c WHERE c.oid = to_regclass(" +
                                         id + ")"));
    if (found.empty()) return fail(codes::kNotFound, "there is no table " + table);
    TableFacts facts;
    if (found[0][1]) facts.rows_estimated = std::strtoull(found[0][1]->c_str(), nullptr, 10);
    TRY(SmallTable key,
        read_small(*sessions_.front(),
                   "SELECT a.attname, a.atttypid FROM pg_index i CROSS JOIN LATERAL "
                   "unnest(i.indkey) WITH ORDINALITY AS k(number, place) JOIN pg_attribute a ON "
                   "a.attrelid = i.indrelid AND a.attnum = k.number WHERE i.indisprimary AND "
                   "i.indrelid = " +
                       *found[0][0] + " ORDER BY k.place"));
    for (const auto& row : key) {
      if (facts.key.empty()) {
        auto type = static_cast<Oid>(std::strtoul(row[1]->c_str(), nullptr, 10));
        facts.integer_key = type == kInt2Type || type == kInt4Type || type == kInt8Type;
      }
      facts.key.push_back(*row[0]);
    }
    return facts;
  }

  std::string quoted(std::string_view name) const override { return between('"', name); }

 private:
  std::string position_;
  std::vector<std::unique_ptr<PostgresSession>> sessions_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_postgres(const SourceUrl& url, size_t count) {
  auto source = std::make_unique<PostgresSource>();
  TRY_VOID(source->connect(url, count));
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace suiro::extract
