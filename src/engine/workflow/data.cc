// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/data.h"

#include <cstring>

#include "base/check.h"
#include "base/digest.h"

namespace suiro::workflow {

struct Data::Body {
  std::optional<json::Value> value;
  Payload text;
  std::optional<PayloadHash> hash;
  bool kept = false;
};

PayloadHash payload_hash(std::string_view text) {
  const Bytes digest = sha256(text);
  PayloadHash hash;
  std::memcpy(hash.data(), digest.data(), hash.size());
  return hash;
}

Data Data::of(json::Value value) {
  Data data;
  data.body_ = std::make_shared<Body>();
  data.body_->value = std::move(value);
  return data;
}

Data Data::of(json::Value value, Payload text) {
  Data data = of(std::move(value));
  data.body_->text = std::move(text);
  return data;
}

Data Data::of_text(Payload text) {
  Data data;
  data.body_ = std::make_shared<Body>();
  data.body_->text = std::move(text);
  return data;
}

Data Data::of_list(const std::vector<Data>& items) {
  json::Array values;
  values.reserve(items.size());
  std::string text = "[";
  for (const Data& item : items) {
    values.push_back(item.value());
    if (text.size() > 1) text += ',';
    text += *item.text();
  }
  text += ']';
  return of(json::Value(std::move(values)), std::make_shared<const std::string>(std::move(text)));
}

const json::Value& Data::value() const {
  CHECK(body_ != nullptr);
  if (!body_->value) {
    auto value = json::parse(*body_->text);
    CHECK(value.has_value(), "data is JSON");
    body_->value = *std::move(value);
  }
  return *body_->value;
}

const Payload& Data::text() const {
  CHECK(body_ != nullptr);
  if (!body_->text) body_->text = std::make_shared<const std::string>(json::write(*body_->value));
  return body_->text;
}

json::Fit Data::fit(size_t bytes_max) const {
  CHECK(body_ != nullptr);
  if (body_->value) return json::fit(*body_->value, bytes_max);
  return body_->text->size() <= bytes_max ? json::Fit::kFits : json::Fit::kTooLarge;
}

const PayloadHash& Data::hash() const {
  const Payload& whole = text();
  if (!body_->hash) body_->hash = payload_hash(*whole);
  return *body_->hash;
}

bool Data::first_kept() const {
  CHECK(body_ != nullptr);
  return !std::exchange(body_->kept, true);
}

size_t Data::memory_bytes() const {
  if (!body_) return 0;
  // A parsed value takes about three times its text.
  const size_t text = body_->text ? body_->text->size() : 0;
  return sizeof(Body) + text * (body_->value ? 4 : 1);
}

}  // namespace suiro::workflow
