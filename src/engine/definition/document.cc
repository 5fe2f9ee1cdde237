// SPDX-License-Identifier: Apache-2.0
#include "engine/definition/document.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "engine/definition/fields.h"

namespace suiro::definition {
namespace {

constexpr size_t kNameBytesMax = 255;

std::string list_of(std::span<const Field> fields) {
  std::string out;
  for (const Field& field : fields) out.append(out.empty() ? "" : ", ").append(field.name);
  return out;
}

Result<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(codes::kInvalidArgument, "expected a whole number");
  }
  return value;
}

// Seconds.
Result<int64_t> parse_duration(std::string_view text) {
  auto wrong = [] {
    return fail(codes::kInvalidArgument, "expected a duration as 90s, 5m, 2h or 7d");
  };
  if (text.empty()) return wrong();
  int64_t unit = 1;
  switch (text.back()) {
    case 's':
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3600;
      break;
    case 'd':
      unit = 86'400;
      break;
    default:
      unit = 0;
  }
  auto number = parse_integer(unit == 0 ? text : text.substr(0, text.size() - 1));
  constexpr int64_t kSecondsMax = 3660LL * 86'400;
  unit = std::max<int64_t>(unit, 1);
  if (!number || *number < 0 || *number > kSecondsMax / unit) return wrong();
  return *number * unit;
}

// Reads the nodes of one file into properties.
class Reader {
 public:
  Reader(const SourceFile& file, Document& out) : file_(file), out_(out) {}

  Result<void> read() {
    if (file_.text.size() > kFileBytesMax) {
      return fail(codes::kTooLarge, fmt::format("{}: larger than 4 MiB", file_.path));
    }
    try {
      YAML::Node root = YAML::Load(file_.text);
      return read_root(root);
    } catch (const YAML::Exception& error) {
      return at(error.mark, error.msg);
    }
  }

 private:
  std::unexpected<Error> at(YAML::Mark mark, std::string_view what) const {
    return fail(codes::kInvalidArgument,
                fmt::format("{}:{}:{}: {}", file_.path, mark.line + 1, mark.column + 1, what));
  }
  std::unexpected<Error> at(const YAML::Node& node, std::string_view what) const {
    return at(node.Mark(), what);
  }

  Result<void> expect_map(const YAML::Node& node, std::string_view what) const {
    if (!node.IsMap()) return at(node, fmt::format("{}: expected names and values", what));
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return at(entry.first, "a name must be a text");
      if (!seen.insert(entry.first.Scalar()).second) {
        return at(entry.first, fmt::format("'{}' is there twice", entry.first.Scalar()));
      }
    }
    return ok();
  }

  Result<void> read_root(const YAML::Node& root) {
    if (root.IsNull()) return ok();
    TRY_VOID(expect_map(root, "the file"));
    if (auto zone = root["timezone"]) {
      TRY(auto text, text_of(zone));
      zone_ = text;
    }
    for (const auto& entry : root) {
      const std::string& name = entry.first.Scalar();
      if (name == "timezone") continue;
      if (name == "name") {
        TRY_VOID(take_name(entry.second));
        continue;
      }
      TRY_VOID(read_section(entry.first, entry.second));
    }
    return ok();
  }

  Result<void> take_name(const YAML::Node& node) {
    TRY(std::string name, text_of(node));
    auto plain = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    };
    if (name.empty() || name.size() > 64 || !std::ranges::all_of(name, plain)) {
      return at(node, "name: expected 1 to 64 of letters, digits, - and _");
    }
    if (!out_.name.empty() && out_.name != name) {
      return at(node, fmt::format("name: another file says '{}'", out_.name));
    }
    out_.name = std::move(name);
    return ok();
  }

  Result<void> read_section(const YAML::Node& key, const YAML::Node& node) {
    std::string known;
    for (size_t i = 0; i < kKinds; ++i) {
      auto kind = static_cast<Kind>(i);
      known.append(i == 0 ? "" : ", ").append(section_name(kind));
      if (key.Scalar() != section_name(kind)) continue;
      if (node.IsNull()) return ok();
      TRY_VOID(expect_map(node, section_name(kind)));
      for (const auto& entry : node) {
        TRY_VOID(read_resource(kind, entry.first, entry.second));
      }
      return ok();
    }
    return at(
        key, fmt::format("'{}' is not known here; known: name, timezone, {}", key.Scalar(), known));
  }

  Result<void> read_resource(Kind kind, const YAML::Node& key, const YAML::Node& node) {
    const std::string& name = key.Scalar();
    if (name.empty() || name.size() > kNameBytesMax) return at(key, "a name has 1 to 255 bytes");
    TRY_VOID(expect_map(node, name));
    const YAML::Node schedules = node["schedules"];
    TRY(auto properties, object_of(node, fields_of(kind), kind == Kind::kTask ? "schedules" : ""));
    json::value description = properties["description"];
    if (kind == Kind::kSchedule) return add_schedule(key, std::move(properties), "");
    TRY_VOID(add(key, {kind, name, std::move(properties)}));
    if (!schedules || schedules.IsNull()) return ok();
    if (!schedules.IsSequence()) return at(schedules, "schedules: expected a list");
    for (const auto& item : schedules) {
      TRY_VOID(expect_map(item, "schedules"));
      TRY(auto schedule, object_of(item, fields_of(Kind::kSchedule), ""));
      if (schedule["description"] == "") schedule["description"] = description;
      for (const char* other : {"task", "function", "queue"}) {
        if (schedule.contains(other)) return at(item, "a task's schedule has no other target");
      }
      schedule["task"] = name;
      TRY_VOID(add_schedule(item, std::move(schedule), name));
    }
    return ok();
  }

  // A schedule without a name is called as its task, and further ones of it with a number.
  Result<void> add_schedule(const YAML::Node& node, json::object properties,
                            const std::string& task) {
    std::string name;
    if (auto* given = properties.if_contains("name")) {
      name = given->as_string();
    } else if (task.empty()) {
      name = node.Scalar();
    } else {
      size_t number = ++schedules_of_[task];
      name = number == 1 ? task : fmt::format("{}-{}", task, number);
    }
    properties.erase("name");
    size_t targets = 0;
    for (const char* target : {"task", "function", "queue"}) targets += properties.count(target);
    if (targets != 1) return at(node, "a schedule has one target: task, function or queue");
    if (!properties.contains("timezone")) properties["timezone"] = zone_;
    return add(node, {Kind::kSchedule, std::move(name), std::move(properties)});
  }

  Result<void> add(const YAML::Node& node, Resource resource) {
    if (out_.resources.size() >= kResourcesMax) return at(node, "more than 5,000 resources");
    for (const Resource& other : out_.resources) {
      if (other.kind == resource.kind && other.name == resource.name) {
        return at(node,
                  fmt::format("{} '{}' is there twice", kind_name(resource.kind), resource.name));
      }
    }
    out_.resources.push_back(std::move(resource));
    return ok();
  }

  // `also`: a key that the caller reads itself.
  Result<json::object> object_of(const YAML::Node& node, std::span<const Field> fields,
                                 std::string_view also) const {
    for (const auto& entry : node) {
      const std::string& name = entry.first.Scalar();
      if (name == also || std::ranges::find(fields, name, &Field::name) != fields.end()) continue;
      return at(entry.first, fmt::format("'{}' is not known here; known: {}{}{}", name,
                                         list_of(fields), also.empty() ? "" : ", ", also));
    }
    json::object out;
    for (const Field& field : fields) {
      YAML::Node value = node[std::string(field.name)];
      if (value && !value.IsNull()) {
        TRY(out[field.name], value_of(value, field));
      } else if (field.need == Field::Need::kRequired) {
        return at(node, fmt::format("'{}' is missing", field.name));
      } else if (!field.fallback.empty()) {
        out[field.name] = json::parse(field.fallback);
      }
    }
    return out;
  }

  Result<std::string> text_of(const YAML::Node& node) const {
    if (!node.IsScalar()) return at(node, "expected a text");
    return node.Scalar();
  }

  template <class Parsed>
  Result<json::value> checked(const YAML::Node& node, const Field& field, Parsed parsed) const {
    if (!parsed) return at(node, fmt::format("{}: {}", field.name, parsed.error().message));
    return json::value(*std::move(parsed));
  }

  Result<json::value> value_of(const YAML::Node& node, const Field& field) const {
    switch (field.type) {
      case Type::kText:
        return chosen(node, field);
      case Type::kPath:
        return path_of(node);
      case Type::kInteger: {
        TRY(auto text, text_of(node));
        return checked(node, field, parse_integer(text));
      }
      case Type::kDuration: {
        TRY(auto text, text_of(node));
        return checked(node, field, parse_duration(text));
      }
      case Type::kBoolean: {
        TRY(auto text, text_of(node));
        if (text == "true" || text == "false") return json::value(text == "true");
        return at(node, fmt::format("{}: expected true or false", field.name));
      }
      case Type::kTexts:
        return texts_of(node, field);
      case Type::kTextMap:
      case Type::kObjectMap:
        return map_of(node, field);
      case Type::kObject: {
        TRY_VOID(expect_map(node, field.name));
        TRY(auto object, object_of(node, field.inner, ""));
        return json::value(std::move(object));
      }
      case Type::kObjects:
        return objects_of(node, field);
    }
    return at(node, "unknown type");
  }

  Result<json::value> chosen(const YAML::Node& node, const Field& field) const {
    TRY(auto text, text_of(node));
    if (field.choices.empty()) return json::value(text);
    std::string_view rest = field.choices;
    while (!rest.empty()) {
      size_t end = std::min(rest.find('|'), rest.size());
      if (rest.substr(0, end) == text) return json::value(text);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return at(node, fmt::format("{}: expected one of {}", field.name, field.choices));
  }

  Result<json::value> path_of(const YAML::Node& node) const {
    TRY(auto text, text_of(node));
    std::filesystem::path path(text);
    if (path.is_relative()) path = std::filesystem::path(file_.path).parent_path() / path;
    return json::value(path.lexically_normal().string());
  }

  Result<json::value> texts_of(const YAML::Node& node, const Field& field) const {
    json::array out;
    if (node.IsScalar()) {
      out.emplace_back(node.Scalar());
      return json::value(std::move(out));
    }
    if (!node.IsSequence()) return at(node, fmt::format("{}: expected a list", field.name));
    for (const auto& item : node) {
      TRY(auto text, text_of(item));
      out.emplace_back(text);
    }
    return json::value(std::move(out));
  }

  Result<json::value> map_of(const YAML::Node& node, const Field& field) const {
    TRY_VOID(expect_map(node, field.name));
    std::map<std::string, json::value> sorted;
    for (const auto& entry : node) {
      json::value& value = sorted[entry.first.Scalar()];
      if (field.type == Type::kTextMap) {
        TRY(auto text, text_of(entry.second));
        value = text;
      } else {
        TRY_VOID(expect_map(entry.second, entry.first.Scalar()));
        TRY(value, object_of(entry.second, field.inner, ""));
      }
    }
    json::object out;
    for (auto& [name, value] : sorted) out.emplace(name, std::move(value));
    return json::value(std::move(out));
  }

  Result<json::value> objects_of(const YAML::Node& node, const Field& field) const {
    if (!node.IsSequence()) return at(node, fmt::format("{}: expected a list", field.name));
    json::array out;
    for (const auto& item : node) {
      TRY_VOID(expect_map(item, field.name));
      TRY(auto object, object_of(item, field.inner, ""));
      out.emplace_back(std::move(object));
    }
    return json::value(std::move(out));
  }

  const SourceFile& file_;
  Document& out_;
  std::string zone_ = "UTC";
  std::map<std::string, size_t> schedules_of_;
};

}  // namespace

Result<Document> parse(const std::vector<SourceFile>& files) {
  Document out;
  for (const SourceFile& file : files) {
    Reader reader(file, out);
    TRY_VOID(reader.read());
  }
  if (out.name.empty()) {
    return fail(codes::kInvalidArgument,
                fmt::format("{}: a file must say 'name:', under which its resources are kept",
                            files.empty() ? "no file" : files.front().path));
  }
  // Stable, by kind.
  std::vector<Resource> sorted;
  for (size_t kind = 0; kind < kKinds; ++kind) {
    for (Resource& resource : out.resources) {
      if (resource.kind == static_cast<Kind>(kind)) sorted.push_back(resource);
    }
  }
  out.resources = std::move(sorted);
  return out;
}

}  // namespace suiro::definition
