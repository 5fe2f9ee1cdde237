// SPDX-License-Identifier: Apache-2.0
// For tests of a service as its clients see it: operations by name and JSON.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "shapes/registry.h"

namespace suiro::shapes {

// `Kernel`: event::SimKernel, which this folder may not know.
template <class Kernel>
class OperationsTest : public testing::Test {
 protected:
  explicit OperationsTest(std::string service, std::string caller_arn = "")
      : service_id_(std::move(service)), caller_arn_(std::move(caller_arn)) {}

  // Starts a new service and then the kernel.
  template <class Service>
  void serve(Service& service) {
    registry = std::make_unique<Registry>();
    service.add_operations(*registry);
    ASSERT_TRUE(sim.run(service.start()));
    sim.start();
  }
  template <class Service>
  void end(std::unique_ptr<Service>& service) {
    sim.stop();
    sim.run(service->stop());
    service.reset();
  }

  Result<boost::json::object> call(std::string operation, boost::json::object input) {
    Call request;
    request.principal.arn = caller_arn_;
    auto reply = sim.run(
        registry->call(service_id_, std::move(operation), boost::json::serialize(input), request));
    TRY(std::string text, std::move(reply));
    return boost::json::parse(text).as_object();
  }
  boost::json::object good(std::string operation, boost::json::object input) {
    auto reply = call(operation, std::move(input));
    EXPECT_TRUE(reply) << operation << ": " << reply.error().code << " " << reply.error().message;
    return reply ? *reply : boost::json::object();
  }
  // Its code, "" for none.
  std::string error(std::string operation, boost::json::object input) {
    auto reply = call(std::move(operation), std::move(input));
    return reply ? "" : reply.error().code;
  }

  Kernel sim;
  std::unique_ptr<Registry> registry;

 private:
  std::string service_id_;
  std::string caller_arn_;
};

}  // namespace suiro::shapes
