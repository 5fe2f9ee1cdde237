// SPDX-License-Identifier: Apache-2.0
// Prefixes, compressed forms, records on disk, replies of functions.
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include "services/firehose/endpoint.h"
#include "services/firehose/lane.h"
#include "services/firehose/testing.h"
#include "services/firehose/transform.h"

namespace suiro::firehose {
namespace {

using namespace std::chrono;

TimePoint at(std::string_view text) {
  return parse_iso8601(text).value();
}

std::string evaluate(std::string_view text, std::string_view time,
                     Prefix::Use use = Prefix::Use::kDelivery, std::string_view zone = "") {
  SeededRandom random(1);
  auto prefix = Prefix::parse(text, use);
  if (!prefix) return prefix.error().code + ": " + prefix.error().message;
  auto known = TimeZone::load(zone);
  if (!known) return known.error().message;
  return prefix->evaluate({at(time), "processing-failed"}, *known, random);
}

TEST(LaneTest, WhatWasCutIsCutAtTheSamePlaceAgain) {
  asio::io_context loop;
  Lane lane(loop.get_executor(), 1);
  auto commit = [&] {
    uint64_t number = lane.begin();
    lane.commit({.number = number, .bytes = 100, .arrived = {}, .queued = {}});
  };
  commit();
  commit();
  auto cut = lane.cut(1 << 20);
  ASSERT_TRUE(cut);
  commit();  // while the cut is on its way
  auto again = lane.cut_until(cut->last);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->first, cut->first);
  EXPECT_EQ(again->last, cut->last);
  EXPECT_EQ(again->bytes, cut->bytes);
  lane.drop(*again);
  EXPECT_EQ(lane.bytes(), 100u);
  EXPECT_EQ(lane.cut(1)->first, cut->last + 1);
}

TEST(PrefixTest, IsEvaluatedAsAwsDoes) {
  const char* time = "2018-08-27T10:30:05.120Z";
  EXPECT_EQ(evaluate("", time), "2018/08/27/10/");
  EXPECT_EQ(evaluate("myPrefix", time), "myPrefix2018/08/27/10/");
  EXPECT_EQ(evaluate("p/", time, Prefix::Use::kErrors), "p/processing-failed/2018/08/27/10/");
  EXPECT_EQ(evaluate("year=!{timestamp:yyyy}/m=!{timestamp:MM}/", time), "year=2018/m=08/");
  EXPECT_EQ(
      evaluate("!{firehose:error-output-type}/!{timestamp:yyyy}/x", time, Prefix::Use::kErrors),
      "processing-failed/2018/x");
  EXPECT_EQ(evaluate("!{timestamp:yyyy/MM/dd/HH}", "2018-12-31T23:30:00Z", Prefix::Use::kDelivery,
                     "Asia/Tokyo"),
            "2019/01/01/08");
  std::string random = evaluate("!{firehose:random-string}!{firehose:random-string}", time);
  ASSERT_EQ(random.size(), 22u);
  EXPECT_NE(random.substr(0, 11), random.substr(11));
}

TEST(PrefixTest, PatternsOfJava) {
  const char* time = "2018-08-07T00:05:09.120Z";
  const std::pair<const char*, const char*> cases[] = {{"y", "2018"},
                                                       {"yy", "18"},
                                                       {"u", "2018"},
                                                       {"M-MM-MMM-MMMM", "8-08-Aug-August"},
                                                       {"d/dd", "7/07"},
                                                       {"D", "219"},
                                                       {"H h a", "0 12 AM"},
                                                       {"mm:ss", "05:09"},
                                                       {"SSS", "120"},
                                                       {"S", "1"},
                                                       {"E EEEE", "Tue Tuesday"},
                                                       {"'at 'yyyy''", "at 2018'"},
                                                       {"yyyy-MM-dd'T'HH", "2018-08-07T00"}};
  for (auto [pattern, expected] : cases) {
    EXPECT_EQ(evaluate(fmt::format("!{{timestamp:{}}}", pattern), time), expected) << pattern;
  }
}

TEST(PrefixTest, WhatIsNotKnownIsRefused) {
  for (const char* text : {"!{timestamp:QQ}", "!{timestamp:yyyy", "!{timestamp}", "!{a:b}",
                           "!{firehose:error-output-type}", "!{partitionKeyFromLambda:k}",
                           "!{timestamp:'open}", "!{timestamp:MMMMM}"}) {
    EXPECT_TRUE(evaluate(text, "2018-08-07T00:05:09Z").starts_with("InvalidArgument")) << text;
  }
}

Bytes sample() {
  SeededRandom random(3);
  Bytes out;
  while (out.size() < 700'000) {
    out += fmt::format("{{\"n\":{},\"x\":\"{}\"}}\n", out.size(), Bytes(random.below(50), 'a'));
  }
  return out + random.bytes(70'000);  // a part that does not compress
}

TEST(CompressTest, ZstdAndGzipComeBack) {
  Bytes plain = sample();
  auto zstd = compress(Compression::kZstd, plain);
  ASSERT_TRUE(zstd);
  Bytes out(plain.size(), '\0');
  EXPECT_EQ(ZSTD_decompress(out.data(), out.size(), zstd->data(), zstd->size()), plain.size());
  EXPECT_EQ(out, plain);
  auto gzip = compress(Compression::kGzip, plain);
  ASSERT_TRUE(gzip);
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(gzip->data());
  stream.avail_in = static_cast<uInt>(gzip->size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  inflateEnd(&stream);
  EXPECT_EQ(out, plain);
}

uint32_t le24(const Bytes& bytes, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
  return byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16;
}

TEST(CompressTest, SnappyFramesComeBack) {
  Bytes plain = sample(), out;
  auto framed = compress(Compression::kSnappy, plain);
  ASSERT_TRUE(framed);
  std::set<int> kinds;
  for (size_t i = 10; i < framed->size();) {
    uint32_t size = le24(*framed, i + 1);
    Bytes chunk = framed->substr(i + 8, size - 4), raw;
    kinds.insert((*framed)[i]);
    if ((*framed)[i] == 0) {
      ASSERT_TRUE(snappy::Uncompress(chunk.data(), chunk.size(), &raw));
    } else {
      raw = chunk;
    }
    out += raw;
    i += 4 + size;
  }
  EXPECT_EQ(out, plain);
  EXPECT_EQ(kinds, (std::set<int>{0, 1}));
}

TEST(CompressTest, HadoopBlocksComeBack) {
  Bytes plain = sample(), out;
  auto blocks = compress(Compression::kHadoopSnappy, plain);
  ASSERT_TRUE(blocks);
  for (size_t i = 0; i < blocks->size();) {
    uint32_t plain_size = read_be32(ByteView(*blocks).substr(i));
    uint32_t size = read_be32(ByteView(*blocks).substr(i + 4));
    Bytes raw;
    ASSERT_TRUE(snappy::Uncompress(blocks->data() + i + 8, size, &raw));
    EXPECT_EQ(raw.size(), plain_size);
    out += raw;
    i += 8 + size;
  }
  EXPECT_EQ(out, plain);
}

// The bytes of version 1: a change here is a change of docs/formats/firehose.md.
TEST(FormatTest, BytesOfVersion1) {
  BlockBuilder builder;
  builder.add("ab");
  builder.add("");
  Bytes block = builder.finish(TimePoint(Millis(1)), TimePoint(Millis(2)), {"t", "s"});
  EXPECT_EQ(hex_encode(block),
            "01"
            "0000000000000001"
            "0000000000000002"
            "0000000174"
            "0000000173"
            "00000002"
            "000000026162"
            "00000000");
  auto decoded = decode_block(block);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->records, (std::vector<Bytes>{"ab", ""}));
  EXPECT_EQ(decoded->cause.span_id, "s");
  EXPECT_EQ(hex_encode(keys::block(StreamId(5), LaneKind::kReady, 7)),
            "660162"
            "0000000000000005"
            "02"
            "0000000000000007");
  Attempt attempt{.last_block = 9,
                  .request_id = "r",
                  .first = TimePoint(Millis(3)),
                  .made = 2,
                  .remaining = {4}};
  EXPECT_EQ(hex_encode(encode(attempt)),
            "01"
            "0000000000000009"
            "0000000172"
            "0000000000000003"
            "00000002"
            "00000001"
            "00000004");
  EXPECT_EQ(hex_encode(encode(event::FollowPosition{8, true, event::StreamGeneration(9)})),
            "02"
            "0000000000000008"
            "01"
            "0000000000000009");
  auto old = decode_position(hex_decode("01000000000000000801").value());
  ASSERT_TRUE(old);
  EXPECT_EQ(old->offset, 8u);
  EXPECT_TRUE(old->ended);
  EXPECT_EQ(old->generation, event::StreamGeneration());
  for (size_t size = 0; size < block.size(); ++size) {
    EXPECT_FALSE(decode_block(ByteView(block).substr(0, size))) << size;
  }
}

TEST(TransformationTest, EachRecordHasItsOutcome) {
  auto all = parse_transformation(
      R"({"records":[{"recordId":"b","result":"Dropped"},{"recordId":"a","result":"Ok",
         "data":"eA=="},{"recordId":"c","result":"Ok","data":"!"},{"recordId":"d","result":"Ok"},
         {"recordId":"e","result":"Ok"},{"recordId":"e","result":"Ok"},
         {"recordId":"z","result":"Ok"},7]})",
      {"a", "b", "c", "d", "e", "f"});
  ASSERT_TRUE(all);
  using Outcome = Transformed::Outcome;
  EXPECT_EQ((*all)[0].data, "x");
  EXPECT_EQ((*all)[1].outcome, Outcome::kDropped);
  EXPECT_EQ((*all)[2].code, "Lambda.InvalidData");
  EXPECT_EQ((*all)[3].outcome, Outcome::kOk);  // no data: an empty record
  EXPECT_EQ((*all)[4].code, "Lambda.DuplicatedRecordId");
  EXPECT_EQ((*all)[5].code, "Lambda.MissingRecordId");
  for (const char* reply : {"", "null", "{}", R"({"records":1})"}) {
    EXPECT_EQ(parse_transformation(reply, {"a"}).error().code, "Lambda.JsonProcessingException");
  }
}

TEST(SearchTest, IndexesRotate) {
  SearchTarget target{.index = "i"};
  TimePoint time = at("2016-02-25T13:05:00Z");
  auto name = [&](Rotation rotation) {
    target.rotation = rotation;
    return index_name(target, time);
  };
  EXPECT_EQ(name(Rotation::kNone), "i");
  EXPECT_EQ(name(Rotation::kHour), "i-2016-02-25-13");
  EXPECT_EQ(name(Rotation::kDay), "i-2016-02-25");
  EXPECT_EQ(name(Rotation::kWeek), "i-2016-w08");
  EXPECT_EQ(name(Rotation::kMonth), "i-2016-02");
  time = at("2021-01-03T00:00:00Z");
  EXPECT_EQ(name(Rotation::kWeek), "i-2020-w53");
}

class ConsumersTest : public FirehoseTest {
 protected:
  static http_out::Reply reply(int status, std::string body) {
    return {status, {{"content-type", "application/json"}}, std::move(body)};
  }
  static std::string http_document(std::string_view more) {
    return R"({"EndpointConfiguration":{"Url":"https://e/"},"BufferingHints":{"SizeInMBs":1,
      "IntervalInSeconds":0},"S3Configuration":{"RoleARN":"arn:aws:iam::000000000000:role/r",
      "BucketARN":"arn:aws:s3:::lake","BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":0}})" +
           std::string(more) + "}";
  }
};

TEST_F(ConsumersTest, AnEndpointIsTriedForItsTimeOverARestart) {
  answer = [](const auto&) -> Result<http_out::Reply> { return reply(500, "no"); };
  ASSERT_TRUE(
      create("s", http_document(R"(,"RetryOptions":{"DurationInSeconds":60})"), Kind::kHttp));
  ASSERT_TRUE(put("s", {"a", "b"}));
  sim.advance(seconds(20));
  size_t before = requests.size();
  EXPECT_GT(before, 2u);
  EXPECT_LT(before, 10u);
  crash_and_restart();
  sim.advance(seconds(100));
  auto all = objects();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all.begin()->first.starts_with("lake/http-endpoint-failed/2026/01/01/00/s-1-"));
  const Bytes& lines = all.begin()->second;
  EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
  EXPECT_NE(lines.find(fmt::format("\"attemptsMade\":{},", requests.size())), std::string::npos)
      << lines;
  for (const auto& request : requests) EXPECT_EQ(request.headers[2], requests[0].headers[2]);
  size_t ended = requests.size();
  sim.advance(hours(1));
  EXPECT_EQ(requests.size(), ended);
}

TEST_F(ConsumersTest, AFunctionIsTriedAgainAndItsResultsCountOnce) {
  int failures = 2;
  function.handler = [&](const Bytes& payload) -> Result<event::FunctionCaller::Reply> {
    if (failures-- > 0) return fail("TooManyRequestsException", "slow down", Retry::kLater);
    size_t id = payload.find("\"recordId\":\"") + 12;
    return event::FunctionCaller::Reply{
        fmt::format(R"({{"records":[{{"recordId":"{}","result":"Ok","data":"{}"}}]}})",
                    payload.substr(id, 40), base64_encode("done")),
        {}};
  };
  ASSERT_TRUE(create("s", s3_document(R"(,"BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":0},
      "ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Lambda","Parameters":[
      {"ParameterName":"LambdaArn","ParameterValue":"arn:aws:lambda:r:000000000000:function:f"},
      {"ParameterName":"BufferIntervalInSeconds","ParameterValue":"10"}]}]})")));
  ASSERT_TRUE(put("s", {"a"}));
  sim.advance(seconds(9));
  EXPECT_EQ(function.calls, 0);
  sim.advance(seconds(20));
  EXPECT_EQ(function.calls, 3);
  EXPECT_EQ(all_bytes(), "done");
  restart();
  sim.advance(minutes(10));
  EXPECT_EQ(all_bytes(), "done");
}

}  // namespace
}  // namespace suiro::firehose
