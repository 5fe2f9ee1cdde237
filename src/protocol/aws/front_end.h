// SPDX-License-Identifier: Apache-2.0
// FrontEnd: the life of an AWS request between socket and service.
//
//   mount, claim? -> its handler
//   service -> proof of the caller -> [body] -> operation -> input -> handler -> output | error
//
// Place: the http::Handler of the server; `server` wires it to a Registry, a CredentialSource and
// its observers. Needs no socket: handle() takes a Request and returns a Response.
//
// Invariants:
//  1. With Auth::kOn no operation is called without a proven signature.
//  2. S3's signature is proven before a byte of the body is asked for; the others' after the body
//  was
//     read, whose hash it covers, and whose size is limited.
//  3. Operations with a streaming input get a stream whose regular end is the proof of its bytes;
//  all
//     others get bytes that were proven.
//  4. Every request is observed once, when its response was sent or given up.
// Thread: handle() on any shard; the setters before the first request.
#pragma once

#include <functional>
#include <vector>

#include "base/random.h"
#include "base/shard.h"
#include "protocol/aws/authenticator.h"
#include "protocol/aws/gatekeeper.h"
#include "protocol/aws/payload.h"
#include "protocol/aws/router.h"
#include "protocol/http/message.h"
#include "shapes/registry.h"

namespace suiro::aws {

enum class Auth { kOn, kOff };

struct FrontEndConfig {
  std::string region;
  std::string account;
  std::string domain = "localhost";  // of virtual-host style
  Auth auth = Auth::kOn;             // kOff: everybody is root, signatures are not looked at
};

// What happened with one request, for the access log and the journal.
struct Exchange {
  std::string request_id;
  TraceContext trace;
  std::string caused_by;
  std::string service;                           // "s3"; empty where none was found
  std::string operation;                         // "PutObject"; empty where none was found
  std::string principal;                         // ARN; empty where none was proven
  std::string error;                             // code; empty on success
  std::string method, target, host, user_agent;  // as sent; target with its query
  std::string client_address;
  uint16_t client_port = 0;
  std::string listener;
  std::shared_ptr<const http::Tls> tls;  // null: plain
  int version = 11;                      // of HTTP: 10, 11 or 20
  int status = 0;
  uint64_t request_bytes = 0, response_bytes = 0;
  TimePoint started{};
  Micros request_processing{0};   // from the head to the call of the operation
  Micros target_processing{0};    // in the operation
  Micros response_processing{0};  // from there to the last byte
  bool complete = false;          // the client got all of it
};

// A cross-origin question to S3's buckets (S3 User Guide, "Using cross-origin resource sharing").
struct CorsQuestion {
  std::string bucket;
  std::string origin;
  std::string method;
  std::vector<std::string> headers;  // that the browser wants to send; of a preflight only
};
struct CorsAnswer {
  bool any_origin = false;  // the rule's origin is "*"
  std::vector<std::string> allow_methods;
  std::vector<std::string> expose_headers;
  std::optional<int64_t> max_age_seconds;
};

class FrontEnd final : public http::Handler {
 public:
  using Mount = std::function<Task<http::Response>(http::Request)>;
  using Observer = std::function<void(const Exchange&)>;
  // nullopt: no rule of the bucket allows it.
  using CorsPolicy = std::function<Task<std::optional<CorsAnswer>>(CorsQuestion)>;

  // All are borrowed. `random` is usable from every shard.
  FrontEnd(Shards& shards, Clock& clock, Random& random, const shapes::Registry& registry,
           const CredentialSource& credentials, FrontEndConfig config);
  ~FrontEnd() override;

  // Requests whose path is `prefix` or lies below it go to `mount`, unauthenticated.
  // "/_suiro/health".
  void mount(std::string prefix, Mount mount);
  // The same for requests that `claim` says are the mount's; asked behind the prefixes.
  using Claim = std::function<bool(const http::Request&)>;
  void mount_where(Claim claim, Mount mount);
  void observe(Observer observer);
  void set_cors(CorsPolicy policy);
  // Borrowed. Without one, every proven caller may do all.
  void set_gatekeeper(Gatekeeper& gatekeeper);

  Task<http::Response> handle(http::Request request) override;
  void on_refusal(const http::Refusal& refusal) override;

 private:
  struct Work;
  template <class T = void>
  using Step = std::expected<T, Refusal>;

  void begin(Work& work);
  Step<> identify(Work& work);
  Task<Step<>> admit(Work& work);
  Step<> admit_head(Work& work, std::string_view payload_hash);
  Task<Step<>> read_whole(Work& work, uint64_t bytes_max);
  Task<Step<>> receive_s3(Work& work);
  shapes::Body decoded(Work& work);
  Task<Step<Response>> serve(Work& work);
  Task<Step<Response>> call(Work& work, const Route& route);
  Step<> permit(Work& work, const shapes::Value& input);
  Task<Step<Response>> preflight(Work& work);
  Task<void> add_cors(Work& work, Pairs& headers);
  Response explain(Work& work, const Refusal& refusal);
  http::Response finish(Work& work, Response reply);

  Shards& shards_;
  Clock& clock_;
  Random& random_;
  const shapes::Registry& registry_;
  const Authenticator authenticator_;
  const FrontEndConfig config_;
  Router router_;
  std::vector<std::pair<std::string, Mount>> mounts_;
  std::vector<std::pair<Claim, Mount>> claims_;
  std::vector<Observer> observers_;
  CorsPolicy cors_;
  Gatekeeper* gatekeeper_ = nullptr;
  std::vector<SigningKeys> keys_;  // one a shard
};

}  // namespace suiro::aws
