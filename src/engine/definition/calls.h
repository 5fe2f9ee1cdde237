// SPDX-License-Identifier: Apache-2.0
// Calls: how plan and apply reach the services: any operation by name, with JSON in and out.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>

#include "engine/definition/document.h"

namespace suiro::definition {

class Calls {
 public:
  // (service, operation, input as JSON) -> output as JSON. Errors: the operation's, with AWS's
  // code.
  using Function = std::function<Result<std::string>(
      std::string_view service, std::string_view operation, std::string input)>;
  explicit Calls(Function function) : function_(std::move(function)) {}

  Result<json::object> call(std::string_view service, std::string_view operation,
                            const json::object& input) const;
  // nullopt where the operation answers one of `absent`.
  Result<std::optional<json::object>> find(std::string_view service, std::string_view operation,
                                           const json::object& input,
                                           std::initializer_list<std::string_view> absent) const;

 private:
  Function function_;
};

// Reading what services answer: the member, or the fallback where it is absent or of another type.
std::string text_at(const json::object& object, std::string_view name,
                    std::string_view fallback = {});
int64_t integer_at(const json::object& object, std::string_view name, int64_t fallback = 0);
bool boolean_at(const json::object& object, std::string_view name);
const json::object& object_at(const json::object& object, std::string_view name);
const json::array& array_at(const json::object& object, std::string_view name);
// What stands behind the last ':' or '/' of an ARN.
std::string last_part(const std::string& arn);
// By their text: lists whose order tells nothing.
json::array sorted(json::array items);
// {"A": "b"} from [{"Name": "A", "Value": "b"}].
json::object object_of_pairs(const json::array& pairs, std::string_view name,
                             std::string_view value);
json::array pairs_of_object(const json::object& object, std::string_view name,
                            std::string_view value);

}  // namespace suiro::definition
