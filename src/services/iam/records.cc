// SPDX-License-Identifier: Apache-2.0
#include "services/iam/records.h"

#include <boost/json.hpp>
#include <type_traits>

namespace suiro::iam {
namespace {

namespace json = boost::json;

constexpr char kFormat = 1;

// Writes the members of a record into a JSON object.
class Writer {
 public:
  void operator()(std::string_view name, const std::string& value) {
    if (!value.empty()) object_[name] = value;
  }
  void operator()(std::string_view name, uint32_t value) { object_[name] = value; }
  void operator()(std::string_view name, bool value) { object_[name] = value; }
  void operator()(std::string_view name, TimePoint value) {
    object_[name] = value.time_since_epoch().count();
  }
  void operator()(std::string_view name, const std::map<std::string, std::string>& value) {
    json::object map;
    for (const auto& [key, item] : value) map[key] = item;
    object_[name] = std::move(map);
  }
  template <class T>
  void operator()(std::string_view name, const std::vector<T>& value) {
    json::array list;
    for (const T& item : value) {
      if constexpr (std::is_same_v<T, std::string>) {
        list.emplace_back(item);
      } else {
        list.push_back(to_object(item));
      }
    }
    object_[name] = std::move(list);
  }
  template <class T>
  static json::object to_object(const T& value) {
    Writer writer;
    members(const_cast<T&>(value), writer);  // members() serves both ways; a Writer only reads
    return std::move(writer.object_);
  }

 private:
  json::object object_;
};

// Reads the members of a record from a JSON object. Throws boost::system::system_error through the
// checked accessors of Boost.JSON; decode() turns that into kCorrupt.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  void operator()(std::string_view name, std::string& value) {
    if (const auto* found = object_.if_contains(name)) value = std::string_view(found->as_string());
  }
  void operator()(std::string_view name, uint32_t& value) {
    if (const auto* found = object_.if_contains(name)) value = found->to_number<uint32_t>();
  }
  void operator()(std::string_view name, bool& value) {
    if (const auto* found = object_.if_contains(name)) value = found->as_bool();
  }
  void operator()(std::string_view name, TimePoint& value) {
    if (const auto* found = object_.if_contains(name)) {
      value = TimePoint(Millis(found->to_number<int64_t>()));
    }
  }
  void operator()(std::string_view name, std::map<std::string, std::string>& value) {
    const auto* found = object_.if_contains(name);
    if (found == nullptr) return;
    for (const auto& [key, item] : found->as_object()) {
      value[key] = std::string_view(item.as_string());
    }
  }
  template <class T>
  void operator()(std::string_view name, std::vector<T>& value) {
    const auto* found = object_.if_contains(name);
    if (found == nullptr) return;
    for (const auto& item : found->as_array()) {
      if constexpr (std::is_same_v<T, std::string>) {
        value.emplace_back(std::string_view(item.as_string()));
      } else {
        Reader reader(item.as_object());
        members(value.emplace_back(), reader);
      }
    }
  }

 private:
  const json::object& object_;
};

}  // namespace

template <class V>
void members(Tag& t, V& v) {
  v("key", t.key), v("value", t.value);
}
template <class V>
void members(AccessKey& k, V& v) {
  v("id", k.id), v("secret", k.secret), v("active", k.active), v("created", k.created);
}
template <class V>
void members(PolicyVersion& p, V& v) {
  v("number", p.number), v("document", p.document), v("created", p.created);
}
template <class V>
void holder(Holder& h, V& v) {
  v("name", h.name), v("path", h.path), v("id", h.id), v("created", h.created), v("tags", h.tags);
  v("inline", h.inline_policies), v("attached", h.attached), v("boundary", h.boundary);
}
template <class V>
void members(Role& r, V& v) {
  holder(r, v);
  v("trust", r.trust), v("description", r.description);
  v("max_session_seconds", r.max_session_seconds), v("service", r.service);
}
template <class V>
void members(User& u, V& v) {
  holder(u, v);
  v("keys", u.keys);
}
template <class V>
void members(Group& g, V& v) {
  holder(g, v);
  v("users", g.users);
}
template <class V>
void members(ManagedPolicy& p, V& v) {
  v("name", p.name), v("path", p.path), v("id", p.id), v("description", p.description);
  v("created", p.created), v("updated", p.updated), v("tags", p.tags), v("versions", p.versions);
  v("default_version", p.default_version), v("last_version", p.last_version);
}
template <class V>
void members(InstanceProfile& p, V& v) {
  v("name", p.name), v("path", p.path), v("id", p.id), v("created", p.created), v("tags", p.tags);
  v("role", p.role);
}
template <class V>
void members(LastUse& u, V& v) {
  v("at", u.at), v("service", u.service), v("region", u.region);
}
template <class V>
void members(Revocation& r, V& v) {
  v("until", r.until);
}

template <class V>
void members(DeletedRole& r, V& v) {
  v("at", r.at);
}

template <class T>
Bytes encode(const T& value) {
  return Bytes(1, kFormat) + json::serialize(Writer::to_object(value));
}

template <class T>
Result<T> decode(ByteView bytes) {
  auto corrupt = [](std::string_view why) {
    return fail(codes::kCorrupt, fmt::format("a record of iam: {}", why));
  };
  if (bytes.empty() || bytes.front() != kFormat) return corrupt("unknown format");
  bytes.remove_prefix(1);
  boost::system::error_code error;
  json::value parsed = json::parse(json::string_view(bytes.data(), bytes.size()), error);
  if (error || !parsed.is_object()) return corrupt("not an object");
  try {
    T value;
    Reader reader(parsed.get_object());
    members(value, reader);
    return value;
  } catch (const std::exception& problem) {
    return corrupt(problem.what());
  }
}

template Bytes encode(const Role&);
template Result<Role> decode(ByteView);
template Bytes encode(const User&);
template Result<User> decode(ByteView);
template Bytes encode(const Group&);
template Result<Group> decode(ByteView);
template Bytes encode(const ManagedPolicy&);
template Result<ManagedPolicy> decode(ByteView);
template Bytes encode(const InstanceProfile&);
template Result<InstanceProfile> decode(ByteView);
template Bytes encode(const Revocation&);
template Result<Revocation> decode(ByteView);
template Bytes encode(const DeletedRole&);
template Result<DeletedRole> decode(ByteView);
template Bytes encode(const LastUse&);
template Result<LastUse> decode(ByteView);

}  // namespace suiro::iam
