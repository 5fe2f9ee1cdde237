// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/xml_tree.h"

#include <expat.h>

#include <limits>
#include <memory>

namespace suiro::aws {
namespace {

constexpr std::string_view kMalformedText =
    "The XML you provided was not well-formed or did not validate against our published schema";

struct Builder {
  XML_Parser parser = nullptr;
  XmlNode root;
  std::vector<XmlNode*> open;  // pointers stay valid: only the innermost node gets children
  size_t nodes = 0;
  bool refused = false;

  void refuse() {
    refused = true;
    XML_StopParser(parser, XML_FALSE);
  }
};

void on_start(void* data, const XML_Char* name, const XML_Char** attributes) {
  auto& builder = *static_cast<Builder*>(data);
  if (builder.open.size() >= kXmlDepthMax || ++builder.nodes > kXmlNodesMax) {
    return builder.refuse();
  }
  XmlNode* node = &builder.root;
  if (!builder.open.empty()) node = &builder.open.back()->children.emplace_back();
  const std::string_view full(name);
  node->name = full.substr(full.find(':') + 1);
  for (; *attributes != nullptr; attributes += 2) {
    node->attributes.emplace_back(attributes[0], attributes[1]);
  }
  builder.open.push_back(node);
}

void on_end(void* data, const XML_Char*) {
  static_cast<Builder*>(data)->open.pop_back();
}

void on_text(void* data, const XML_Char* text, int size) {
  auto& builder = *static_cast<Builder*>(data);
  if (!builder.open.empty()) builder.open.back()->text.append(text, static_cast<size_t>(size));
}

void on_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  static_cast<Builder*>(data)->refuse();
}

}  // namespace

const XmlNode* XmlNode::child(std::string_view child_name) const {
  for (const XmlNode& one : children) {
    if (one.name == child_name) return &one;
  }
  return nullptr;
}

Result<XmlNode> parse_xml(std::string_view text) {
  if (text.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return fail("MalformedXML", std::string(kMalformedText));
  }
  Builder builder;
  std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate(nullptr),
                                                                      &XML_ParserFree);
  builder.parser = parser.get();
  XML_SetUserData(parser.get(), &builder);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
  const auto status = XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), 1);
  if (status != XML_STATUS_OK || builder.refused) {
    return fail("MalformedXML", std::string(kMalformedText));
  }
  return std::move(builder.root);
}

}  // namespace suiro::aws
