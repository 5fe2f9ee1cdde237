// SPDX-License-Identifier: Apache-2.0
// suiro-http-bench: requests per second of the protocol layer, as ratios to a bare Beast server in
// the same run. One server thread, one load thread, medians of several rounds.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <future>

#include "base/digest.h"
#include "bench/http/bare_beast.h"
#include "bench/load/dialogue.h"
#include "bench/load/http_dialogue.h"
#include "protocol/aws/front_end.h"
#include "protocol/http/server.h"
#include "shapes/gen/s3.h"
#include "shapes/gen/sqs.h"

namespace suiro::bench {
namespace {

constexpr char kHost[] = "127.0.0.1:4566";
constexpr char kRegion[] = "ap-northeast-1";
constexpr size_t kReplyBytes = 128;

// The same request again and again.
class Repeat final : public Dialogue {
 public:
  explicit Repeat(std::string request) : request_(std::move(request)) {}
  void begin(std::string& out) override { out += request_; }
  Step reply(std::string& in, std::string& out) override {
    auto reply = read_http_reply(in);
    if (!reply) return Step::kIncomplete;
    if (reply->status != 200) {
      error_ = in.substr(0, 500);
      return Step::kFailed;
    }
    in.erase(0, reply->bytes);
    out += request_;
    return Step::kCycle;
  }

 private:
  std::string request_;
};

class Plain final : public http::Handler {
 public:
  Task<http::Response> handle(http::Request) override {
    http::Response response;
    response.content = reply_;
    co_return response;
  }

 private:
  std::string reply_ = std::string(kReplyBytes, 'x');
};

class OneKey final : public aws::CredentialSource {
 public:
  std::expected<aws::Identity, aws::CredentialProblem> find(std::string_view,
                                                            std::string_view) const override {
    return aws::Identity{"secret", {}};
  }
};

// http::Server with one shard around a handler.
class Served {
 public:
  Served(Shards& shards, Clock& clock, http::Handler& handler)
      : shards_(shards), server_(shards, clock, handler, {}) {
    port_ = server_.listen("127.0.0.1", 0, {}).value();
  }
  ~Served() {
    std::promise<void> done;
    auto close = [this]() -> Task<void> { co_await server_.close(); };
    asio::co_spawn(shards_.executor(0), close(), [&](std::exception_ptr) { done.set_value(); });
    done.get_future().wait();
  }
  uint16_t port() const { return port_; }

 private:
  Shards& shards_;
  http::Server server_;
  uint16_t port_ = 0;
};

std::string render(std::string_view method, std::string_view path, const aws::Pairs& headers,
                   std::string_view body) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", method, path);
  for (const auto& [name, value] : headers) out += fmt::format("{}: {}\r\n", name, value);
  return out + fmt::format("content-length: {}\r\n\r\n", body.size()) + std::string(body);
}

std::string signed_request(std::string_view service, std::string_view method, std::string_view path,
                           aws::Pairs headers, std::string_view body, TimePoint now) {
  std::string date = aws::format_amz_date(now), hash = hex_encode(sha256(body));
  headers.emplace_back("host", kHost);
  headers.emplace_back("x-amz-date", date);
  headers.emplace_back("x-amz-content-sha256", hash);
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) names.push_back(name);
  std::ranges::sort(names);
  bool s3 = service == "s3";
  aws::Signer signer{"AKIDEXAMPLE",
                     "secret",
                     {date.substr(0, 8), kRegion, std::string(service)},
                     s3 ? aws::PathStyle::kOnce : aws::PathStyle::kTwice};
  headers.emplace_back("authorization",
                       signer.authorization({method, path, "", headers}, names, hash));
  headers.emplace_back("user-agent", "aws-sdk-js/3.700.0 ua/2.1 os/linux lang/js md/nodejs#20");
  headers.emplace_back("accept-encoding", "identity");
  return render(method, path, headers, body);
}

void add_operations(shapes::Registry& registry) {
  registry.add<shapes::sqs::op::SendMessage>(
      [](shapes::Call&,
         shapes::sqs::SendMessageRequest) -> Task<Result<shapes::sqs::SendMessageResult>> {
        shapes::sqs::SendMessageResult out;
        out.message_id = "3f0f3a6c-6b8f-4f0e-9d6e-0a7f1f1e2d3c";
        out.md5_of_message_body = "d41d8cd98f00b204e9800998ecf8427e";
        co_return out;
      });
  registry.add<shapes::s3::op::PutObject>(
      [](shapes::Call&,
         shapes::s3::PutObjectRequest in) -> Task<Result<shapes::s3::PutObjectOutput>> {
        CO_TRY(Bytes body, co_await shapes::read_all(*in.body, 1 << 20));
        shapes::s3::PutObjectOutput out;
        out.etag = "\"d41d8cd98f00b204e9800998ecf8427e\"";
        co_return out;
      });
}

// Seconds of processor time of all threads but this one: the server's. Other than requests a
// second, it is not bent by what else the machine does.
double server_seconds() {
  auto read = [](clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  return read(CLOCK_PROCESS_CPUTIME_ID) - read(CLOCK_THREAD_CPUTIME_ID);
}

struct Series {
  std::string name;
  uint16_t port;
  std::string request;
  size_t base;  // index of the series that it is compared with
  std::vector<double> rates = {};
  std::vector<double> p99 = {};
  std::vector<double> cost_us = {};
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int run(size_t connections, size_t rounds, long milliseconds) {
  RealClock clock;
  SystemRandom random;
  Shards shards(1);
  shards.start();
  shapes::Registry registry;
  add_operations(registry);
  OneKey keys;
  aws::FrontEnd front(shards, clock, random, registry, keys, {kRegion, "000000000000"});
  Plain plain;
  {
    BareBeast bare(std::string(kReplyBytes, 'x'));
    Served ours(shards, clock, plain), aws_served(shards, clock, front);
    std::string body(4096, 'b');
    aws::Pairs simple = {{"host", kHost}, {"user-agent", "suiro-load"}};
    aws::Pairs target = {{"content-type", "application/x-amz-json-1.0"},
                         {"x-amz-target", "AmazonSQS.SendMessage"}};
    std::string send = signed_request(
        "sqs", "POST", "/", target,
        R"({"QueueUrl":"http://127.0.0.1:4566/000000000000/q","MessageBody":"hello world"})",
        clock.now());
    std::string put = signed_request("s3", "PUT", "/bucket/some/key.bin", {}, body, clock.now());
    std::vector<Series> all = {
        {"GET, bare Beast", bare.port(), render("GET", "/", simple, ""), 0},
        {"GET, suiro http", ours.port(), render("GET", "/", simple, ""), 0},
        {"PUT 4 KiB, bare Beast", bare.port(), render("PUT", "/k", simple, body), 2},
        {"PUT 4 KiB, suiro http", ours.port(), render("PUT", "/k", simple, body), 2},
        {"SQS SendMessage bytes, bare Beast", bare.port(), send, 4},
        {"SQS SendMessage, front end", aws_served.port(), send, 4},
        {"S3 PutObject 4 KiB bytes, bare Beast", bare.port(), put, 6},
        {"S3 PutObject 4 KiB, front end", aws_served.port(), put, 6},
    };
    for (size_t round = 0; round < rounds; ++round)
      for (Series& one : all) {
        LoadOptions options{.port = one.port,
                            .connections = connections,
                            .duration = std::chrono::milliseconds(milliseconds)};
        double before = server_seconds();
        LoadResult result =
            run_load(options, [&](size_t) { return std::make_unique<Repeat>(one.request); });
        if (!result.error.empty()) {
          fmt::print(stderr, "{}: {}\n", one.name, result.error);
          return 1;
        }
        double cost = server_seconds() - before;
        // The warm-up costs as much, and is not counted in the cycles.
        double share = result.seconds / (result.seconds + 0.3);
        one.cost_us.push_back(cost * share * 1e6 / static_cast<double>(result.cycles));
        one.rates.push_back(result.per_second());
        one.p99.push_back(result.percentile_ms(0.99));
      }
    for (const Series& one : all)
      fmt::print("{:<38} {:>8.0f}/s {:>6.1f}%  p99 {:>6.2f} ms  {:>5.1f} us of CPU {:>6.1f}%\n",
                 one.name, median(one.rates), 100 * median(one.rates) / median(all[one.base].rates),
                 median(one.p99), median(one.cost_us),
                 100 * median(one.cost_us) / median(all[one.base].cost_us));
  }
  shards.stop();
  return 0;
}

}  // namespace
}  // namespace suiro::bench

int main(int argc, char** argv) {
  CLI::App app("The protocol layer against a bare Beast server.", "suiro-http-bench");
  size_t connections = 64, rounds = 5;
  long milliseconds = 1000;
  app.add_option("--connections", connections);
  app.add_option("--rounds", rounds);
  app.add_option("--milliseconds", milliseconds);
  CLI11_PARSE(app, argc, argv);
  return suiro::bench::run(connections, rounds, milliseconds);
}
