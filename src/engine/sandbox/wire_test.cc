// SPDX-License-Identifier: Apache-2.0
// The pure parts: HTTP of the runtime API, lines, texts, environments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/sandbox/http_wire.h"
#include "engine/sandbox/log_pipe.h"
#include "engine/sandbox/report.h"
#include "engine/sandbox/runtimes.h"

namespace suiro::sandbox {
namespace {

using testing::HasSubstr;

TEST(HttpHead, ReadsWhatARuntimeSends) {
  auto head = parse_head(
      "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n"
      "Lambda-Runtime-Function-Error-Type:  A.B \r\nExpect: 100-continue");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/2018-06-01/runtime/init/error");
  EXPECT_EQ(head->content_length, 12U);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_EQ(*find_header(head->headers, "lambda-runtime-function-error-type"), "A.B");
  EXPECT_EQ(find_header(head->headers, "absent"), nullptr);
}

TEST(HttpHead, KeepsAliveByVersionAndHeader) {
  EXPECT_FALSE(parse_head("GET / HTTP/1.0")->keep_alive);
  EXPECT_TRUE(parse_head("GET / HTTP/1.0\r\nConnection: keep-alive")->keep_alive);
  EXPECT_FALSE(parse_head("GET / HTTP/1.1\r\nConnection: close")->keep_alive);
}

TEST(HttpHead, RefusesWhatIsAmbiguousOrMalformed) {
  for (std::string_view text :
       {"", "GET /", "GET / HTTP/2.0", "G ET / HTTP/1.1", "GET x HTTP/1.1", "GET /\1 HTTP/1.1",
        "GET / HTTP/1.1\r\nnocolon", "GET / HTTP/1.1\r\nA B: c", "GET / HTTP/1.1\r\n: c",
        "GET / HTTP/1.1\r\nA: b\001", "GET / HTTP/1.1\r\nContent-Length: -1",
        "GET / HTTP/1.1\r\nContent-Length: 1x", "GET / HTTP/1.1\r\nContent-Length: ",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        "GET / HTTP/1.1\r\nTransfer-Encoding: gzip",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999", "GET / HTTP/1.1\r\nExpect: x"}) {
    EXPECT_FALSE(parse_head(text)) << text;
  }
  std::string many = "GET / HTTP/1.1";
  for (size_t i = 0; i <= kHeadersMax; ++i) many += "\r\nA: b";
  EXPECT_FALSE(parse_head(many));
}

TEST(ChunkDecoder, TakesPiecesOfAnySize) {
  const std::string wire = "4\r\nWiki\r\nA;x=y\r\npedia in\r\n\r\n0\r\nT: v\r\nU: w\r\n\r\nrest";
  for (size_t step = 1; step <= wire.size(); ++step) {
    ChunkDecoder decoder(100);
    std::string input;
    for (size_t at = 0; at < wire.size(); at += step) {
      input += wire.substr(at, step);
      ASSERT_TRUE(decoder.feed(input));
    }
    EXPECT_TRUE(decoder.complete());
    EXPECT_EQ(decoder.body(), "Wikipedia in\r\n");
    EXPECT_EQ(*find_header(decoder.trailers(), "u"), "w");
    EXPECT_EQ(input, "rest");
  }
}

TEST(ChunkDecoder, RefusesSizesAndSyntax) {
  auto error = [](std::string input) {
    ChunkDecoder decoder(10);
    auto fed = decoder.feed(input);
    return fed ? std::string("none") : fed.error().code;
  };
  EXPECT_EQ(error("B\r\n"), codes::kTooLarge);
  EXPECT_EQ(error("FFFFFFFFFFFFFFFF\r\n"), codes::kTooLarge);
  EXPECT_EQ(error("9\r\n123456789\r\n2\r\n"), codes::kTooLarge);
  EXPECT_EQ(error("x\r\n"), codes::kInvalidArgument);
  EXPECT_EQ(error("1\r\nab\r\n"), codes::kInvalidArgument);
  EXPECT_EQ(error(std::string(kChunkLineBytesMax + 1, '0')), codes::kInvalidArgument);
  EXPECT_EQ(error("A\r\n0123456789\r\n0\r\n\r\n"), "none");
}

TEST(HttpResponse, ValuesCannotBeginHeaders) {
  std::string text = response(200, "OK", {{"A", "b\r\nEvil: c"}}, "body", true);
  EXPECT_EQ(text, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nA: b  Evil: c\r\n\r\nbody");
  EXPECT_THAT(response(200, "OK", {}, "", false), HasSubstr("\r\nConnection: close\r\n\r\n"));
}

TEST(LineSplitter, CutsAtLineEndsAndTheLimit) {
  LineSplitter splitter;
  EXPECT_EQ(splitter.feed("a\nb\r\n\nc"), (std::vector<std::string>{"a", "b", ""}));
  EXPECT_EQ(splitter.feed("d\n"), std::vector<std::string>{"cd"});
  EXPECT_EQ(splitter.feed("open"), std::vector<std::string>{});
  EXPECT_EQ(splitter.flush(), "open");
  EXPECT_EQ(splitter.flush(), "");
  auto lines = splitter.feed(std::string(2 * kLogLineBytesMax + 5, 'x') + "\n");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].size(), kLogLineBytesMax);
  EXPECT_EQ(lines[2], "xxxxx");
}

TEST(Report, WritesAwsTexts) {
  Outcome outcome;
  outcome.duration = Micros(12'345);
  outcome.init_duration = Micros(100'020);
  outcome.billed = billed_time(outcome);
  outcome.memory_used_mb = 41;
  EXPECT_EQ(outcome.billed, Millis(113));
  EXPECT_EQ(report_line("id", outcome, 128),
            "REPORT RequestId: id\tDuration: 12.35 ms\tBilled Duration: 113 ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 41 MB\tInit Duration: 100.02 ms\t");
  outcome.end = Outcome::End::kTimeout;
  EXPECT_THAT(report_line("id", outcome, 128), HasSubstr("Status: timeout"));
  EXPECT_EQ(exit_reason(137), "signal: killed");
  EXPECT_EQ(exit_reason(139), "signal: segmentation fault");
  EXPECT_EQ(exit_reason(2), "exit status 2");
}

TEST(Report, ErrorDocumentsAreJson) {
  std::string document = error_document("T\"", "line\nand \x01 \\");
  EXPECT_EQ(document, R"({"errorType":"T\"","errorMessage":"line\nand \u0001 \\"})");
  auto [type, message] = read_error(document);
  EXPECT_EQ(type, "T\"");
  EXPECT_EQ(message, "line\nand \x01 \\");
  EXPECT_EQ(read_error("no json").type, "");
  EXPECT_EQ(read_error("[1]").type, "");
  EXPECT_EQ(read_error(R"({"errorType": 5})").type, "");
}

TEST(Runtimes, LambdasVariablesWin) {
  Spec spec;
  spec.environment = {{"MINE", "1"}, {"PATH", "/mine"}, {"AWS_REGION", "forged"}};
  spec.region = "eu-west-1";
  auto runtime = find_runtime("python3.11");
  ASSERT_TRUE(runtime);
  auto list = runtime_environment(spec, *runtime, {"/t", "/r", "/tmp"});
  std::map<std::string, std::string> variables(list.begin(), list.end());
  EXPECT_EQ(variables.size(), list.size()) << "no name twice";
  EXPECT_EQ(variables["MINE"], "1");
  EXPECT_EQ(variables["PATH"], "/mine");
  EXPECT_EQ(variables["AWS_REGION"], "eu-west-1");
  EXPECT_EQ(variables["AWS_EXECUTION_ENV"], "AWS_Lambda_python3.11");
  EXPECT_FALSE(variables.contains("AWS_ACCESS_KEY_ID"));
  EXPECT_FALSE(find_runtime("java21"));
}

}  // namespace
}  // namespace suiro::sandbox
