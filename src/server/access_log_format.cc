// SPDX-License-Identifier: Apache-2.0
// The bytes of the access log: lines, object keys, gzip.
#include <zlib.h>

#include "base/check.h"
#include "server/access_log.h"

namespace suiro::server {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\') {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out.empty() ? "-" : out;
}

// The load balancer writes microseconds; Suiro's wall clock has milliseconds.
std::string micros_time(TimePoint time) {
  std::string text = format_iso8601(time);
  return text.substr(0, text.size() - 1) + "000Z";
}

double seconds(Micros duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

}  // namespace

std::string format_alb_line(const AccessEntry& e, std::string_view region,
                            std::string_view account) {
  bool has_port = e.host.rfind(':') != std::string::npos;
  std::string url = fmt::format("{}://{}{}{}", e.secure ? "https" : "http", e.host,
                                has_port ? "" : (e.secure ? ":443" : ":80"), e.target);
  // The load balancer tells HTTP/2 over TLS apart.
  std::string_view type = !e.secure ? "http" : e.version == 20 ? "h2" : "https";
  std::string domain = e.secure ? e.host.substr(0, e.host.rfind(':')) : "-";
  return fmt::format(
      "{} {} app/suiro/0000000000000000 {} {} {:.3f} {:.3f} {:.3f} {} {} {} {} \"{} {} HTTP/{}\" "
      "\"{}\" {} {} arn:aws:elasticloadbalancing:{}:{}:targetgroup/suiro/0000000000000000 "
      "\"{}\" \"{}\" \"-\" 0 {} \"forward\" \"-\" \"-\" \"{}\" \"{}\" \"-\" \"-\" -",
      type, micros_time(e.finished), e.client, e.server, seconds(e.request_processing),
      seconds(e.target_processing), seconds(e.response_processing), e.status, e.status,
      e.received_bytes, e.sent_bytes, escaped(e.method), escaped(url),
      e.version == 20 ? "2.0" : "1.1", escaped(e.user_agent),
      e.tls_cipher.empty() ? "-" : e.tls_cipher, e.tls_protocol.empty() ? "-" : e.tls_protocol,
      region, account, e.trace_id.empty() ? "-" : "Root=" + e.trace_id, escaped(domain),
      micros_time(e.request_created), e.server, e.status);
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

Bytes gzip(ByteView bytes) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8,
                     Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace suiro::server
