// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <bitset>

#include "base/bytes.h"
#include "protocol/aws/xml_shape.h"
#include "shapes/scalar.h"

namespace suiro::aws {
namespace {

using shapes::Kind;
using shapes::Location;
using shapes::Member;
using shapes::Shape;

class Reader {
 public:
  explicit Reader(shapes::Violations& violations) : violations_(violations) {}

  Result<void> structure(const XmlNode& node, const Shape& shape, void* value) {
    std::bitset<256> seen;
    const size_t base = violations_.path.size();
    for (const Member& member : shape.members) {
      if (member.location != Location::kBody) continue;
      violations_.push(member.name);
      TRY(const bool present, read_member(node, member, value));
      violations_.path.resize(base);
      if (present) seen.set(static_cast<size_t>(&member - shape.members.data()));
    }
    for (size_t i = 0; i < shape.members.size(); ++i) {
      const Member& member = shape.members[i];
      if (member.location != Location::kBody || seen[i]) continue;
      if (member.required) violations_.missing(member.name);
    }
    return ok();
  }

 private:
  // Whether the node holds the member.
  Result<bool> read_member(const XmlNode& node, const Member& member, void* value) {
    const Shape& shape = *member.shape;
    if (member.xml_attribute) {
      for (const auto& [name, text] : node.attributes) {
        if (name != member.xml_name) continue;
        TRY_VOID(scalar(text, shape, member.emplace(value)));
        return true;
      }
      return false;
    }
    if (member.flattened && (shape.kind == Kind::kList || shape.kind == Kind::kMap)) {
      bool present = false;
      for (const XmlNode& child : node.children) {
        if (child.name != member.xml_name) continue;
        present = true;
        void* held = member.emplace(value);
        TRY_VOID(shape.kind == Kind::kList ? item(child, shape, held) : entry(child, shape, held));
      }
      return present;
    }
    const XmlNode* child = node.child(member.xml_name);
    if (child == nullptr) return false;
    TRY_VOID(any(*child, shape, member.emplace(value)));
    return true;
  }

  Result<void> any(const XmlNode& node, const Shape& shape, void* value) {
    switch (shape.kind) {
      case Kind::kStructure:
        return structure(node, shape, value);
      case Kind::kList:
        for (const XmlNode& child : node.children) {
          if (child.name == shape.element_name) TRY_VOID(item(child, shape, value));
        }
        return ok();
      case Kind::kMap:
        for (const XmlNode& child : node.children) {
          if (child.name == "entry") TRY_VOID(entry(child, shape, value));
        }
        return ok();
      default:
        return scalar(node.text, shape, value);
    }
  }

  Result<void> item(const XmlNode& node, const Shape& shape, void* list) {
    const size_t base = violations_.path.size();
    violations_.push_index(shape.list->size(list) + 1);
    TRY_VOID(any(node, *shape.element, shape.list->append(list)));
    violations_.path.resize(base);
    return ok();
  }

  Result<void> entry(const XmlNode& node, const Shape& shape, void* map) {
    const XmlNode* key = node.child(shape.key_name);
    const XmlNode* held = node.child(shape.element_name);
    if (key == nullptr) {
      return fail("MalformedXML", fmt::format("A map's entry has no element {}.", shape.key_name));
    }
    const size_t base = violations_.path.size();
    violations_.push_key(key->text);
    void* value = shape.map->insert(map, key->text);
    if (held != nullptr) TRY_VOID(any(*held, *shape.element, value));
    violations_.path.resize(base);
    return ok();
  }

  Result<void> scalar(const std::string& text, const Shape& shape, void* value) {
    const bool verbatim = shape.kind == Kind::kString;
    if (shapes::read_scalar(verbatim ? text : trim(text), shape, value)) return ok();
    return fail("MalformedXML",
                "The XML you provided was not well-formed or did not validate against our "
                "published schema");
  }

  shapes::Violations& violations_;
};

}  // namespace

Result<void> read_xml(const XmlNode& node, const Shape& shape, void* value,
                      shapes::Violations& violations) {
  return Reader(violations).structure(node, shape, value);
}

}  // namespace suiro::aws
