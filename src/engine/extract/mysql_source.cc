// SPDX-License-Identifier: Apache-2.0
#include "engine/extract/mysql_source.h"

#include <fmt/format.h>
#include <mysql.h>

namespace suiro::extract {
namespace {

constexpr unsigned kBinaryCharset = 63;

struct Close {
  void operator()(MYSQL* handle) const { mysql_close(handle); }
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};

Column::Kind kind_of(const MYSQL_FIELD& field) {
  switch (field.type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
      // Zeros in front are no JSON number.
      return field.flags & ZEROFILL_FLAG ? Column::Kind::kText : Column::Kind::kNumber;
    case MYSQL_TYPE_JSON:
      return Column::Kind::kJson;
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_GEOMETRY:
      return Column::Kind::kBinary;
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VAR_STRING:
      return field.charsetnr == kBinaryCharset ? Column::Kind::kBinary : Column::Kind::kText;
    default:
      return Column::Kind::kText;
  }
}

class MysqlSession final : public Session {
 public:
  static Result<std::unique_ptr<MysqlSession>> connect(const SourceUrl& url) {
    auto session = std::make_unique<MysqlSession>();
    MYSQL* handle = mysql_init(nullptr);
    session->handle_.reset(handle);
    unsigned seconds = kConnectSecondsMax;
    mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    my_bool enforce = url.tls_required ? 1 : 0;
    mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &enforce);
    if (!url.ca_file.empty()) {
      my_bool verify = 1;
      mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
      mysql_ssl_set(handle, nullptr, nullptr, url.ca_file.c_str(), nullptr, nullptr);
    }
    if (mysql_real_connect(handle, url.socket.empty() ? url.host.c_str() : nullptr,
                           url.user.c_str(), url.password.c_str(), url.database.c_str(), url.port,
                           url.socket.empty() ? nullptr : url.socket.c_str(), 0) == nullptr) {
      return fail(codes::kUnavailable, fmt::format("{}: {}", url.text(), mysql_error(handle)));
    }
    TRY_VOID(session->run("SET SESSION time_zone = '+00:00'"));
    return session;
  }

  Result<void> run(const std::string& statement) {
    if (mysql_real_query(handle_.get(), statement.data(), statement.size()) != 0) return error();
    return ok();
  }

  Result<void> read(const std::string& query, RowSink& sink) override {
    TRY_VOID(run(query));
    std::unique_ptr<MYSQL_RES, Close> result(mysql_use_result(handle_.get()));
    if (result == nullptr) return error();
    unsigned count = mysql_num_fields(result.get());
    MYSQL_FIELD* described = mysql_fetch_fields(result.get());
    std::vector<Column> columns;
    for (unsigned at = 0; at < count; ++at) {
      columns.push_back({described[at].name, kind_of(described[at])});
    }
    Result<void> told = sink.columns(columns);
    std::vector<Field> fields(count);
    MYSQL_ROW row = nullptr;
    // Freeing an unread result reads the rest, so a failed sink costs that.
    while (told && (row = mysql_fetch_row(result.get())) != nullptr) {
      unsigned long* lengths = mysql_fetch_lengths(result.get());
      for (unsigned at = 0; at < count; ++at) {
        fields[at] = row[at] == nullptr ? Field() : Field(std::string_view(row[at], lengths[at]));
      }
      told = sink.row(fields);
    }
    if (!told) return told;
    if (mysql_errno(handle_.get()) != 0) return error();
    return ok();
  }

 private:
  std::unexpected<Error> error() {
    return fail(codes::kInvalidArgument,
                fmt::format("the database says: {} (error {})", mysql_error(handle_.get()),
                            mysql_errno(handle_.get())));
  }
  std::unique_ptr<MYSQL, Close> handle_;
};

class MysqlSource final : public Source {
 public:
  explicit MysqlSource(SourceUrl url) : url_(std::move(url)) {}

  Result<void> connect(size_t count) {
    for (size_t at = 0; at < count; ++at) {
      TRY(auto session, MysqlSession::connect(url_));
      sessions_.push_back(std::move(session));
    }
    // One session needs no lock to agree with itself.
    std::unique_ptr<MysqlSession> locker;
    if (count > 1) {
      TRY(locker, MysqlSession::connect(url_));
      if (auto locked = locker->run("FLUSH TABLES WITH READ LOCK"); !locked) {
        return fail(codes::kInvalidArgument,
                    locked.error().message +
                        ": a snapshot for several connections needs the privilege RELOAD; "
                        "--connections 1 does without");
      }
    }
    for (auto& session : sessions_) {
      TRY_VOID(session->run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
      TRY_VOID(session->run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"));
    }
    if (locker) {
      // The log's position exists where the log is on and the privilege is given.
      if (auto rows = read_small(*locker, "SHOW MASTER STATUS"); rows && !rows->empty()) {
        const auto& row = rows->front();
        if (row.size() > 1 && row[0] && row[1]) position_ = *row[0] + ":" + *row[1];
      }
      TRY_VOID(locker->run("UNLOCK TABLES"));
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
    size_t dot = table.find('.');
    std::string schema = dot == std::string::npos ? url_.database : table.substr(0, dot);
    std::string name = dot == std::string::npos ? table : table.substr(dot + 1);
    std::string where = fmt::format("table_schema = {} AND table_name = {}",
                                    literal(url_.kind, schema), literal(url_.kind, name));
    TRY(SmallTable found,
        read_small(*sessions_.front(),
                   "SELECT table_rows FROM information_schema.tables WHERE " + where));
    if (found.empty()) return fail(codes::kNotFound, "there is no table " + table);
    TableFacts facts;
    if (found[0][0]) facts.rows_estimated = std::strtoull(found[0][0]->c_str(), nullptr, 10);
    TRY(SmallTable key,
        read_small(
            *sessions_.front(),
            "SELECT k.column_name, c.data_type FROM information_schema.key_column_usage k "
            "JOIN information_schema.columns c USING (table_schema, table_name, column_name) "
            "WHERE k.constraint_name = 'PRIMARY' AND k." +
                where.substr(0, where.find(" AND ")) + " AND k.table_name = " +
                literal(url_.kind, name) + " ORDER BY k.ordinal_position"));
    for (const auto& row : key) {
      if (facts.key.empty()) facts.integer_key = row[1] && row[1]->ends_with("int");
      facts.key.push_back(*row[0]);
    }
    return facts;
  }

  std::string quoted(std::string_view name) const override { return between('`', name); }

 private:
  SourceUrl url_;
  std::string position_;
  std::vector<std::unique_ptr<MysqlSession>> sessions_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_mysql(const SourceUrl& url, size_t count) {
  auto source = std::make_unique<MysqlSource>(url);
  TRY_VOID(source->connect(count));
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace suiro::extract
