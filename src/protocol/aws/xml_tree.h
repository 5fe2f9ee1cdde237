// SPDX-License-Identifier: Apache-2.0
// A small XML document as a tree. Document type declarations are refused, so no entity expands
// beyond the five of XML itself. Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace suiro::aws {

struct XmlNode {
  std::string name;  // without its namespace prefix
  std::string text;  // all character data directly inside, concatenated
  std::vector<std::pair<std::string, std::string>> attributes;  // names as written: "xsi:type"
  std::vector<XmlNode> children;

  // The first child of this name, or nullptr.
  const XmlNode* child(std::string_view child_name) const;
};

inline constexpr int kXmlDepthMax = 96;
// CompleteMultipartUpload of 10,000 parts with all their checksums has 100,000.
inline constexpr size_t kXmlNodesMax = 200'000;

// Errors: MalformedXML.
Result<XmlNode> parse_xml(std::string_view text);

}  // namespace suiro::aws
