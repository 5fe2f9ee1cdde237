// SPDX-License-Identifier: Apache-2.0
#include "services/iam/records.h"

#include "base/json_record.h"

namespace suiro::iam {

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
  return encode_json_record(value);
}

template <class T>
Result<T> decode(ByteView bytes) {
  return decode_json_record<T>(bytes, "iam");
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
