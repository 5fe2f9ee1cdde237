// SPDX-License-Identifier: Apache-2.0
// Logic: the rules of every operation of the service, without wire forms and without keys.
//
// Place: api.cc calls it with requests in its own terms; it changes the FunctionStates of their
// owner shards, each change one commit. Invoker, AsyncRunner and MappingRunner do what goes on
// beside. Thread: every public method from any shard; it hops to the owner itself. Failure: AWS's
// errors. Rules: AWS Lambda API Reference, the page of each action.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/policy/policy.h"
#include "services/lambda/async.h"
#include "services/lambda/context.h"
#include "services/lambda/invoker.h"
#include "services/lambda/mappings.h"

namespace suiro::lambda {

// Where the code of a function comes from: a zip in the request, or an object of the lake.
struct CodeSource {
  std::optional<Bytes> zip;
  std::string bucket;
  std::string key;
  std::optional<std::string> object_version;
  bool given() const { return zip.has_value() || !bucket.empty() || !key.empty(); }
};

// Settings to change; absent ones stay.
struct SettingsChange {
  std::optional<std::string> description, handler, runtime, role, tracing_mode, log_group,
      dead_letter_arn;
  std::optional<int32_t> memory_mb, timeout_s, ephemeral_mb;
  std::optional<std::map<std::string, std::string>> environment;
};

enum class Publish : uint8_t { kNo, kYes };
enum class Mode : uint8_t { kApply, kDryRun };

// A version as GetFunction shows it.
struct View {
  Settings settings;
  std::string name;
  std::string arn;
  std::map<std::string, std::string> tags;
  std::optional<uint32_t> reserved_concurrency;
};

template <class T>
struct Page {
  std::vector<T> items;
  std::string next_marker;  // empty: the last page
};
struct PageRequest {
  std::string marker;
  size_t items_max = kListMax;
};

struct AliasView {
  Alias alias;
  std::string arn;
};
struct AliasChange {
  std::optional<std::string> description, version;
  std::optional<std::map<std::string, double>> weights;
  std::optional<std::string> revision_id;
};

struct InvokeConfigView {
  InvokeConfig config;
  std::string arn;
};
struct InvokeConfigChange {
  std::optional<int32_t> age_max_s, retries_max;
  std::optional<std::string> on_success_arn, on_failure_arn;
};

struct Permission {
  std::string statement_id, action, principal;
  std::optional<std::string> source_arn, source_account, event_source_token, revision_id;
};

struct MappingView {
  Mapping mapping;
  std::string function_arn;
  std::string state;
  std::string last_result;
};
struct MappingChange {
  std::optional<FunctionName> function;
  std::optional<int32_t> batch_size, window_s, concurrency_max;
  bool clear_concurrency = false;  // ScalingConfig was given without MaximumConcurrency
  std::optional<bool> enabled, report_failures;
  std::optional<std::vector<std::string>> filters;
  // Of streams. -1: no bound.
  std::optional<std::string> starting_position;
  std::optional<TimePoint> starting_at;
  std::optional<int32_t> parallelization, record_age_max_s, retries_max, tumbling_window_s;
  std::optional<bool> bisect;
  std::optional<std::string> on_failure_arn;

  bool has_stream_settings() const {
    return starting_position || starting_at || parallelization || record_age_max_s || retries_max ||
           tumbling_window_s.value_or(0) != 0 || bisect.value_or(false) ||
           !on_failure_arn.value_or("").empty();
  }
};

enum class InvocationType : uint8_t { kRequestResponse, kEvent, kDryRun };
struct InvokeRequest {
  FunctionName function;
  InvocationType type = InvocationType::kRequestResponse;
  Bytes payload;
  std::string client_context;  // base64, as in the header
  std::string request_id;
  TraceContext trace;
};
struct InvokeReply {
  int status = 200;
  std::string executed_version;
  std::optional<sandbox::Outcome> outcome;  // of a kRequestResponse
};

struct UsageLine {
  std::string day;
  std::string function;
  Usage usage;
};

struct AccountView {
  uint32_t concurrency = 0;
  uint32_t unreserved_concurrency = 0;
  uint64_t functions = 0;
  uint64_t code_bytes = 0;
};

class Logic {
 public:
  Logic(Context& context, Invoker& invoker, AsyncRunner& async, MappingRunner& mappings)
      : context_(context), invoker_(invoker), async_(async), mappings_(mappings) {}

  // --- functions (logic_function.cc) ---
  struct CreateFunction {
    std::string name;
    CodeSource code;
    SettingsChange settings;
    std::map<std::string, std::string> tags;
    Publish publish = Publish::kNo;
  };
  Task<Result<View>> create_function(CreateFunction request);
  struct UpdateCode {
    FunctionName name;
    CodeSource code;
    std::optional<std::string> revision_id;
    Publish publish = Publish::kNo;
    Mode mode = Mode::kApply;
  };
  Task<Result<View>> update_code(UpdateCode request);
  Task<Result<View>> update_settings(FunctionName name, SettingsChange change,
                                     std::optional<std::string> revision_id);
  Task<Result<View>> get_function(FunctionName name);
  Task<Result<void>> delete_function(FunctionName name);
  enum class Versions : uint8_t { kLatest, kAll };
  Task<Result<Page<View>>> list_functions(PageRequest page, Versions versions);
  // The zip of a version.
  Task<Result<Bytes>> code_of(FunctionName name);

  // --- versions and aliases (logic_version.cc) ---
  struct PublishVersion {
    FunctionName name;
    std::optional<std::string> code_sha256;  // base64
    std::optional<std::string> description;
    std::optional<std::string> revision_id;
  };
  Task<Result<View>> publish_version(PublishVersion request);
  Task<Result<Page<View>>> list_versions(FunctionName name, PageRequest page);
  Task<Result<AliasView>> create_alias(FunctionName name, Alias alias);
  Task<Result<AliasView>> get_alias(FunctionName name, std::string alias);
  Task<Result<AliasView>> update_alias(FunctionName name, std::string alias, AliasChange change);
  Task<Result<void>> delete_alias(FunctionName name, std::string alias);
  Task<Result<Page<AliasView>>> list_aliases(FunctionName name, std::string version,
                                             PageRequest page);

  // --- concurrency, asynchronous settings, tags, account (logic_settings.cc) ---
  Task<Result<void>> put_concurrency(FunctionName name, std::optional<int32_t> reserved);
  enum class Merge : uint8_t { kReplace, kUpdate };
  Task<Result<InvokeConfigView>> put_invoke_config(FunctionName name, InvokeConfigChange change,
                                                   Merge merge);
  Task<Result<InvokeConfigView>> get_invoke_config(FunctionName name);
  Task<Result<void>> delete_invoke_config(FunctionName name);
  Task<Result<Page<InvokeConfigView>>> list_invoke_configs(FunctionName name, PageRequest page);
  struct TagChange {
    std::map<std::string, std::string> set;
    std::vector<std::string> remove;
  };
  Task<Result<void>> change_tags(FunctionName name, TagChange change);
  Task<Result<AccountView>> account();
  Task<Result<std::vector<UsageLine>>> usage();

  // --- resource policies (logic_permission.cc) ---
  // The statement's JSON.
  Task<Result<std::string>> add_permission(FunctionName name, Permission permission);
  Task<Result<void>> remove_permission(FunctionName name, std::string statement_id,
                                       std::optional<std::string> revision_id);
  Task<Result<Policy>> get_policy(FunctionName name);
  Task<Result<void>> accepts(std::string target_arn, event::Sender sender);

  // --- event source mappings (logic_mapping.cc) ---
  Task<Result<MappingView>> create_mapping(std::string source_arn, MappingChange settings);
  Task<Result<MappingView>> get_mapping(std::string uuid);
  Task<Result<MappingView>> update_mapping(std::string uuid, MappingChange change);
  Task<Result<MappingView>> delete_mapping(std::string uuid);
  struct MappingFilter {
    std::string source_arn;
    std::string function;
  };
  Task<Result<Page<MappingView>>> list_mappings(MappingFilter filter, PageRequest page);

  // Whether the policy of exactly the named resource lets the caller of `request` invoke, whom the
  // account's own policies do not: `denial` tells why. Its action and resource are set here.
  // Errors: AccessDeniedException with `denial`, of a function that is not there too.
  Task<Result<void>> permit_invoke(FunctionName name, policy::Request request, std::string denial);

  // --- invocation (logic_invoke.cc) ---
  Task<Result<InvokeReply>> invoke(InvokeRequest request);
  Task<Result<void>> deliver(event::Event event, store::Batch consume);

 private:
  // On the owner shard:
  Result<FunctionState*> existing(const FunctionName& name);
  Result<View> view(FunctionState& function, const std::string& qualifier);
  Result<void> check_qualifier(FunctionState& function, const std::string& qualifier);
  Task<Result<View>> create_on_owner(CreateFunction request, Settings settings, ReceivedCode code);
  Task<Result<View>> update_code_on_owner(UpdateCode request, ReceivedCode code);
  Task<Result<View>> publish_on_owner(FunctionState* function, PublishVersion request);
  Task<Result<void>> delete_version(FunctionState* function, std::string version);
  Task<Result<void>> delete_whole(FunctionState* function);
  // Commits the function's record with `batch`, then makes it what the shard sees.
  Task<Result<void>> save(FunctionState* function, Function record, store::Batch batch);
  void forget_unused_code(FunctionState& function, const Settings& latest, store::Batch& batch,
                          std::vector<std::string>* gone);
  Task<Result<ReceivedCode>> receive(CodeSource source);
  Result<void> check_weights(FunctionState& function, const Alias& alias);
  Task<Result<AliasView>> save_alias(FunctionState* function, Alias alias);
  Task<Result<void>> check_destination(std::string arn, std::string_view what);
  Task<Result<void>> save_policy(FunctionState* function, std::string qualifier, Policy policy);
  struct StoredMapping {
    Mapping mapping;
    store::Version version;
  };
  Task<Result<StoredMapping>> find_mapping(std::string uuid);
  Task<Result<void>> check_source(Mapping mapping);
  Task<Result<void>> check_queue(Mapping mapping);
  Task<Result<Mapping>> new_mapping(std::string source_arn, const MappingChange& settings);
  Task<Result<MappingView>> save_new(Mapping mapping);
  // What both kinds of sources have; then what one of them has.
  static Result<Mapping> changed(Mapping mapping, const MappingChange& change);
  static Result<Mapping> changed_queue(Mapping mapping, const MappingChange& change, bool fifo);
  static Result<Mapping> changed_stream(Mapping mapping, const MappingChange& change);
  static Result<void> set_start(Mapping& mapping, const MappingChange& change, TimePoint now);
  MappingView mapping_view(const Mapping& mapping);
  void retire(FunctionState& function);
  std::string new_revision() { return context_.kernel.random.uuid(); }

  Context& context_;
  Invoker& invoker_;
  AsyncRunner& async_;
  MappingRunner& mappings_;
};

}  // namespace suiro::lambda
