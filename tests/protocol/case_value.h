// SPDX-License-Identifier: Apache-2.0
// Values of shapes from the parameters that the protocol cases give as JSON, and back: blobs are
// plain text, times are seconds since the epoch.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "shapes/shape.h"

namespace suiro::cases {

// Sets the members of `value`, a structure of `shape`. CHECKs that the parameters fit.
void build(const shapes::Shape& shape, const boost::json::value& parameters, void* value);

// Where the value differs from the parameters: "Nested.Foo: ..."; empty: nowhere. A Body is read.
std::string difference(const shapes::Shape& shape, void* value,
                       const boost::json::value& parameters);

}  // namespace suiro::cases
