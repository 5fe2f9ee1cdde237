// SPDX-License-Identifier: Apache-2.0
// Handlers: how each kind of resource is read from a running server, made, changed and removed,
// through the services' public operations.
//
// Invariants:
//  1. read() gives the properties in the form that wanted() has, so that equal means equal.
//  2. create(), then connect(), make what the file says; a resource that exists already is taken
//     over by update().
//  3. An operation that fails leaves what was done before it; applying again goes on from there.
#pragma once

#include <memory>

#include "engine/definition/calls.h"

namespace suiro::definition {

struct Context {
  const Calls& calls;
  std::string region;
  std::string account;
  std::string definition;  // its name: the group of its schedules
  std::string arn(std::string_view service, std::string_view rest) const;
  // A role's ARN, of its name or of itself.
  std::string role_arn(std::string_view role) const;
};

class Handler {
 public:
  virtual ~Handler() = default;
  // What the file asks for, to be compared with read(): paths become what lies there. Errors: a
  // file cannot be read.
  virtual Result<json::object> wanted(const Resource& resource) const {
    return resource.properties;
  }
  // Errors: those of the operations. nullopt: there is none.
  virtual Result<std::optional<json::object>> read(const Context& context,
                                                   const std::string& name) const = 0;
  virtual Result<void> create(const Context& context, const Resource& resource) const = 0;
  virtual Result<void> update(const Context& context, const Resource& resource,
                              const json::object& actual) const = 0;
  // What can only be said when all other resources are there: who notifies whom.
  virtual Result<void> connect(const Context&, const Resource&) const { return ok(); }
  virtual Result<void> remove(const Context& context, const std::string& name) const = 0;
  // Whether a field cannot change while the resource lives.
  virtual bool is_fixed(std::string_view) const { return false; }
  // Whether read() gives the description; where it does not, the record of what was applied does.
  virtual bool keeps_description() const { return false; }
};

const Handler& handler_of(Kind kind);

}  // namespace suiro::definition
