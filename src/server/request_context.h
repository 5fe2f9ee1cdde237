// SPDX-License-Identifier: Apache-2.0
// What policies are asked about a call: who calls, and the condition keys of the request; and the
// policies that bind the caller. Thread: any.
#pragma once

#include "services/iam/directory.h"
#include "shapes/value.h"

namespace suiro::server {

// Without action and resource. Source of the keys: IAM User Guide, "AWS global condition context
// keys".
policy::Request request_of(const shapes::Call& call, const iam::Directory& directory);

// Adds the keys that the operation's input gives: tags, and those of the services ("s3:prefix").
// Source: Service Authorization Reference, "Condition keys" of each service.
void add_input_keys(policy::Request& request, const shapes::Operation& operation,
                    const shapes::Value& input);

// Adds the tags of the identity that is the resource; nothing is known of other resources' tags.
void set_resource_tags(policy::Request& request, const iam::Directory& directory,
                       const std::string& resource);

// Of a user or a role's session. A caller that is gone has no policies at all.
policy::Grants grants_of(const shapes::Principal& caller, const iam::Directory& directory);

}  // namespace suiro::server
