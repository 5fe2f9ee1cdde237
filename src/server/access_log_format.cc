// SPDX-License-Identifier: Apache-2.0
// The bytes of the access log: lines, object keys, gzip.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/access_log.h"

namespace suiro::server {
namespace {

// Appends the parts of a line. Numbers and plain text go in without a format string, because every
// request writes a line.
class Line {
 public:
  explicit Line(std::string& out) : out_(out) {}

  Line& text(std::string_view text) {
    out_ += text;
    return *this;
  }
  Line& text_or_dash(std::string_view text) { return this->text(text.empty() ? "-" : text); }
  Line& number(uint64_t value) {
    char digits[20];
    auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out_.append(digits, static_cast<size_t>(end - digits));
    return *this;
  }
  Line& escaped(std::string_view text) {
    auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
    if (std::ranges::all_of(text, is_plain)) return this->text(text);
    for (char c : text) {
      if (is_plain(c)) {
        out_.push_back(c);
      } else {
        fmt::format_to(std::back_inserter(out_), "\\x{:02X}", static_cast<uint8_t>(c));
      }
    }
    return *this;
  }
  Line& escaped_or_dash(std::string_view text) {
    return text.empty() ? this->text("-") : escaped(text);
  }
  // The load balancer writes microseconds; Suiro's wall clock has milliseconds.
  Line& time(TimePoint time) {
    std::string iso = format_iso8601(time);
    iso.back() = '0';
    return text(iso).text("00Z");
  }
  // Seconds with three digits behind the point.
  Line& seconds(Micros duration) {
    auto millis = static_cast<uint64_t>(std::max<int64_t>(0, duration.count()) + 500) / 1000;
    char fraction[] = {'.', static_cast<char>('0' + millis / 100 % 10),
                       static_cast<char>('0' + millis / 10 % 10),
                       static_cast<char>('0' + millis % 10)};
    return number(millis / 1000).text({fraction, sizeof fraction});
  }

 private:
  std::string& out_;
};

}  // namespace

std::string format_alb_line(const AccessEntry& entry, std::string_view region,
                            std::string_view account) {
  std::string out;
  append_alb_line(out, entry, region, account);
  return out;
}

void append_alb_line(std::string& out, const AccessEntry& e, std::string_view region,
                     std::string_view account) {
  bool has_port = e.host.rfind(':') != e.host.npos;
  std::string_view scheme = e.secure ? "https" : "http";
  // The load balancer tells HTTP/2 over TLS apart.
  std::string_view type = e.secure && e.version == 20 ? "h2" : scheme;
  auto status = static_cast<uint64_t>(e.status);
  Line line(out);
  line.text(type).text(" ").time(e.finished).text(" app/suiro/0000000000000000 ");
  line.text(e.client).text(" ").text(e.server).text(" ");
  line.seconds(e.request_processing).text(" ").seconds(e.target_processing).text(" ");
  line.seconds(e.response_processing).text(" ").number(status).text(" ").number(status).text(" ");
  line.number(e.received_bytes).text(" ").number(e.sent_bytes).text(" \"");
  line.escaped_or_dash(e.method).text(" ").text(scheme).text("://").escaped(e.host);
  line.text(has_port ? "" : (e.secure ? ":443" : ":80")).escaped(e.target).text(" HTTP/");
  line.text(e.version == 20 ? "2.0\" \"" : "1.1\" \"")
      .escaped_or_dash(e.user_agent)
      .text("\" ")
      .text_or_dash(e.tls_cipher)
      .text(" ");
  line.text_or_dash(e.tls_protocol).text(" arn:aws:elasticloadbalancing:").text(region);
  line.text(":").text(account).text(":targetgroup/suiro/0000000000000000 \"");
  line.text(e.trace_id.empty() ? "-" : "Root=").text(e.trace_id).text("\" \"");
  line.escaped_or_dash(e.secure ? e.host.substr(0, e.host.rfind(':')) : "-").text("\" \"-\" 0 ");
  line.time(e.request_created).text(" \"forward\" \"-\" \"-\" \"").text(e.server).text("\" \"");
  line.number(status).text("\" \"-\" \"-\" -");
}

std::string delivered_key(std::string_view prefix, std::string_view account,
                          std::string_view region, TimePoint end, std::string_view address,
                          std::string_view random) {
  std::string time = format_iso8601(end);  // 2026-01-02T03:04:05.000Z
  std::string day =
      fmt::format("{}/{}/{}", time.substr(0, 4), time.substr(5, 2), time.substr(8, 2));
  std::string stamp = fmt::format("{}{}{}T{}{}Z", time.substr(0, 4), time.substr(5, 2),
                                  time.substr(8, 2), time.substr(11, 2), time.substr(14, 2));
  return fmt::format(
      "{}{}AWSLogs/{}/elasticloadbalancing/{}/{}/{}_elasticloadbalancing_{}_app.suiro."
      "0000000000000000_{}_{}_{}.log.gz",
      prefix, prefix.empty() ? "" : "/", account, region, day, account, region, stamp, address,
      random);
}

}  // namespace suiro::server
