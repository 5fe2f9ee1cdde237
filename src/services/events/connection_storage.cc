// SPDX-License-Identifier: Apache-2.0
#include "services/events/connection_storage.h"

#include "base/json_record.h"
#include "services/events/records.h"

namespace suiro::events {
namespace {

store::Key connection_key(std::string_view name) {
  return key_family('c').append(name);
}

store::Key destination_key(std::string_view name) {
  return key_family('d').append(name);
}

template <class Record>
Task<Result<std::optional<Found<Record>>>> find(store::Store& store, store::Key key,
                                                std::string name,
                                                Result<Record> (*decode)(ByteView)) {
  CO_TRY(auto entry, co_await store.get(std::move(key)));
  std::optional<Found<Record>> found;
  if (!entry) co_return found;
  CO_TRY(Record record, decode(entry->value));
  found.emplace(std::move(name), std::move(record), entry->version);
  co_return found;
}

}  // namespace

// What a record holds, for both ways (base/json_record.h).
template <class V>
void members(HttpParameter& p, V& v) {
  v("key", p.key), v("value", p.value), v("secret", p.is_secret);
}

template <class V>
void members(HttpParameters& p, V& v) {
  v("headers", p.headers), v("query", p.query), v("body", p.body);
}

template <class V>
void members(Authorization& a, V& v) {
  v("type", a.type), v("name", a.name), v("secret", a.secret);
  v("endpoint", a.endpoint), v("method", a.method), v("token_request", a.token_request);
}

template <class V>
void members(Connection& c, V& v) {
  v("id", c.id), v("description", c.description), v("authorization", c.authorization);
  v("invocation", c.invocation), v("state", c.state), v("state_reason", c.state_reason);
  v("created", c.created), v("modified", c.modified), v("authorized", c.authorized);
}

template <class V>
void members(ApiDestination& d, V& v) {
  v("id", d.id), v("description", d.description), v("connection_arn", d.connection_arn);
  v("endpoint", d.endpoint), v("method", d.method), v("per_second_max", d.per_second_max);
  v("created", d.created), v("modified", d.modified);
}

Bytes encode(const Connection& connection) {
  return encode_json_record(connection);
}

Result<Connection> decode_connection(ByteView bytes) {
  TRY(Connection out, decode_json_record<Connection>(bytes, "connections"));
  bool is_known = out.authorization.type <= AuthorizationType::kApiKey &&
                  out.state <= ConnectionState::kDeauthorized;
  if (!is_known) return fail(codes::kCorrupt, "connection: an unknown type or state");
  return out;
}

Bytes encode(const ApiDestination& destination) {
  return encode_json_record(destination);
}

Result<ApiDestination> decode_api_destination(ByteView bytes) {
  TRY(ApiDestination out, decode_json_record<ApiDestination>(bytes, "API destinations"));
  if (out.per_second_max < 1) return fail(codes::kCorrupt, "API destination: no rate");
  return out;
}

Task<Result<std::optional<Found<Connection>>>> ConnectionStorage::connection(std::string name) {
  store::Key key = connection_key(name);
  return find<Connection>(store_, std::move(key), std::move(name), decode_connection);
}

Task<Result<std::optional<Found<ApiDestination>>>> ConnectionStorage::destination(
    std::string name) {
  store::Key key = destination_key(name);
  return find<ApiDestination>(store_, std::move(key), std::move(name), decode_api_destination);
}

Task<Result<Storage::Page<Connection>>> ConnectionStorage::connections(Storage::Listing listing) {
  return scan_page<Connection>(store_, key_family('c'), std::move(listing), decode_connection);
}

Task<Result<Storage::Page<ApiDestination>>> ConnectionStorage::destinations(
    Storage::Listing listing) {
  return scan_page<ApiDestination>(store_, key_family('d'), std::move(listing),
                                   decode_api_destination);
}

void ConnectionStorage::put(store::Batch& batch, const Found<Connection>& connection) {
  put_record(batch, connection_key(connection.name), connection);
}

void ConnectionStorage::put(store::Batch& batch, const Found<ApiDestination>& destination) {
  put_record(batch, destination_key(destination.name), destination);
}

void ConnectionStorage::erase(store::Batch& batch, const Found<Connection>& connection) {
  erase_record(batch, connection_key(connection.name), connection.version);
}

void ConnectionStorage::erase(store::Batch& batch, const Found<ApiDestination>& destination) {
  erase_record(batch, destination_key(destination.name), destination.version);
}

}  // namespace suiro::events
