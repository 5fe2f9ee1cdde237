// SPDX-License-Identifier: Apache-2.0
// For tests: the registry over a simulated kernel, with container clients and small images.
#pragma once

#include "engine/image/reference.h"
#include "kernel/event/testing.h"
#include "services/ecr/service.h"
#include "shapes/testing.h"

namespace suiro::ecr {

namespace json = boost::json;

class RegistryTest : public shapes::OperationsTest<event::SimKernel> {
 protected:
  RegistryTest() : OperationsTest("ecr", "arn:aws:iam::000000000000:root") { boot(); }
  ~RegistryTest() override { shut_down(); }

  void boot() {
    sim.kernel().endpoint = "http://127.0.0.1:4566";
    sim.kernel().account = "000000000000";
    sim.kernel().region = "eu-west-1";
    service = std::make_unique<Service>(sim.kernel(), Config{authentication});
    serve(*service);
  }
  void shut_down() { end(service); }
  void restart() {
    shut_down();
    sim.reopen();
    boot();
  }

  void make(std::string name) { good("CreateRepository", {{"repositoryName", name}}); }

  WireRequest request(std::string method, std::string target, Bytes body = "") {
    size_t mark = std::min(target.find('?'), target.size());
    WireRequest out;
    out.method = std::move(method);
    out.path = target.substr(0, mark);
    out.query = target.substr(std::min(mark + 1, target.size()));
    out.host = "127.0.0.1:4566";
    out.body = shapes::body_of(std::move(body));
    return out;
  }
  WireResponse send(WireRequest wire) {
    return sim.run(service->distribution().handle(std::move(wire)));
  }
  WireResponse send(std::string method, std::string target, Bytes body = "") {
    return send(request(std::move(method), std::move(target), std::move(body)));
  }
  Bytes body_of(WireResponse& response) {
    if (!response.body) return response.content;
    auto bytes = sim.run(shapes::read_all(*response.body, 64 << 20));
    EXPECT_TRUE(bytes);
    return bytes ? *bytes : Bytes();
  }
  std::string code_of(const WireResponse& response) {
    if (response.status < 400) return "";
    return std::string(json::parse(response.content).at("errors").at(0).at("code").as_string());
  }

  void push_blob(const std::string& repository, const Bytes& blob) {
    auto reply = send(
        "POST", fmt::format("/v2/{}/blobs/uploads/?digest={}", repository, image::digest_of(blob)),
        blob);
    ASSERT_EQ(reply.status, 201) << reply.content;
  }
  static json::object descriptor(const Bytes& blob) {
    return {{"mediaType", "application/octet-stream"},
            {"digest", image::digest_of(blob)},
            {"size", blob.size()}};
  }
  static Bytes manifest_of(const std::vector<Bytes>& layers, const Bytes& config) {
    json::array list;
    for (const Bytes& layer : layers) list.push_back(descriptor(layer));
    return json::serialize(json::object{{"schemaVersion", 2},
                                        {"mediaType", image::kOciManifest},
                                        {"config", descriptor(config)},
                                        {"layers", std::move(list)}});
  }
  // Pushes an image of these layers; its config is its first tag. Returns its digest.
  std::string push(const std::string& repository, const std::string& tag,
                   const std::vector<Bytes>& layers) {
    Bytes config = "config of " + tag;
    for (const Bytes& layer : layers) push_blob(repository, layer);
    push_blob(repository, config);
    Bytes manifest = manifest_of(layers, config);
    auto reply = send("PUT", fmt::format("/v2/{}/manifests/{}", repository, tag), manifest);
    EXPECT_EQ(reply.status, 201) << reply.content;
    return image::digest_of(manifest);
  }
  int pull(const std::string& repository, const std::string& reference) {
    return send("GET", fmt::format("/v2/{}/manifests/{}", repository, reference)).status;
  }
  int blob(const std::string& repository, const Bytes& content) {
    return send("GET", fmt::format("/v2/{}/blobs/{}", repository, image::digest_of(content)))
        .status;
  }
  std::vector<std::string> tags(const std::string& repository) {
    auto reply = send("GET", fmt::format("/v2/{}/tags/list", repository));
    std::vector<std::string> out;
    for (const auto& tag : json::parse(reply.content).at("tags").as_array()) {
      out.emplace_back(tag.as_string());
    }
    return out;
  }
  // Layers in the store, over all repositories.
  size_t layers() { return sim.run(sim.store().scan({.range = keys::layers()}))->entries.size(); }

  Authentication authentication = Authentication::kOff;
  std::unique_ptr<Service> service;
};

}  // namespace suiro::ecr
