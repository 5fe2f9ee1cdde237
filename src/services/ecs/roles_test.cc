// SPDX-License-Identifier: Apache-2.0
// Keys of the roles of tasks: how containers come to them, and that they end with the task.
#include "services/ecs/testing.h"

namespace suiro::ecs {
namespace {

// Revocations are told to the test and kept in the store, under a key of its own.
class FakeRoles final : public event::RoleCredentials {
 public:
  explicit FakeRoles(Clock& clock) : clock_(clock) {}
  Result<void> check(const std::string&, const std::string&) const override { return ok(); }
  Result<event::RoleKeys> issue(event::RoleSession session) override {
    if (!refusal.empty()) return fail(event::kRoleNotAssumable, refusal);
    return event::RoleKeys{fmt::format("ASIA{}", ++issued), "secret", "token",
                           clock_.now() + session.lifetime};
  }
  void revoke(std::string access_key_id) override { revoked.insert(std::move(access_key_id)); }

  int issued = 0;
  std::string refusal;
  std::set<std::string> revoked;

 private:
  Clock& clock_;
};

store::Key revocation(std::string_view access_key_id) {
  return store::Key{'o', 'R'} += access_key_id;
}

Config revoking() {
  Config config;
  config.revoke_with = [](store::Batch& batch, const std::string& access_key_id) {
    batch.put(revocation(access_key_id), "1");
  };
  config.task_endpoint = "http://127.0.0.1:4566";
  config.credentials_path = [](const std::string& task_id) {
    return CredentialsPath{"/keys/" + task_id, "token of " + task_id};
  };
  return config;
}

class EcsRolesTest : public EcsTest {
 protected:
  EcsRolesTest() : EcsTest(revoking()), roles_(sim_.clock()) { wire(); }
  void wire() { sim_.kernel().roles = &roles_; }
  void restart_with_roles() {
    sim_.crash();
    close();
    sim_.reopen();
    wire();
    open();
    sim_.advance(kSecond);
  }
  std::string run_with_role(std::string network = "none") {
    auto in = definition("job");
    in.task_role_arn = "arn:aws:iam::000000000000:role/r";
    in.network_mode = std::move(network);
    CHECK(register_definition(std::move(in)));
    return run_one("job");
  }
  bool is_revoked_in_store(const std::string& key) {
    auto found = sim_.run(sim_.store().get(revocation(key)));
    CHECK(found);
    return found->has_value();
  }
  std::string variable(const std::string& id, const std::string& name) {
    for (const auto& row : runner_.jobs.at(id).spec.containers.front().environment) {
      if (row.name == name) return row.value;
    }
    return "none";
  }
  Result<Tasks::Credentials> credentials(const std::string& id) {
    return sim_.run(logic().tasks().credentials(id));
  }

  FakeRoles roles_;
};

TEST_F(EcsRolesTest, KeysAreRevokedInTheCommitOfTheEnd) {
  std::string id = run_with_role();
  begin(id);
  EXPECT_FALSE(is_revoked_in_store("ASIA1"));
  end(id);
  EXPECT_EQ(describe(id).last_status, "STOPPED");
  EXPECT_TRUE(is_revoked_in_store("ASIA1"));
  EXPECT_TRUE(roles_.revoked.contains("ASIA1"));
}

TEST_F(EcsRolesTest, ACrashAtTheEndOfATaskLeavesNoKeyBehind) {
  std::string lost = run_with_role(), told = run_one("job");
  begin(lost);
  begin(told);
  // The machine goes before the first end is durable, and right behind the second.
  end(told);
  sim_.crash();
  end(lost);
  EXPECT_FALSE(roles_.revoked.contains("ASIA1"));
  restart_with_roles();
  EXPECT_EQ(describe(told).last_status, "STOPPED");
  EXPECT_TRUE(is_revoked_in_store("ASIA2"));
  tell(lost);
  EXPECT_EQ(describe(lost).last_status, "STOPPED");
  EXPECT_TRUE(is_revoked_in_store("ASIA1"));
}

TEST_F(EcsRolesTest, ContainersAskForKeysAndAskAgain) {
  std::string id = run_with_role();
  EXPECT_EQ(variable(id, "AWS_CONTAINER_CREDENTIALS_FULL_URI"), "http://127.0.0.1:4566/keys/" + id);
  EXPECT_EQ(variable(id, "AWS_CONTAINER_AUTHORIZATION_TOKEN"), "token of " + id);
  EXPECT_EQ(variable(id, "AWS_ACCESS_KEY_ID"), "none");
  auto first = credentials(id);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->role_arn, "arn:aws:iam::000000000000:role/r");
  EXPECT_EQ(credentials(id)->keys.access_key_id, first->keys.access_key_id);
  sim_.advance(kRoleRenewal + kSecond);
  auto second = credentials(id);
  ASSERT_TRUE(second);
  EXPECT_NE(second->keys.access_key_id, first->keys.access_key_id);
  EXPECT_GT(second->keys.expires_at, first->keys.expires_at);
  // The ones before are good to their own end.
  EXPECT_TRUE(roles_.revoked.empty());
  restart_with_roles();
  EXPECT_EQ(credentials(id)->keys.access_key_id, "ASIA3");
  begin(id);
  end(id);
  for (const char* key : {"ASIA1", "ASIA2", "ASIA3"}) EXPECT_TRUE(is_revoked_in_store(key)) << key;
  EXPECT_EQ(code(credentials(id)), codes::kNotFound);
  EXPECT_EQ(roles_.issued, 3);
}

TEST_F(EcsRolesTest, ARoleThatCannotBeAssumedAnyMoreGivesNoKeys) {
  std::string id = run_with_role();
  begin(id);
  sim_.advance(kRoleRenewal + kSecond);
  roles_.refusal = "not trusted";
  EXPECT_EQ(code(credentials(id)), event::kRoleNotAssumable);
  ASSERT_TRUE(register_definition(definition("plain")));
  EXPECT_EQ(code(credentials(run_one("plain"))), codes::kNotFound);
}

TEST_F(EcsRolesTest, OnTheMachinesNetworkKeysStandInTheEnvironment) {
  std::string id = run_with_role("host");
  EXPECT_EQ(variable(id, "AWS_CONTAINER_CREDENTIALS_FULL_URI"), "none");
  EXPECT_EQ(variable(id, "AWS_ACCESS_KEY_ID"), "ASIA1");
}

}  // namespace
}  // namespace suiro::ecs
