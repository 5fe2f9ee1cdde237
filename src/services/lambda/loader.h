// SPDX-License-Identifier: Apache-2.0
// Loader: rebuilds the FunctionStates of a shard from the store. Thread: the shard's.
#pragma once

#include <set>
#include <string>

#include "services/lambda/context.h"

namespace suiro::lambda {

class Loader {
 public:
  explicit Loader(Context& context) : context_(context) {}
  // Everything that this shard owns. Errors: kCorrupt, those of the store.
  Task<Result<void>> load();
  // Digests of the code that its functions name.
  const std::set<std::string>& code_in_use() const { return code_in_use_; }

 private:
  using Apply = Result<void> (Loader::*)(FunctionState& function, std::string_view rest,
                                         ByteView value);
  Task<Result<void>> each(char kind, Apply apply);
  Task<Result<void>> usage_of_today();
  Result<void> add_function(FunctionState& function, std::string_view rest, ByteView value);
  Result<void> add_version(FunctionState& function, std::string_view rest, ByteView value);
  Result<void> add_alias(FunctionState& function, std::string_view rest, ByteView value);
  Result<void> add_policy(FunctionState& function, std::string_view rest, ByteView value);
  Result<void> add_invoke_config(FunctionState& function, std::string_view rest, ByteView value);
  Result<void> add_code(FunctionState& function, std::string_view rest, ByteView value);

  Context& context_;
  std::set<std::string> code_in_use_;
};

}  // namespace suiro::lambda
