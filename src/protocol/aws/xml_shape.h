// SPDX-License-Identifier: Apache-2.0
// Structs from and to XML, as rest-xml and the query protocol's responses write them.
// Threads: any. Failure: MalformedXML for a value that does not parse.
#pragma once

#include <string>

#include "base/result.h"
#include "protocol/aws/xml_tree.h"
#include "shapes/shape.h"
#include "shapes/validate.h"

namespace suiro::aws {

// Reads the body members of a structure.
Result<void> read_xml(const XmlNode& node, const shapes::Shape& shape, void* value,
                      shapes::Violations& violations);

// Appends the body members as elements: what stands between a structure's tags;
// not the member `skip`.
void write_xml_members(std::string& out, const shapes::Shape& shape, const void* value,
                       const shapes::Member* skip = nullptr);
// Appends the value as an element of this name.
void write_xml_element(std::string& out, std::string_view name, const shapes::XmlNamespace& space,
                       const shapes::Member& member, const void* value);

}  // namespace suiro::aws
