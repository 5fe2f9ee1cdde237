// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/records.h"

#include <boost/json.hpp>
#include <type_traits>

namespace suiro::analytics {
namespace {

namespace json = boost::json;

constexpr char kFormat = 1;

template <class E>
concept Enum = std::is_enum_v<E>;

// Writes the members of a record into a JSON object.
class Writer {
 public:
  void operator()(std::string_view name, const std::string& value) {
    if (!value.empty()) object_[name] = value;
  }
  void operator()(std::string_view name, uint32_t value) { object_[name] = value; }
  void operator()(std::string_view name, uint64_t value) { object_[name] = value; }
  void operator()(std::string_view name, ApplicationId value) { object_[name] = value.value(); }
  void operator()(std::string_view name, TimePoint value) {
    object_[name] = value.time_since_epoch().count();
  }
  void operator()(std::string_view name, Enum auto value) {
    object_[name] = static_cast<uint32_t>(value);
  }
  void operator()(std::string_view name, const std::map<std::string, std::string>& value) {
    json::object map;
    for (const auto& [key, item] : value) map[key] = item;
    object_[name] = std::move(map);
  }
  template <class T>
  void operator()(std::string_view name, const std::vector<T>& value) {
    json::array list;
    for (const T& item : value) list.push_back(to_object(item));
    object_[name] = std::move(list);
  }
  template <class T>
  void operator()(std::string_view name, const std::optional<T>& value) {
    if (value) object_[name] = to_object(*value);
  }
  template <class T>
    requires requires(T value, Writer& w) { members(value, w); }
  void operator()(std::string_view name, const T& value) {
    object_[name] = to_object(value);
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
  void operator()(std::string_view name, uint32_t& value) { number(name, value); }
  void operator()(std::string_view name, uint64_t& value) { number(name, value); }
  void operator()(std::string_view name, ApplicationId& value) {
    uint64_t plain = 0;
    number(name, plain);
    value = ApplicationId(plain);
  }
  void operator()(std::string_view name, TimePoint& value) {
    int64_t plain = 0;
    number(name, plain);
    value = TimePoint(Millis(plain));
  }
  void operator()(std::string_view name, Enum auto& value) {
    uint32_t plain = 0;
    number(name, plain);
    value = static_cast<std::remove_reference_t<decltype(value)>>(static_cast<uint8_t>(plain));
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
    for (const auto& item : found->as_array()) read(item.as_object(), value.emplace_back());
  }
  template <class T>
  void operator()(std::string_view name, std::optional<T>& value) {
    if (const auto* found = object_.if_contains(name)) read(found->as_object(), value.emplace());
  }
  template <class T>
    requires requires(T value, Reader& r) { members(value, r); }
  void operator()(std::string_view name, T& value) {
    if (const auto* found = object_.if_contains(name)) read(found->as_object(), value);
  }
  template <class T>
  static void read(const json::object& object, T& value) {
    Reader reader(object);
    members(value, reader);
  }

 private:
  template <class N>
  void number(std::string_view name, N& value) {
    if (const auto* found = object_.if_contains(name)) value = found->template to_number<N>();
  }

  const json::object& object_;
};

}  // namespace

template <class V>
void members(Column& c, V& v) {
  v("name", c.name), v("sql_type", c.sql_type), v("mapping", c.mapping);
}
template <class V>
void members(RecordFormat& r, V& v) {
  v("format", r.format), v("row_path", r.row_path), v("row_delimiter", r.row_delimiter);
  v("column_delimiter", r.column_delimiter);
}
template <class V>
void members(Schema& s, V& v) {
  v("record", s.record), v("encoding", s.encoding), v("columns", s.columns);
}
template <class V>
void members(Resource& r, V& v) {
  v("arn", r.arn), v("role", r.role);
}
template <class V>
void members(Input& i, V& v) {
  v("id", i.id), v("prefix", i.prefix), v("stream", i.stream), v("processor", i.processor);
  v("parallelism", i.parallelism), v("schema", i.schema), v("start_at", i.start_at);
}
template <class V>
void members(Output& o, V& v) {
  v("id", o.id), v("stream", o.stream), v("kind", o.kind), v("target", o.target);
  v("format", o.format);
}
template <class V>
void members(Reference& r, V& v) {
  v("id", r.id), v("table", r.table), v("bucket_arn", r.bucket_arn), v("key", r.key);
  v("role", r.role), v("schema", r.schema);
}
template <class V>
void members(LoggingOption& l, V& v) {
  v("id", l.id), v("log_stream_arn", l.log_stream_arn), v("role", l.role);
}
template <class V>
void members(Configuration& c, V& v) {
  v("code", c.code), v("role", c.role), v("inputs", c.inputs), v("outputs", c.outputs);
  v("references", c.references), v("logging", c.logging);
}
template <class V>
void members(Application& a, V& v) {
  v("id", a.id), v("name", a.name), v("description", a.description), v("status", a.status);
  v("version", a.version), v("updated_from", a.updated_from), v("created", a.created);
  v("last_update", a.last_update), v("version_created", a.version_created);
  v("conditional_token", a.conditional_token), v("operations", a.operations);
  v("starts", a.starts);
  v("configuration", a.configuration), v("tags", a.tags);
}
template <class V>
void members(VersionRecord& r, V& v) {
  v("version", r.version), v("updated_from", r.updated_from), v("created", r.created);
  v("configuration", r.configuration);
}
template <class V>
void members(Operation& o, V& v) {
  v("id", o.id), v("kind", o.kind), v("begun", o.begun), v("ended", o.ended);
  v("outcome", o.outcome), v("from_version", o.from_version), v("to_version", o.to_version);
  v("failure", o.failure);
}

namespace {

template <class T>
Bytes encode_record(const T& value) {
  return Bytes(1, kFormat) + json::serialize(Writer::to_object(value));
}

bool in_range(const Application& a) {
  for (const Input& input : a.configuration.inputs) {
    if (input.start_at > StartAt::kLastStoppedPoint || input.parallelism > kParallelismMax) {
      return false;
    }
  }
  return a.status <= Status::kDeleting;
}
bool in_range(const VersionRecord&) {
  return true;
}
bool in_range(const Operation& o) {
  return o.outcome <= Operation::Outcome::kCancelled;
}

}  // namespace

Bytes encode(const Application& value) {
  return encode_record(value);
}
Bytes encode(const VersionRecord& value) {
  return encode_record(value);
}
Bytes encode(const Operation& value) {
  return encode_record(value);
}

template <class T>
Result<T> decode(ByteView bytes) {
  if (bytes.empty() || bytes.front() != kFormat) {
    return fail(codes::kCorrupt, "application: a record of another format");
  }
  try {
    T value;
    json::value document = json::parse(bytes.substr(1));
    Reader::read(document.as_object(), value);
    if (in_range(value)) return value;
  } catch (const std::exception& broken) {
    return fail(codes::kCorrupt, std::string("application: ") + broken.what());
  }
  return fail(codes::kCorrupt, "application: a value out of its range");
}

template Result<Application> decode(ByteView);
template Result<VersionRecord> decode(ByteView);
template Result<Operation> decode(ByteView);

}  // namespace suiro::analytics
