// SPDX-License-Identifier: Apache-2.0
#include "engine/extract/source.h"

#include <fmt/format.h>

#include <charconv>

#include "engine/extract/mysql_source.h"
#include "engine/extract/postgres_source.h"

namespace suiro::extract {
namespace {

// "%40" -> "@".
Result<std::string> decoded(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned code = 0;
    auto digits = text.substr(at + 1, 2);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || digits.size() != 2 || end != digits.data() + 2) {
      return fail(codes::kInvalidArgument, "the URL of the source has a malformed % sequence");
    }
    out += static_cast<char>(code);
    at += 2;
  }
  return out;
}

// What stands before `mark`; `text` keeps what is behind it. The whole text where there is none.
std::string_view take_until(std::string_view& text, char mark) {
  size_t at = text.find(mark);
  std::string_view before = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return before;
}

Result<void> set_option(SourceUrl& url, std::string_view option) {
  std::string_view name = take_until(option, '=');
  TRY(std::string value, decoded(option));
  if (name == "socket") {
    url.socket = value;
  } else if (name == "ca") {
    url.ca_file = value;
  } else if (name == "tls" && value == "required") {
    url.tls_required = true;
  } else {
    return fail(
        codes::kInvalidArgument,
        fmt::format("the URL of the source has the option '{}={}': it may have socket=PATH, "
                    "tls=required and ca=FILE",
                    name, value));
  }
  return ok();
}

Result<void> set_authority(SourceUrl& url, std::string_view authority) {
  if (size_t at = authority.rfind('@'); at != std::string_view::npos) {
    std::string_view identity = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    std::string_view user = take_until(identity, ':');
    TRY(url.user, decoded(user));
    TRY(url.password, decoded(identity));
  }
  std::string_view host = authority;
  size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    host = authority.substr(0, colon);
    std::string_view port = authority.substr(colon + 1);
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size()) {
      return fail(codes::kInvalidArgument, "the port of the source is no number below 65536");
    }
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!host.empty()) url.host = host;
  return ok();
}

class SmallSink final : public RowSink {
 public:
  Result<void> columns(const std::vector<Column>&) override { return ok(); }
  Result<void> row(std::span<const Field> fields) override {
    if (rows.size() == kSmallRowsMax) return fail(codes::kTooLarge, "too many rows");
    auto& row = rows.emplace_back();
    for (const Field& field : fields) {
      row.push_back(field ? std::optional<std::string>(*field) : std::nullopt);
    }
    return ok();
  }
  SmallTable rows;
};

}  // namespace

std::string SourceUrl::text() const {
  std::string out = kind == Kind::kMysql ? "mysql://" : "postgres://";
  if (!user.empty()) out += user + "@";
  out += socket.empty() ? host : socket;
  if (port != 0) out += fmt::format(":{}", port);
  return out + "/" + database;
}

Result<SourceUrl> parse_source_url(std::string_view text) {
  SourceUrl url;
  size_t scheme_end = text.find("://");
  std::string_view scheme = text.substr(0, scheme_end);
  if (scheme_end != std::string_view::npos && (scheme == "mysql" || scheme == "mariadb")) {
    url.kind = SourceUrl::Kind::kMysql;
  } else if (scheme_end != std::string_view::npos &&
             (scheme == "postgres" || scheme == "postgresql")) {
    url.kind = SourceUrl::Kind::kPostgres;
  } else {
    return fail(codes::kInvalidArgument,
                "the source is told as mysql://USER:PASSWORD@HOST:PORT/DATABASE or postgres://...");
  }
  text.remove_prefix(scheme_end + 3);
  std::string_view place = take_until(text, '?');
  TRY_VOID(set_authority(url, take_until(place, '/')));
  TRY(url.database, decoded(place));
  if (url.database.empty()) {
    return fail(codes::kInvalidArgument, "the URL of the source names no database");
  }
  while (!text.empty()) TRY_VOID(set_option(url, take_until(text, '&')));
  return url;
}

Result<std::unique_ptr<Source>> Source::open(const SourceUrl& url, size_t count) {
  if (count == 0 || count > kSessionsMax) {
    return fail(codes::kInvalidArgument,
                fmt::format("1 to {} connections are possible, not {}", kSessionsMax, count));
  }
  return url.kind == SourceUrl::Kind::kMysql ? open_mysql(url, count) : open_postgres(url, count);
}

Result<SmallTable> read_small(Session& session, const std::string& query) {
  SmallSink sink;
  TRY_VOID(session.read(query, sink));
  return std::move(sink.rows);
}

std::string between(char mark, std::string_view name) {
  std::string out(1, mark);
  for (char c : name) {
    if (c == mark) out += mark;
    out += c;
  }
  return out + mark;
}

std::string literal(SourceUrl::Kind kind, std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || (c == '\\' && kind == SourceUrl::Kind::kMysql)) out += c;
    out += c;
  }
  return out + "'";
}

}  // namespace suiro::extract
