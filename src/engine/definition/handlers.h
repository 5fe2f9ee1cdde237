// SPDX-License-Identifier: Apache-2.0
// The handlers of the kinds. The public face is handler.h.
#pragma once

#include "engine/definition/handler.h"

namespace suiro::definition {

class BucketHandler final : public Handler {
 public:
  Result<json::object> wanted(const Resource& resource) const override;
  Result<std::optional<json::object>> read(const Context& context,
                                           const std::string& name) const override;
  Result<void> create(const Context& context, const Resource& resource) const override;
  Result<void> update(const Context& context, const Resource& resource,
                      const json::object& actual) const override;
  Result<void> connect(const Context& context, const Resource& resource) const override;
  Result<void> remove(const Context& context, const std::string& name) const override;
};

class QueueHandler final : public Handler {
 public:
  Result<std::optional<json::object>> read(const Context& context,
                                           const std::string& name) const override;
  Result<void> create(const Context& context, const Resource& resource) const override;
  Result<void> update(const Context& context, const Resource& resource,
                      const json::object& actual) const override;
  Result<void> connect(const Context& context, const Resource& resource) const override;
  Result<void> remove(const Context& context, const std::string& name) const override;
  bool is_fixed(std::string_view field) const override { return field == "fifo"; }
};

class StreamHandler final : public Handler {
 public:
  Result<std::optional<json::object>> read(const Context& context,
                                           const std::string& name) const override;
  Result<void> create(const Context& context, const Resource& resource) const override;
  Result<void> update(const Context& context, const Resource& resource,
                      const json::object& actual) const override;
  Result<void> remove(const Context& context, const std::string& name) const override;
};

class FunctionHandler final : public Handler {
 public:
  Result<json::object> wanted(const Resource& resource) const override;
  Result<std::optional<json::object>> read(const Context& context,
                                           const std::string& name) const override;
  Result<void> create(const Context& context, const Resource& resource) const override;
  Result<void> update(const Context& context, const Resource& resource,
                      const json::object& actual) const override;
  Result<void> connect(const Context& context, const Resource& resource) const override;
  Result<void> remove(const Context& context, const std::string& name) const override;
  bool keeps_description() const override { return true; }
};

class TaskHandler final : public Handler {
 public:
  Result<json::object> wanted(const Resource& resource) const override;
  Result<std::optional<json::object>> read(const Context& context,
                                           const std::string& name) const override;
  Result<void> create(const Context& context, const Resource& resource) const override;
  Result<void> update(const Context& context, const Resource& resource,
                      const json::object& actual) const override;
  Result<void> remove(const Context& context, const std::string& name) const override;
};

class ScheduleHandler final : public Handler {
 public:
  Result<json::object> wanted(const Resource& resource) const override;
  Result<std::optional<json::object>> read(const Context& context,
                                           const std::string& name) const override;
  Result<void> create(const Context& context, const Resource& resource) const override;
  Result<void> update(const Context& context, const Resource& resource,
                      const json::object& actual) const override;
  Result<void> remove(const Context& context, const std::string& name) const override;
  bool keeps_description() const override { return true; }
};

class ApplicationHandler final : public Handler {
 public:
  Result<json::object> wanted(const Resource& resource) const override;
  Result<std::optional<json::object>> read(const Context& context,
                                           const std::string& name) const override;
  Result<void> create(const Context& context, const Resource& resource) const override;
  Result<void> update(const Context& context, const Resource& resource,
                      const json::object& actual) const override;
  Result<void> remove(const Context& context, const std::string& name) const override;
  bool keeps_description() const override { return true; }
  // Parts have operations and ids of their own.
  bool is_fixed(std::string_view field) const override { return field != "code"; }
};

// The bytes of a file, or of a folder as a zip whose bytes depend on its content alone.
// Errors: kInvalidArgument names the path; kTooLarge.
Result<Bytes> packed(const std::string& path);
Result<Bytes> file_bytes(const std::string& path, size_t bytes_max);

}  // namespace suiro::definition
