// SPDX-License-Identifier: Apache-2.0
// The OCI distribution API: /v2/..., as container clients speak it.
//
// Place: `server` hands it the requests that claims() says are its own, and carries its answers.
// Rules: OCI Distribution Specification 1.1; texts of errors as Amazon ECR's registry says them.
//
// Invariants:
//  1. Nothing is answered without the password of GetAuthorizationToken, or a link's proof, where
//     authentication is on.
//     The caller is who asked for the password, and needs the permissions of Amazon ECR's
//     operations that do the same; a link's proof is a permission of its own.
//  2. Bodies stream in both directions: memory is kPieceBytes a request, and kManifestBytesMax for
//     manifests.
//  3. A layer or manifest is acknowledged (201) after it is durable and its digest was verified.
// Threads: any shard; a request stays on its own.
#pragma once

#include <functional>

#include "services/ecr/logic.h"
#include "services/ecr/tokens.h"
#include "services/ecr/uploads.h"
#include "shapes/call.h"

namespace suiro::ecr {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Borrowed; `path` and `query` as in WireRequest.
struct RequestHead {
  std::string_view method;
  std::string_view path;
  std::string_view query;
  std::string_view host;
  const Headers& headers;
};

struct WireRequest {
  std::string method;
  std::string path;   // percent-encoded
  std::string query;  // without the question mark
  std::string host;
  Headers headers;  // lower-case names
  shapes::Body body;
  bool secure = false;
  std::string source_ip;
};

struct WireResponse {
  int status = 200;
  Headers headers;
  Bytes content;
  shapes::Body body;
};

enum class Authentication { kOn, kOff };

class Distribution {
 public:
  static constexpr size_t kPieceBytes = 1 << 20;
  static constexpr size_t kPageRows = 1000;

  Distribution(event::Kernel& kernel, Logic& logic, Uploads& uploads, Tokens& tokens,
               Authentication authentication);

  // Whether the request is the registry's and not S3's: it goes to a registry's host name, or its
  // path has the form of this API and it is not signed as requests to S3 are.
  static bool claims(const RequestHead& request);
  // "000000000000.dkr.ecr.REGION.amazonaws.com", with or without a port.
  static bool is_registry_host(std::string_view host);
  // Before the first request: whether the caller of a request may call an operation of Amazon ECR
  // on a repository (empty: on all); the text of the denial. Without it whoever has a password may.
  using Permit = std::function<std::optional<std::string>(
      const WireRequest& request, const shapes::Principal& caller, std::string_view operation,
      const std::string& repository)>;
  void set_permit(Permit permit) { permit_ = std::move(permit); }
  Task<WireResponse> handle(WireRequest request);

 private:
  struct Route;
  using Answer = Task<Result<WireResponse>>;
  static std::optional<Route> route_of(std::string_view path, std::string_view query);
  bool is_linked(const WireRequest& request, const Route& route) const;
  std::optional<shapes::Principal> caller_of(const WireRequest& request) const;
  std::optional<std::string> denial(const WireRequest& request, const Route& route,
                                    const shapes::Principal& caller) const;
  Answer serve(WireRequest request, Route route);
  Answer catalog(Route route);
  Answer tags(Route route);
  Answer referrers(Route route);
  Answer get_manifest(Route route, bool is_head);
  Answer put_manifest(WireRequest request, Route route);
  Answer delete_manifest(Route route);
  Answer get_blob(WireRequest request, Route route);
  Answer begin_upload(WireRequest request, Route route);
  Answer patch_upload(WireRequest request, Route route);
  Answer put_upload(WireRequest request, Route route);
  Answer get_upload(Route route);
  Answer delete_upload(Route route);
  Task<Result<uint64_t>> receive(WireRequest& request, const Route& route);
  Answer finish(Route route);
  WireResponse accepted(const Route& route, uint64_t size) const;

  event::Kernel& kernel_;
  Logic& logic_;
  Uploads& uploads_;
  Tokens& tokens_;
  const Authentication authentication_;
  Permit permit_;
};

}  // namespace suiro::ecr
