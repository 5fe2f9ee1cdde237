// SPDX-License-Identifier: Apache-2.0
// Registry: the handlers of all operations. A service adds its handlers once; they are then called
// from the wire with a parsed input, and by name with JSON (workflows, schedules, the console).
//
// Invariants:
//  1. An operation has at most one handler.
//  2. Filled at wiring time, before the first call; constant afterwards.
// Threads: add() on one thread before the start; find() and call() from any shard.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "shapes/call.h"
#include "shapes/json.h"
#include "shapes/shape.h"
#include "shapes/value.h"

namespace suiro::shapes {

class Registry {
 public:
  class Handler {
   public:
    explicit Handler(const Operation& operation) : operation_(operation) {}
    virtual ~Handler() = default;
    const Operation& operation() const { return operation_; }
    // input is of operation().input, the result of operation().output. `call` outlives the task.
    virtual Task<Result<Value>> invoke(Call& call, Value input) const = 0;

   private:
    const Operation& operation_;
  };

  // handler: Task<Result<Op::Output>>(Call&, Op::Input), callable as const. What it captures must
  // outlive the registry's last call.
  template <class Op, class Function>
  void add(Function handler) {
    add(std::make_unique<Of<Op, Function>>(std::move(handler)));
  }

  // nullptr: no handler. `service` is the model's id ("sqs").
  const Handler* find(std::string_view service, std::string_view operation) const;

  // nullptr: nobody handles an operation of it.
  const ServiceModel* model(std::string_view service) const;

  // Calls an operation with its input as JSON in `dialect` (times also as epoch seconds, streaming
  // bodies as text) and returns its output likewise.
  // Errors: NotImplemented for an unknown operation, the model's validation errors, the handler's;
  // kTooLarge where an output body exceeds kDynamicBodyBytesMax.
  Task<Result<std::string>> call(std::string service, std::string operation, std::string json,
                                 Call& call, Dialect dialect = Dialect::kPlain) const;

  static constexpr size_t kDynamicBodyBytesMax = 6 * 1024 * 1024;

 private:
  template <class Op, class Function>
  class Of final : public Handler {
   public:
    explicit Of(Function function) : Handler(Op::operation()), function_(std::move(function)) {}
    Task<Result<Value>> invoke(Call& call, Value input) const override {
      auto output = co_await function_(call, std::move(input.as<typename Op::Input>()));
      if (!output) co_return std::unexpected(std::move(output).error());
      co_return Value::of<typename Op::Output>(*std::move(output));
    }

   private:
    Function function_;
  };

  void add(std::unique_ptr<Handler> handler);

  std::map<std::string, std::unique_ptr<Handler>, std::less<>> handlers_;  // "sqs:SendMessage"
};

}  // namespace suiro::shapes
