// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "services/lambda/errors.h"
#include "services/lambda/logic.h"

namespace suiro::lambda {
namespace {

Result<void> check_payload(const InvokeRequest& request) {
  size_t most =
      request.type == InvocationType::kEvent ? kAsyncPayloadBytesMax : kSyncPayloadBytesMax;
  if (request.payload.size() > most) {
    return fail(kRequestTooLarge,
                fmt::format("Request must be smaller than {} bytes for the InvokeFunction "
                            "operation",
                            most));
  }
  if (request.payload.empty()) return ok();
  boost::system::error_code bad;
  boost::json::stream_parser parser;
  parser.write(request.payload, bad);
  if (!bad) parser.finish(bad);
  if (bad) {
    return fail(kInvalidContent,
                fmt::format("Could not parse request body into json: {}", bad.message()));
  }
  return ok();
}

Result<std::string> decoded_context(const std::string& header) {
  if (header.empty()) return std::string();
  Result<Bytes> text = base64_decode(header);
  boost::system::error_code bad;
  if (text) boost::json::parse(*text, bad);
  if (!text || bad || header.size() > kClientContextBytesMax) {
    return fail(kInvalidContent, "Client context must be a valid Base64-encoded JSON object.");
  }
  return *std::move(text);
}

}  // namespace

Task<Result<InvokeReply>> Logic::invoke(InvokeRequest request) {
  CO_TRY_VOID(check_payload(request));
  CO_TRY(std::string client_context, decoded_context(request.client_context));
  if (request.payload.empty()) request.payload = "{}";
  Executor owner = context_.owner(request.function.name);
  auto go = [this, request = std::move(request),
             client_context]() mutable -> Task<Result<InvokeReply>> {
    CO_TRY(FunctionState * function, existing(request.function));
    CO_TRY(Resolved target, invoker_.resolve(*function, request.function.qualifier));
    if (request.type == InvocationType::kDryRun) co_return InvokeReply{204, {}, std::nullopt};
    if (request.type == InvocationType::kEvent) {
      CO_TRY_VOID(
          co_await async_.accept(function,
                                 {request.function.qualifier, request.request_id,
                                  std::move(request.payload), client_context, request.trace},
                                 {}));
      co_return InvokeReply{202, {}, std::nullopt};
    }
    std::string version = target.settings->version;
    CO_TRY(sandbox::Outcome outcome,
           co_await invoker_.run({function, target.settings, target.invoked_arn, request.request_id,
                                  std::move(request.payload), client_context, request.trace}));
    co_return InvokeReply{200, version, std::move(outcome)};
  };
  co_return co_await run_on(owner, std::move(go));
}

// An event for a function is an asynchronous invocation of it: consumed and accepted in one commit.
Task<Result<void>> Logic::deliver(event::Event event, store::Batch consume) {
  CO_TRY(FunctionName name, parse_function_name(event.target_arn, std::nullopt, context_.place));
  if (event.payload.size() > kAsyncPayloadBytesMax) {
    co_return fail(kRequestTooLarge, "The event is larger than an asynchronous invocation may be.");
  }
  Executor owner = context_.owner(name.name);
  auto take = [this, name, event = std::move(event),
               consume = std::move(consume)]() mutable -> Task<Result<void>> {
    CO_TRY(FunctionState * function, existing(name));
    CO_TRY_VOID(check_qualifier(*function, name.qualifier));
    co_return co_await async_.accept(
        function,
        {name.qualifier, context_.kernel.random.uuid(), std::move(event.payload), "", event.cause},
        std::move(consume));
  };
  co_return co_await run_on(owner, std::move(take));
}

}  // namespace suiro::lambda
