// SPDX-License-Identifier: Apache-2.0
#include "base/xml_text.h"
#include "protocol/aws/xml_shape.h"
#include "shapes/scalar.h"

namespace suiro::aws {
namespace {

using shapes::Kind;
using shapes::Member;
using shapes::Shape;
using shapes::TimeFormat;
using shapes::XmlNamespace;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void members(const Shape& shape, const void* value, const Member* skip = nullptr) {
    for (const Member& member : shape.members) {
      if (&member == skip) continue;
      if (!member.in_response_body() || member.xml_attribute) continue;
      const void* held = member.get(value);
      if (held == nullptr || shapes::is_streamed(member.shape->kind)) continue;
      const bool many = member.shape->kind == Kind::kList || member.shape->kind == Kind::kMap;
      if (member.flattened && many) {
        flat(member, held);
      } else {
        element(member.xml_name, member.xml_namespace, *member.shape, held, format_of(member));
      }
    }
  }

  void element(std::string_view name, const XmlNamespace& space, const Shape& shape,
               const void* value, TimeFormat format) {
    out_ += '<';
    out_ += name;
    name_space(space.uri.empty() ? shape.xml_namespace : space);
    if (shape.kind == Kind::kStructure) attributes(shape, value);
    const size_t before = out_.size();
    out_ += '>';
    content(shape, value, format);
    if (out_.size() == before + 1) {
      out_.resize(before);
      out_ += "/>";
      return;
    }
    close(name);
  }

  static TimeFormat format_of(const Member& member) {
    return member.time_format == TimeFormat::kDefault ? member.shape->time_format
                                                      : member.time_format;
  }

 private:
  void content(const Shape& shape, const void* value, TimeFormat format) {
    switch (shape.kind) {
      case Kind::kStructure:
        return members(shape, value);
      case Kind::kList:
        for (size_t i = 0; i < shape.list->size(value); ++i) {
          element(shape.element_name, shape.element_namespace, *shape.element,
                  shape.list->at(value, i), shape.element->time_format);
        }
        return;
      case Kind::kMap:
        return entries("entry", {}, shape, value);
      default:
        append_xml_text(out_, shapes::scalar_text(shape, value, format));
    }
  }

  // The elements of a flattened list take the place of the member.
  static const XmlNamespace& member_space(const Member& member) {
    const XmlNamespace& own = member.shape->element_namespace;
    return own.uri.empty() ? member.xml_namespace : own;
  }

  void flat(const Member& member, const void* value) {
    const Shape& shape = *member.shape;
    if (shape.kind == Kind::kMap) {
      return entries(member.xml_name, member.xml_namespace, shape, value);
    }
    for (size_t i = 0; i < shape.list->size(value); ++i) {
      element(member.xml_name, member_space(member), *shape.element, shape.list->at(value, i),
              shape.element->time_format);
    }
  }

  void entries(std::string_view name, const XmlNamespace& space, const Shape& shape,
               const void* value) {
    struct Context {
      Writer* writer;
      const Shape* shape;
      std::string_view name;
      const XmlNamespace* space;
    } context{this, &shape, name, &space};
    shape.map->each(value, &context, [](void* at, std::string_view key, const void* held) {
      const auto& self = *static_cast<Context*>(at);
      self.writer->entry(self.name, *self.space, *self.shape, key, held);
    });
  }

  void entry(std::string_view name, const XmlNamespace& space, const Shape& map,
             std::string_view key, const void* value) {
    open(name, space);
    open(map.key_name, map.key_namespace);
    append_xml_text(out_, key);
    close(map.key_name);
    element(map.element_name, map.element_namespace, *map.element, value, map.element->time_format);
    close(name);
  }

  void open(std::string_view name, const XmlNamespace& space) {
    out_ += '<';
    out_ += name;
    name_space(space);
    out_ += '>';
  }

  void name_space(const XmlNamespace& space) {
    if (space.uri.empty()) return;
    out_ += " xmlns";
    if (!space.prefix.empty()) {
      out_ += ':';
      out_ += space.prefix;
    }
    out_ += "=\"";
    append_xml_text(out_, space.uri);
    out_ += '"';
  }

  void attributes(const Shape& shape, const void* value) {
    for (const Member& member : shape.members) {
      const void* held = member.xml_attribute ? member.get(value) : nullptr;
      if (held == nullptr) continue;
      out_ += ' ';
      out_ += member.xml_name;
      out_ += "=\"";
      append_xml_text(out_, shapes::scalar_text(*member.shape, held, format_of(member)));
      out_ += '"';
    }
  }

  void close(std::string_view name) {
    out_ += "</";
    out_ += name;
    out_ += '>';
  }

  std::string& out_;
};

}  // namespace

void write_xml_members(std::string& out, const Shape& shape, const void* value,
                       const Member* skip) {
  Writer(out).members(shape, value, skip);
}

void write_xml_element(std::string& out, std::string_view name, const XmlNamespace& space,
                       const Member& member, const void* value) {
  Writer(out).element(name, space, *member.shape, value, Writer::format_of(member));
}

}  // namespace suiro::aws
