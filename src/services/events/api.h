// SPDX-License-Identifier: Apache-2.0
// Between the shapes of EventBridge and its logic: names out of ARNs, tokens, defaults. No rules.
#pragma once

#include "services/events/api_destinations.h"
#include "services/events/logic.h"
#include "shapes/gen/events.h"
#include "shapes/registry.h"

namespace suiro::events {

class Api {
 public:
  struct Parts {
    Logic& logic;
    Connections& connections;
    ApiDestinations& destinations;
  };
  Api(event::Kernel& kernel, Parts parts)
      : kernel_(kernel),
        logic_(parts.logic),
        connections_(parts.connections),
        destinations_(parts.destinations) {}
  void add_operations(shapes::Registry& registry);

 private:
  // One function an operation, chosen by its input.
  struct Buses;
  struct Rules;
  struct Events;
  struct Http;  // connections and API destinations
  template <class Handlers, class Op>
  void add(shapes::Registry& registry);
  void add_buses(shapes::Registry& registry);
  void add_rules(shapes::Registry& registry);
  void add_events(shapes::Registry& registry);
  void add_http(shapes::Registry& registry);

  // A bus by name or ARN; without either the default one.
  Result<std::string> bus_of(const std::optional<std::string>& name) const;
  Result<RuleName> rule_of(const std::optional<std::string>& bus, std::string rule) const;

  event::Kernel& kernel_;
  Logic& logic_;
  Connections& connections_;
  ApiDestinations& destinations_;
};

template <class Handlers, class Op>
void Api::add(shapes::Registry& registry) {
  static const std::string kind = fmt::format("events:{}", Op::operation().name);
  registry.add<Op>([this](shapes::Call& call,
                          typename Op::Input in) -> Task<Result<typename Op::Output>> {
    Micros begin = kernel_.clock.steady();
    auto output = co_await Handlers::run(*this, call, std::move(in));
    kernel_.journal.count(kind, "", output ? event::Span::Status::kOk : event::Span::Status::kError,
                          kernel_.clock.steady() - begin);
    co_return output;
  });
}

inline constexpr size_t kPageMax = 100;

Tags tags_of(const std::optional<std::vector<shapes::events::Tag>>& list);
// A page's token names the last thing that was told. Errors: ValidationException.
std::optional<std::string> token_of(bool more, const std::string& last);
Result<std::string> after_of(const std::optional<std::string>& token);
std::optional<std::string> some(std::string text);

}  // namespace suiro::events
