// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/front_end.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "protocol/aws/chunked.h"
#include "protocol/aws/codec.h"
#include "protocol/aws/front_end_work.h"
#include "protocol/aws/service_finder.h"
#include "shapes/gen/all.h"

namespace suiro::aws {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;
// Whole bodies. A batch of SQS is 1 MiB of text that may be escaped many times over; CreateFunction
// holds a zip file of 50 MB in base64, PutRecords 10 MiB of records, UploadLayerPart 20 MiB in
// base64.
constexpr uint64_t kWholeBytesMax = 8 * kMiB;
constexpr uint64_t kWholeKinesisBytesMax = 16 * kMiB;
constexpr uint64_t kWholeEcrBytesMax = 28 * kMiB;
constexpr uint64_t kWholeLambdaBytesMax = 70'167'211;

uint64_t whole_bytes_max(const shapes::ServiceModel& service) {
  if (service.id == "lambda") return kWholeLambdaBytesMax;
  if (service.id == "ecr") return kWholeEcrBytesMax;
  return service.id == "kinesis" ? kWholeKinesisBytesMax : kWholeBytesMax;
}

Refusal too_large(Family family, uint64_t bytes_max) {
  if (family == Family::kS3)
    return {400, {"MaxMessageLengthExceeded", "Your request was too big."}};
  std::string text = fmt::format("Request must be smaller than {} bytes", bytes_max);
  if (family == Family::kRestJson) return {413, {"RequestEntityTooLargeException", text}};
  return {413, {"RequestEntityTooLarge", text}};
}

// S3 stores the content encoding; aws-chunked is of the transfer.
void strip_aws_chunked(Pairs& headers) {
  for (auto& [name, value] : headers) {
    if (name != "content-encoding") continue;
    std::string kept;
    std::string_view rest = value;
    while (!rest.empty()) {
      size_t comma = std::min(rest.find(','), rest.size());
      std::string_view token = trim(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      if (token.empty() || equal_ignore_case(token, "aws-chunked")) continue;
      if (!kept.empty()) kept += ',';
      kept += token;
    }
    value = std::move(kept);
  }
  std::erase_if(headers, [](const auto& header) {
    return header.first == "content-encoding" && header.second.empty();
  });
}

// The status is the model's, but for a code of S3's that belongs to no operation.
Refusal to_refusal(Error error) {
  int status = error.code == "MissingContentLength" ? 411 : 0;
  return {status, std::move(error)};
}

}  // namespace

std::string_view denial_code(const shapes::Operation& operation, shapes::Protocol protocol) {
  const Family family = family_of(protocol);
  // Queues keep the query protocol's code in JSON too.
  const bool plain =
      family == Family::kS3 || family == Family::kQuery || operation.service->id == "sqs";
  return plain ? "AccessDenied" : "AccessDeniedException";
}

FrontEnd::FrontEnd(Shards& shards, Clock& clock, Random& random, const shapes::Registry& registry,
                   const CredentialSource& credentials, FrontEndConfig config)
    : shards_(shards),
      clock_(clock),
      random_(random),
      registry_(registry),
      authenticator_(credentials),
      config_(std::move(config)),
      keys_(shards.size()) {
  for (const shapes::ServiceModel* service : shapes::all_services()) router_.add(*service);
}

FrontEnd::~FrontEnd() = default;

void FrontEnd::mount(std::string prefix, Mount mount) {
  mounts_.emplace_back(std::move(prefix), std::move(mount));
}
void FrontEnd::mount_where(Claim claim, Mount mount) {
  claims_.emplace_back(std::move(claim), std::move(mount));
}
void FrontEnd::observe(Observer observer) {
  observers_.push_back(std::move(observer));
}
void FrontEnd::set_cors(CorsPolicy policy) {
  cors_ = std::move(policy);
}
void FrontEnd::set_gatekeeper(Gatekeeper& gatekeeper) {
  gatekeeper_ = &gatekeeper;
}

Task<http::Response> FrontEnd::handle(http::Request request) {
  for (const auto& [prefix, mount] : mounts_)
    if (request.path == prefix || request.path.starts_with(prefix + '/'))
      co_return co_await mount(std::move(request));
  for (const auto& [claim, mount] : claims_)
    if (claim(request)) co_return co_await mount(std::move(request));
  Work work(std::move(request));
  begin(work);
  auto served = co_await serve(work);
  Response reply = served ? std::move(*served) : explain(work, served.error());
  if (cors_) co_await add_cors(work, reply.headers);
  co_return finish(work, std::move(reply));
}

void FrontEnd::begin(Work& work) {
  const http::Request& in = work.incoming;
  shapes::Call& call = work.call;
  if (auto header = in.header("x-amzn-trace-id")) call.trace = TraceContext::parse_header(*header);
  call.caused_by = call.trace.span_id;
  if (call.trace.trace_id.empty()) call.trace = TraceContext::begin(in.started, random_);
  call.trace.span_id = new_span_id(in.started, random_);
  call.region = config_.region;
  call.account = config_.account;
  call.host = in.host;
  call.secure = in.tls != nullptr;
  call.source_ip = in.peer_address;
  if (auto agent = in.header("user-agent")) call.user_agent = *agent;
  call.now = in.started;
  call.cancellation = in.cancellation;
}

// Which service, in which protocol, and the proof that the client brought.
FrontEnd::Step<> FrontEnd::identify(Work& work) {
  const http::Request& in = work.incoming;
  auto read = read_authorization(work.signing_input());
  std::string scope_service;
  if (read && *read) {
    work.proof = std::move(**read);
    scope_service = work.proof->scope.service;
  }
  Found found = find_service(in, scope_service);
  work.service = found.service;
  auto query = parse_parameters(in.query);
  if (query) work.request.query = std::move(*query);
  work.request.method = in.method;
  work.request.path = in.path;
  if (work.service != nullptr) {
    work.request.headers = std::move(work.incoming.headers);
    work.protocol = Router::protocol_of(*work.service, work.request);
    work.incoming.headers = std::move(work.request.headers);
  }
  bool s3 = work.service != nullptr && work.service->id == "s3";
  work.call.request_id =
      s3 ? new_request_word(in.started, random_) : new_request_uuid(in.started, random_);
  if (s3) {
    if (auto bucket = bucket_of_host(in.host, config_.domain))
      work.request.path = '/' + percent_encode(*bucket) + in.path;
  }
  if (work.service == nullptr) {
    work.protocol = in.header("x-amz-target") ? shapes::Protocol::kJson : shapes::Protocol::kQuery;
    return std::unexpected(
        Refusal{501,
                {std::string(codes::kNotImplemented),
                 fmt::format("Suiro does not implement the service {}.", found.name)}});
  }
  if (!read && config_.auth == Auth::kOn)
    return std::unexpected(Authenticator::malformed(work.family(), read.error()));
  if (!query) return std::unexpected(to_refusal(std::move(query).error()));
  return {};
}

FrontEnd::Step<> FrontEnd::admit_head(Work& work, std::string_view payload_hash) {
  Demand demand = work.demand(config_.region, clock_.now());
  SigningKeys& keys = keys_[shards_.current()];
  auto key = Authenticator::prove(demand, work.signing_input(), *work.proof, work.identity,
                                  payload_hash, keys);
  if (!key) return std::unexpected(std::move(key).error());
  work.signing_key = std::move(*key);
  work.call.principal = work.identity.principal;
  return {};
}

// The caller is proven, and for all but S3 the body is read.
Task<FrontEnd::Step<>> FrontEnd::admit(Work& work) {
  const bool s3 = work.family() == Family::kS3;
  if (config_.auth == Auth::kOff) {
    work.call.principal = {shapes::Principal::Kind::kRoot, config_.account,
                           "arn:aws:iam::" + config_.account + ":root", ""};
  } else {
    if (!work.proof) co_return std::unexpected(Authenticator::missing(work.family()));
    Demand demand = work.demand(config_.region, clock_.now());
    auto identity = authenticator_.check(demand, work.signing_input(), *work.proof);
    if (!identity) co_return std::unexpected(std::move(identity).error());
    work.identity = std::move(*identity);
  }
  if (s3) {
    auto payload = read_payload(work.incoming.headers);
    if (!payload) co_return std::unexpected(to_refusal(std::move(payload).error()));
    work.payload = std::move(*payload);
    if (config_.auth == Auth::kOff) co_return Step<>();
    bool presigned = work.proof->form == Authorization::Form::kPresigned;
    if (work.payload.kind == PayloadKind::kAbsent && !presigned)
      co_return std::unexpected(Refusal{400,
                                        {"InvalidRequest",
                                         "Missing required header for this request: "
                                         "x-amz-content-sha256"}});
    co_return admit_head(work, work.payload.kind == PayloadKind::kAbsent
                                   ? kUnsignedPayload
                                   : std::string_view(work.payload.text));
  }
  if (auto read = co_await read_whole(work, whole_bytes_max(*work.service)); !read)
    co_return std::unexpected(std::move(read).error());
  if (config_.auth == Auth::kOff) co_return Step<>();
  co_return admit_head(work, hex_encode(sha256(work.request.body)));
}

Task<FrontEnd::Step<>> FrontEnd::read_whole(Work& work, uint64_t bytes_max) {
  http::Request& in = work.incoming;
  shapes::Body body = work.payload.chunked() ? decoded(work) : std::move(in.body);
  uint64_t known = body ? body->length().value_or(0) : in.content.size();
  if (known > bytes_max) co_return std::unexpected(too_large(work.family(), bytes_max));
  if (!body) {
    work.request.body = std::move(in.content);
    co_return Step<>();
  }
  auto bytes = co_await shapes::read_all(*body, bytes_max);
  if (!bytes && bytes.error().code == codes::kTooLarge)
    co_return std::unexpected(too_large(work.family(), bytes_max));
  if (!bytes) co_return std::unexpected(to_refusal(std::move(bytes).error()));
  work.request.body = std::move(*bytes);
  co_return Step<>();
}

shapes::Body FrontEnd::decoded(Work& work) {
  auto facts = std::make_shared<shapes::BodyFacts>();
  facts->trailer_kind = work.payload.trailer;
  work.call.body_facts = facts;
  std::optional<ChunkSigning> signing;
  if (config_.auth == Auth::kOn)
    signing = ChunkSigning{work.signing_key, work.proof->signature, work.proof->amz_date,
                           work.proof->scope};
  return std::make_unique<ChunkedBody>(work.incoming.take_body(), work.payload, std::move(signing),
                                       std::move(facts));
}

// The body of an operation of S3, after its route is known.
Task<FrontEnd::Step<>> FrontEnd::receive_s3(Work& work) {
  http::Request& in = work.incoming;
  Payload& payload = work.payload;
  if (payload.chunked()) strip_aws_chunked(in.headers);
  if (!work.operation->streams_input) {
    if (auto read = co_await read_whole(work, kWholeBytesMax); !read)
      co_return std::unexpected(std::move(read).error());
    auto verified = verify_whole(payload, work.request.body);
    if (!verified) co_return std::unexpected(to_refusal(std::move(verified).error()));
    co_return Step<>();
  }
  if (payload.chunked()) {
    work.request.stream = decoded(work);
    co_return Step<>();
  }
  if (in.body && !in.body->length())
    co_return std::unexpected(
        Refusal{501,
                {std::string(codes::kNotImplemented),
                 "A header you provided implies functionality that is not implemented",
                 Retry::kNever,
                 {{"Header", "Transfer-Encoding"}}}});
  if (!in.body && !in.header("content-length"))
    co_return std::unexpected(
        Refusal{411, {"MissingContentLength", "You must provide the Content-Length HTTP header."}});
  if (payload.kind != PayloadKind::kLiteral) {
    work.request.stream = in.take_body();
  } else if (in.body) {
    work.request.stream = verify_sha256(std::move(in.body), payload.text);
  } else {
    Payload hash{.kind = payload.kind, .text = payload.text};
    auto verified = verify_whole(hash, in.content);
    if (!verified) co_return std::unexpected(to_refusal(std::move(verified).error()));
    work.request.stream = in.take_body();
  }
  co_return Step<>();
}

Task<FrontEnd::Step<Response>> FrontEnd::serve(Work& work) {
  if (auto known = identify(work); !known) co_return std::unexpected(std::move(known).error());
  if (work.incoming.method == "OPTIONS" && work.family() == Family::kS3)
    co_return co_await preflight(work);
  if (auto admitted = co_await admit(work); !admitted)
    co_return std::unexpected(std::move(admitted).error());
  work.request.headers = std::move(work.incoming.headers);
  auto route = router_.route(*work.service, work.request);
  if (!route) co_return std::unexpected(to_refusal(std::move(route).error()));
  work.operation = route->operation;
  work.protocol = route->protocol;
  if (work.family() == Family::kS3) {
    work.incoming.headers = std::move(work.request.headers);
    auto received = co_await receive_s3(work);
    if (!received) co_return std::unexpected(std::move(received).error());
    work.request.headers = std::move(work.incoming.headers);
  } else if (route->operation->streams_input) {
    work.request.stream = shapes::body_of(std::move(work.request.body));
  }
  co_return co_await call(work, *route);
}

Task<FrontEnd::Step<Response>> FrontEnd::call(Work& work, const Route& route) {
  const shapes::Operation& operation = *route.operation;
  const auto* handler = registry_.find(work.service->id, operation.name);
  if (handler == nullptr)
    co_return std::unexpected(
        Refusal{501,
                {std::string(codes::kNotImplemented),
                 fmt::format("Suiro does not implement the operation {} of {}.", operation.name,
                             work.service->id)}});
  if (auto origin = find(work.request.headers, "origin")) work.origin = *origin;
  auto input = read_request(route, work.request);
  if (!input) co_return std::unexpected(to_refusal(std::move(input).error()));
  work.call.request_headers = std::move(work.request.headers);
  if (auto permitted = permit(work, *input); !permitted)
    co_return std::unexpected(std::move(permitted).error());
  work.called = clock_.steady();
  auto output = co_await handler->invoke(work.call, std::move(*input));
  work.returned = clock_.steady();
  if (!output) co_return std::unexpected(to_refusal(std::move(output).error()));
  co_return write_response(route, *output, work.call);
}

FrontEnd::Step<> FrontEnd::permit(Work& work, const shapes::Value& input) {
  if (gatekeeper_ == nullptr) return {};
  auto denial = gatekeeper_->deny(work.call, *work.operation, input);
  if (!denial) return {};
  std::string code(denial_code(*work.operation, work.protocol));
  bool is_403 = code == "AccessDenied" || work.family() != Family::kJson;
  return std::unexpected(Refusal{is_403 ? 403 : 400, {std::move(code), std::move(*denial)}});
}

Response FrontEnd::explain(Work& work, const Refusal& refusal) {
  work.error = refusal.error.code;
  ErrorPlace place{.service = work.service,
                   .operation = work.operation,
                   .protocol = work.protocol,
                   .head = work.incoming.method == "HEAD",
                   .resource = work.request.path};
  Response reply = write_error(place, refusal.error, work.call);
  if (refusal.status != 0) reply.status = refusal.status;
  if (!refusal.query_code.empty()) {
    // Clients that once spoke query show this code (Smithy, "awsQueryCompatible trait").
    for (auto& [name, value] : reply.headers)
      if (name == "x-amzn-query-error") value = refusal.query_code + ";Sender";
  }
  return reply;
}

http::Response FrontEnd::finish(Work& work, Response reply) {
  http::Response out;
  out.status = reply.status;
  out.headers = std::move(reply.headers);
  out.content = std::move(reply.body);
  out.body = std::move(reply.stream);
  if (observers_.empty()) return out;
  auto exchange = std::make_unique<Exchange>(work.to_exchange());
  exchange->status = out.status;
  Micros received = work.incoming.received;
  Micros called = work.called == Micros{0} ? received : work.called;
  exchange->request_processing = called - received;
  out.on_sent = [this, exchange = std::move(exchange), called,
                 returned = work.returned](const http::Sent& sent) {
    Micros end = returned == Micros{0} ? sent.handled : returned;
    exchange->target_processing = end - called;
    exchange->response_processing = sent.finished - end;
    exchange->request_bytes = sent.request_bytes;
    exchange->response_bytes = sent.response_bytes;
    exchange->complete = sent.complete;
    for (const Observer& observer : observers_) observer(*exchange);
  };
  return out;
}

void FrontEnd::on_refusal(const http::Refusal& refusal) {
  Exchange exchange;
  exchange.status = refusal.status;
  exchange.error = refusal.reason;
  exchange.client_address = refusal.peer_address;
  exchange.client_port = refusal.peer_port;
  exchange.listener = refusal.listener;
  exchange.started = clock_.now();
  for (const Observer& observer : observers_) observer(exchange);
}

}  // namespace suiro::aws
