// SPDX-License-Identifier: Apache-2.0
// Whole requests through the front end, as the HTTP parser hands them on: which service and
// operation, the proof, the payload, the input, the answer. The first byte chooses whether
// signatures are checked; where they are, none of these requests may reach an operation.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocol/aws/front_end.h"
#include "protocol/http/parser.h"
#include "shapes/gen/lambda.h"
#include "shapes/gen/logs.h"
#include "shapes/gen/s3.h"
#include "shapes/gen/sqs.h"
#include "shapes/gen/sts.h"

namespace {

using namespace suiro;
using namespace suiro::aws;

constexpr size_t kBodyBytesMax = 1 << 20;

// Knows one key, whose secret no input can know.
class Keys final : public CredentialSource {
 public:
  std::expected<Identity, CredentialProblem> find(std::string_view key,
                                                  std::string_view token) const override {
    if (key != "AKIDEXAMPLE") return std::unexpected(CredentialProblem::kUnknownKey);
    if (!token.empty()) return std::unexpected(CredentialProblem::kInvalidToken);
    return Identity{random_.text(40, "abcdefghijklmnopqrstuvwxyz"),
                    {shapes::Principal::Kind::kRoot, "000000000000", "root", "AKIDEXAMPLE"}};
  }

 private:
  mutable SystemRandom random_;
};

class World {
 public:
  World() {
    add<shapes::s3::op::CreateBucket>();
    add<shapes::s3::op::DeleteObjects>();
    add<shapes::s3::op::GetObject>();
    add<shapes::s3::op::ListBuckets>();
    add<shapes::s3::op::ListObjectsV2>();
    add<shapes::s3::op::PutObject>();
    add<shapes::s3::op::UploadPart>();
    add<shapes::sqs::op::SendMessage>();
    add<shapes::sqs::op::SendMessageBatch>();
    add<shapes::lambda::op::CreateFunction>();
    add<shapes::lambda::op::Invoke>();
    add<shapes::logs::op::PutLogEvents>();
    add<shapes::sts::op::GetCallerIdentity>();
    for (FrontEnd* front : {&checked_, &open_}) {
      front->observe([this](const Exchange&) { ++observed_; });
      front->set_cors([](CorsQuestion question) -> Task<std::optional<CorsAnswer>> {
        if (question.bucket.size() % 2 == 0) co_return std::nullopt;
        co_return CorsAnswer{.any_origin = true, .allow_methods = {question.method}};
      });
    }
  }

  void ask(http::Request request, Auth auth) {
    called_ = observed_ = 0;
    FrontEnd& front = auth == Auth::kOn ? checked_ : open_;
    bool ended = false;
    auto talk = [&]() -> Task<void> {
      http::Response response = co_await front.handle(std::move(request));
      CHECK(response.status >= 100 && response.status <= 599);
      if (response.body) (void)co_await shapes::read_all(*response.body, kBodyBytesMax);
      if (response.on_sent) response.on_sent({});
      ended = true;
    };
    asio::co_spawn(shards_.executor(0), talk, [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
    shards_.poll();
    CHECK(ended && observed_ == 1, "a request is answered and observed once");
    CHECK(auth == Auth::kOff || called_ == 0, "an operation was called without a signature");
  }

  TimePoint now() { return clock_.now(); }

 private:
  template <class Op>
  void add() {
    registry_.add<Op>(
        [this](shapes::Call&, typename Op::Input input) -> Task<Result<typename Op::Output>> {
          ++called_;
          if constexpr (requires { input.body->read(1); }) {
            if (input.body) CO_TRY_VOID(co_await shapes::read_all(*input.body, kBodyBytesMax));
          }
          co_return typename Op::Output{};
        });
  }

  Shards shards_{1};
  VirtualClock clock_{*parse_iso8601("2013-05-24T00:00:00Z")};
  SeededRandom random_{1};
  shapes::Registry registry_;
  Keys keys_;
  FrontEndConfig config_{"us-east-1", "000000000000", "localhost", Auth::kOn};
  FrontEndConfig open_config_{"us-east-1", "000000000000", "localhost", Auth::kOff};
  FrontEnd checked_{shards_, clock_, random_, registry_, keys_, config_};
  FrontEnd open_{shards_, clock_, random_, registry_, keys_, open_config_};
  size_t called_ = 0, observed_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* const world = new World;
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  http::RequestParser parser;
  auto used = parser.put(text);
  if (!used || !parser.head_done()) return 0;
  text.remove_prefix(*used);
  http::Head head = std::move(parser.head());
  http::Request request;
  request.method = std::move(head.method);
  request.path = std::move(head.path);
  request.query = std::move(head.query);
  request.host = std::move(head.host);
  request.headers = std::move(head.headers);
  // A second bit chooses the form of the body.
  if ((data[0] & 2) != 0) {
    request.body = shapes::body_of(Bytes(text));
  } else {
    request.content = text;
  }
  request.peer_address = "127.0.0.1";
  request.started = world->now();
  world->ask(std::move(request), (data[0] & 1) != 0 ? Auth::kOn : Auth::kOff);
  return 0;
}
