// SPDX-License-Identifier: Apache-2.0
// How a run begins: afresh, from its checkpoint, or from its checkpoint and the log behind it.
#include "kernel/event/backoff.h"
#include "services/analytics/errors.h"
#include "services/analytics/runner.h"

namespace suiro::analytics {
namespace {

constexpr event::Backoff kBeginBackoff{Millis(200), Millis(5'000)};
constexpr size_t kLogRowsRead = 64;

// Whether another attempt can help.
bool is_passing(const Error& error) {
  return error.retry == Retry::kLater && error.code != codes::kUnavailable;
}

void add_text(Bytes& to, std::string_view text) {
  append_be64(to, text.size());
  to += text;
}

void add_schema(Bytes& to, const Schema& schema) {
  to.push_back(static_cast<char>(schema.record.format));
  for (const std::string* text :
       {&schema.record.row_path, &schema.record.row_delimiter, &schema.record.column_delimiter}) {
    add_text(to, *text);
  }
  for (const Column& column : schema.columns) {
    add_text(to, column.name);
    add_text(to, column.sql_type);
    add_text(to, column.mapping);
  }
}

EngineSettings settings_of(const Config& config) {
  using Heartbeat = EngineSettings::Heartbeat;
  return {.operator_bytes_max = config.operator_bytes_max,
          .state_bytes_max = config.state_bytes_max,
          .heartbeat = config.heartbeat == Millis(0) ? Heartbeat::kOff : Heartbeat::kOn};
}

}  // namespace

Runner::Runner(event::Kernel& kernel, const Config& config, const Compiler& compiler,
               Application application, std::string arn)
    : kernel_(kernel),
      config_(config),
      compiler_(compiler),
      application_(std::move(application)),
      arn_(std::move(arn)),
      trace_(TraceContext::begin(kernel.clock.now(), kernel.random)),
      readers_context_{.kernel = kernel},
      outlets_context_{.kernel = kernel, .layout = config.switches.output},
      settings_(settings_of(config)),
      wake_(kernel.shards.owner(application_.name)),
      scope_(kernel.shards.owner(application_.name)) {
  trace_.span_id = new_span_id(kernel.random);
  auto stopping = [this] { return stopping_; };
  auto reporting = [this](std::string code, std::string message) {
    report(std::move(code), std::move(message));
  };
  readers_context_.cause = outlets_context_.cause = trace_;
  readers_context_.stopping = outlets_context_.stopping = stopping;
  readers_context_.report = outlets_context_.report = reporting;
  readers_context_.on_ready = [this] { wake_.notify_all(); };
  outlets_context_.application_arn = arn_;
  outlets_context_.add_log = [this](store::Batch& batch) { add_log(batch); };
  outlets_context_.logged = [this] { log_committed(); };
}

Runner::~Runner() = default;

Task<Result<void>> Runner::begin() {
  beginning_ = true;
  Result<void> done = ok();
  for (uint32_t failures = 1; !stopping_; ++failures) {
    reset();
    done = co_await try_begin();
    if (done || !is_passing(done.error())) break;
    TimePoint until = kernel_.clock.now() + kBeginBackoff.after(failures, kernel_.random);
    while (!stopping_ && kernel_.clock.now() < until) {
      co_await wake_.wait_until(kernel_.clock, until);
    }
  }
  if (stopping_) done = fail(codes::kClosed, "the application stops");
  if (!done && done.error().code != codes::kClosed) {
    report("Application.NotStarted", done.error().message);
  }
  if (!done) reset();  // nothing of a start that failed is a checkpoint for end()
  beginning_ = false;
  wake_.notify_all();
  co_return done;
}

void Runner::reset() {
  program_.reset();
  engine_.reset();
  mapper_.reset();
  lanes_.clear();
  outlets_.clear();
  state_ = {};
  state_version_ = {};
  is_behind_log_ = is_renewed_ = false;
}

Task<Result<void>> Runner::try_begin() {
  CO_TRY_VOID(compile());
  CO_TRY(auto entry, co_await kernel_.store.get(Storage::run_key(application_.id)));
  const Input& input = application_.configuration.inputs.front();
  if (!entry) co_return co_await begin_fresh();
  state_version_ = entry->version;
  CO_TRY(RunState state, decode_run(entry->value));
  bool is_new_start = state.starts != application_.starts;
  if (is_new_start && input.start_at != StartAt::kLastStoppedPoint) {
    state_.engine = std::move(state.engine);  // released with the first checkpoint
    state_.reference = std::move(state.reference);
    co_return co_await begin_fresh();
  }
  is_renewed_ = is_new_start || state.version != application_.version;
  co_return co_await begin_resumed(std::move(state));
}

Result<void> Runner::compile() {
  const Configuration& c = application_.configuration;
  if (c.inputs.empty()) return invalid("the application has no input");
  const Input& input = c.inputs.front();
  TRY(program_, compiler_.compile(c));
  TRY(auto columns, input_columns(input.schema));
  TRY(mapper_, sql::InputMapper::create(format_of(input.schema), std::move(columns)));
  for (const std::string& name : input.stream_names()) {
    lanes_.push_back(sql::find_stream(*program_, name));
  }
  TRY(source_, kernel_.targets.stream(input.stream.arn));
  readers_context_.source = source_;
  readers_context_.stream_arn = input.stream.arn;
  readers_context_.function.reset();
  if (input.processor) {
    TRY(auto* caller, kernel_.targets.caller(input.processor->arn));
    readers_context_.function = FunctionCall{.caller = caller,
                                             .function_arn = input.processor->arn,
                                             .application_arn = arn_,
                                             .stream_arn = input.stream.arn};
  }
  for (const Output& output : c.outputs) {
    size_t stream = sql::find_stream(*program_, output.stream);
    if (stream == sql::kNoStream) {
      return invalid(
          fmt::format("output {}: the code makes no stream \"{}\"", output.id, output.stream));
    }
    outlets_.push_back(
        std::make_unique<Outlet>(outlets_context_, scope_.executor(), output, stream,
                                 Storage::delivered_prefix(application_.id) + output.id));
  }
  return ok();
}

// Of what an engine's state depends on. Outputs are not part of it: they may change while it runs.
uint64_t Runner::fingerprint() const {
  const Configuration& c = application_.configuration;
  Bytes text;
  add_text(text, c.code);
  for (const Input& input : c.inputs) {
    add_text(text, input.prefix);
    append_be64(text, input.parallelism);
    add_schema(text, input.schema);
  }
  for (const Reference& reference : c.references) {
    add_text(text, reference.table);
    add_schema(text, reference.schema);
  }
  // With other switches a replay would give other rows.
  if (const auto settings = sql::settings_text(config_.switches); !settings.empty()) {
    add_text(text, settings);
  }
  return stable_hash(text);
}

Result<void> Runner::make_engine() {
  sql::EngineOptions options;
  options.operator_bytes_max = settings_.operator_bytes_max;
  options.total_bytes_max = settings_.state_bytes_max;
  options.heartbeat = settings_.heartbeat == EngineSettings::Heartbeat::kOff
                          ? sql::EngineOptions::Heartbeat::kOff
                          : sql::EngineOptions::Heartbeat::kOn;
  options.start_ms = state_.start_ms;
  options.group_rowtime = config_.switches.group_rowtime;
  std::vector<size_t> streams;
  for (const auto& outlet : outlets_) {
    if (std::ranges::find(streams, outlet->stream()) == streams.end()) {
      streams.push_back(outlet->stream());
    }
  }
  TRY(engine_, sql::Engine::create(program_, options, std::move(streams)));
  return ok();
}

// --- Afresh ------------------------------------------------------------------------------------

Task<Result<void>> Runner::begin_fresh() {
  state_.start_ms = state_.rowtime_ms = now_ms();
  CO_TRY_VOID(make_engine());
  CO_TRY_VOID(co_await locate_shards(start_of_input()));
  CO_TRY(auto reference, co_await copy_reference_again());
  for (auto& outlet : outlets_) outlet->restore(0, 0);
  CO_TRY_VOID(co_await checkpoint(std::move(reference)));
  co_return co_await load_reference();
}

// NOW is the time of the request, so that an attempt after a crash begins at the same place.
event::StreamStart Runner::start_of_input() const {
  using At = event::StreamStart::At;
  if (application_.configuration.inputs.front().start_at == StartAt::kTrimHorizon) {
    return {At::kTrimHorizon};
  }
  return {At::kTimestamp, application_.last_update};
}

// The input's shards, and where to begin with each.
Task<Result<void>> Runner::locate_shards(event::StreamStart start) {
  const Input& input = application_.configuration.inputs.front();
  CO_TRY(auto shards, co_await source_->shards(input.stream.arn));
  if (shards.empty()) co_return fail(codes::kNotFound, "the stream has no shards");
  event::StreamGeneration generation = shards.front().generation;
  std::vector<ShardState> located;
  for (event::StreamShard& shard : shards) {
    CO_TRY(auto position,
           co_await source_->locate({input.stream.arn, shard.id, generation}, start));
    located.push_back({.id = std::move(shard.id),
                       .lane = static_cast<uint32_t>(located.size() % lanes_.size()),
                       .next = position,
                       .parents = std::move(shard.parents)});
  }
  state_.stream_arn = input.stream.arn;
  state_.generation = generation;
  state_.shards = std::move(located);
  co_return ok();
}

Task<Result<CopiedReference>> Runner::copy_reference_again() {
  const auto& references = application_.configuration.references;
  if (references.empty()) co_return CopiedReference();
  CO_TRY(auto copied, co_await copy_reference(kernel_, references.front()));
  if (!copied.problem.empty()) report("Reference.NotLoaded", copied.problem);
  co_return copied;
}

// The rows of the copy that the state names.
Task<Result<void>> Runner::load_reference() {
  const auto& references = application_.configuration.references;
  if (references.empty() || state_.reference.kind != ReferenceState::Kind::kLoaded) co_return ok();
  CO_TRY(auto blob, store::BlobRef::decode(state_.reference.blob));
  CO_TRY(auto table, co_await read_reference(kernel_, references.front(), std::move(blob)));
  if (table.rejected > 0) {
    report("Reference.RowsRejected",
           fmt::format("{} rows of the reference table were left out, the first because of: {}",
                       table.rejected, table.first_problem));
  }
  auto loaded = engine_->load_table(0, table.rows);
  if (!loaded) report("Reference.NotLoaded", loaded.error().message);
  co_return ok();
}

// --- From where it was -------------------------------------------------------------------------

Task<Result<void>> Runner::begin_resumed(RunState state) {
  state_ = std::move(state);
  is_behind_log_ = true;
  bool is_same_program = state_.fingerprint == fingerprint();
  if (!is_same_program) state_.start_ms = now_ms();
  CO_TRY_VOID(make_engine());
  CO_TRY_VOID(co_await load_reference());
  CO_TRY_VOID(co_await restore_outlets());
  if (is_same_program && !state_.engine.empty()) CO_TRY_VOID(co_await load_engine_state());
  co_return ok();
}

Task<Result<void>> Runner::load_engine_state() {
  CO_TRY(auto ref, store::BlobRef::decode(state_.engine));
  CO_TRY(auto reader, co_await kernel_.store.open_blob(std::move(ref)));
  CO_TRY(Bytes bytes, co_await reader->read(0, static_cast<size_t>(reader->size_bytes())));
  auto restored = engine_->restore(bytes);
  if (restored) co_return ok();
  // Another version of Suiro wrote it: the application goes on without it rather than not at all.
  report("Application.StateNotRead",
         fmt::format("windows that were open are lost: {}", restored.error().message));
  state_.fingerprint = 0;
  co_return make_engine();
}

Task<Result<void>> Runner::restore_outlets() {
  for (auto& outlet : outlets_) {
    CO_TRY(auto entry, co_await kernel_.store.get(Storage::delivered_prefix(application_.id) +
                                                  outlet->output().id));
    Delivered delivered;
    if (entry) {
      CO_TRY(delivered, decode_delivered(entry->value));
    }
    auto known = std::ranges::find(state_.outputs, outlet->output().id, &OutputState::id);
    outlet->restore(known == state_.outputs.end() ? 0 : known->made, delivered.rows);
  }
  co_return ok();
}

Task<Result<void>> Runner::pause(uint32_t failures) {
  TimePoint until = kernel_.clock.now() + kBeginBackoff.after(failures, kernel_.random);
  while (!stopping_ && kernel_.clock.now() < until) {
    co_await wake_.wait_until(kernel_.clock, until);
  }
  if (stopping_) co_return fail(codes::kClosed, "the application stops");
  co_return ok();
}

// An attempt that fails midway has moved the engine: the next one begins with the checkpoint again.
Task<Result<void>> Runner::recover_all() {
  CO_TRY_VOID(co_await settle_version_before());
  for (uint32_t failures = 1; is_behind_log_; ++failures) {
    auto done = co_await recover();
    if (done) break;
    if (stopping_ || done.error().code == codes::kUnavailable) co_return done;
    report("Application.NotRecovered", done.error().message);
    CO_TRY_VOID(co_await begin_again(failures));
  }
  co_return ok();
}

Task<Result<void>> Runner::begin_again(uint32_t& failures) {
  Result<void> done = ok();
  do {
    CO_TRY_VOID(co_await pause(failures++));
    reset();
    done = co_await try_begin();
  } while (!done && is_passing(done.error()));
  co_return done;
}

// The log is of another program, or of other settings: who wrote it makes its rows again and
// delivers what was not delivered, so that a change of the code loses nothing that was logged.
Task<Result<void>> Runner::settle_version_before() {
  if (!is_behind_log_) co_return ok();
  CO_TRY(auto before, co_await version_before());
  if (!before) co_return ok();
  if (stopping_) co_return fail(codes::kClosed, "the application stops");
  Runner runner(kernel_, config_, compiler_, std::move(before->application), arn_);
  runner.settings_ = before->settings;
  settling_ = &runner;
  auto done = co_await runner.settle();
  settling_ = nullptr;
  co_await runner.end();
  if (stopping_) co_return fail(codes::kClosed, "the application stops");
  if (!done) {
    if (done.error().code == codes::kUnavailable) co_return done;
    report("Application.RowsLost",
           fmt::format("what the version before had logged is lost: {}", done.error().message));
    state_.fingerprint = 0;  // the log is passed over
    co_return ok();
  }
  uint32_t failures = 1;
  co_return co_await begin_again(failures);
}

// The application as it was when the log was written; nullopt: this version can go on with it.
Task<Result<std::optional<Runner::Before>>> Runner::version_before() {
  const EngineSettings settings = state_.settings.is_known() ? state_.settings : settings_;
  bool is_same_program = state_.fingerprint == fingerprint();
  bool is_same_version = state_.version == application_.version;
  if (is_same_program ? settings == settings_ : is_same_version) co_return std::nullopt;
  store::KeyRange log = store::KeyRange::prefix(Storage::log_prefix(application_.id));
  CO_TRY(auto page, co_await kernel_.store.scan({.range = std::move(log), .rows_max = 1}));
  if (page.entries.empty()) co_return std::nullopt;
  Application before = application_;
  before.version = state_.version;
  before.starts = state_.starts;
  if (!is_same_version) {
    CO_TRY(auto version, co_await Storage(kernel_.store).version(application_.id, state_.version));
    if (!version) co_return std::nullopt;
    before.configuration = std::move(version->configuration);
  }
  const Configuration& now = application_.configuration;
  before.configuration.logging = now.logging;
  // What a function made of the records is in the log.
  for (Input& input : before.configuration.inputs) input.processor.reset();
  // Its rows go where the output points now; those of an output that was deleted go nowhere.
  std::erase_if(before.configuration.outputs, [&](Output& output) {
    auto kept = std::ranges::find(now.outputs, output.id, &Output::id);
    if (kept == now.outputs.end()) return true;
    output.kind = kept->kind;
    output.target = kept->target;
    output.format = kept->format;
    return false;
  });
  co_return Before{std::move(before), settings};
}

Task<Result<void>> Runner::settle() {
  CO_TRY_VOID(co_await begin());
  co_return co_await recover_all();
}

// Whether the stream that the positions are of is deleted; another may have its name by now.
Task<Result<bool>> Runner::is_stream_gone() {
  CO_TRY(auto* source, kernel_.targets.stream(state_.stream_arn));
  auto shards = co_await source->shards(state_.stream_arn);
  if (!shards && shards.error().code != codes::kNotFound) co_return fail(shards.error());
  if (!shards || shards->empty()) co_return true;
  event::StreamGeneration generation = shards->front().generation;
  if (state_.generation == event::StreamGeneration()) state_.generation = generation;
  co_return state_.generation != generation;
}

// Applies the steps that were logged since the checkpoint, delivers what they made and was not
// delivered, and begins anew from there.
Task<Result<void>> Runner::recover() {
  CO_TRY(bool is_gone, co_await is_stream_gone());
  bool replays = state_.fingerprint == fingerprint() && !is_gone;
  bool has_passed = false;
  store::KeyRange range = store::KeyRange::prefix(Storage::log_prefix(application_.id));
  for (;;) {
    CO_TRY(auto page, co_await kernel_.store.scan({.range = range, .rows_max = kLogRowsRead}));
    for (const auto& entry : page.entries) {
      range.begin = entry.key + '\0';
      CO_TRY(auto steps, decode_steps(entry.value));
      for (Step& step : steps) {
        if (stopping_) co_return fail(codes::kClosed, "the application stops");
        if (replays) {
          CO_TRY_VOID(co_await replay(std::move(step)));
        } else {
          has_passed = has_passed || !step.pieces.empty();
          pass_over(step);
        }
      }
    }
    if (!page.more || page.entries.empty()) break;
  }
  if (!replays) {
    // Rows that are made from here on have other numbers: none of them was delivered.
    for (auto& outlet : outlets_) outlet->restore(outlet->delivered(), outlet->delivered());
  }
  if (is_gone && has_passed) {
    report("Input.RecordsExpired",
           "the stream was deleted: records that were read before a restart are gone with it");
  }
  const std::string& arn = application_.configuration.inputs.front().stream.arn;
  if (is_gone && state_.stream_arn == arn) {
    CO_TRY_VOID(co_await locate_shards({event::StreamStart::At::kTrimHorizon}));
  }
  CO_TRY_VOID(co_await renew_reference());
  is_behind_log_ = false;
  co_return ok();
}

// Another program cannot make a step's rows again: it goes on behind them.
void Runner::pass_over(const Step& step) {
  std::ranges::copy(step.found, std::back_inserter(state_.shards));
  for (const Piece& piece : step.pieces) {
    auto shard = std::ranges::find(state_.shards, piece.shard, &ShardState::id);
    if (shard == state_.shards.end()) continue;
    shard->next = piece.to;
    shard->life = piece.life;
  }
  state_.rowtime_ms = std::max(state_.rowtime_ms, step.rowtime_ms);
  ++state_.step;
}

Task<Result<void>> Runner::replay(Step step) {
  std::vector<Fetched> fetched;
  for (const Piece& piece : step.pieces) {
    CO_TRY(Fetched again, co_await read_again(piece));
    fetched.push_back(std::move(again));
  }
  apply(step, fetched);
  co_return co_await deliver_all();
}

Task<Result<Fetched>> Runner::read_again(const Piece& piece) {
  Fetched out{.piece = piece};
  std::vector<event::StreamRecord> records;
  event::StreamPosition at = piece.from;
  while (at < piece.to) {
    CO_TRY(auto batch,
           co_await source_->read({.place = {state_.stream_arn, piece.shard, state_.generation},
                                   .from = at,
                                   .records_max = static_cast<size_t>(piece.to.offset - at.offset),
                                   .bytes_max = kReadBytesMax}));
    for (auto& record : batch.records) {
      if (record.position < piece.to) records.push_back(std::move(record));
    }
    if (batch.next <= at) break;
    at = batch.next;
  }
  if (records.size() < piece.to.offset - piece.from.offset) {
    report("Input.RecordsExpired",
           fmt::format("shard {}: {} of {} records that were read before a restart are no longer "
                       "in the stream",
                       piece.shard, piece.to.offset - piece.from.offset - records.size(),
                       piece.to.offset - piece.from.offset));
  }
  out.records = std::make_shared<const std::vector<event::StreamRecord>>(std::move(records));
  co_return out;
}

// A new start or a new version reads the object again; the input may be another stream then.
Task<Result<void>> Runner::renew_reference() {
  bool is_same_program = state_.fingerprint == fingerprint();
  bool is_other_stream = state_.stream_arn != application_.configuration.inputs.front().stream.arn;
  if (is_other_stream) CO_TRY_VOID(co_await locate_shards(start_of_input()));
  if (!is_same_program) {
    uint32_t lanes = application_.configuration.inputs.front().parallelism;
    for (size_t i = 0; i < state_.shards.size(); ++i) {
      state_.shards[i].lane = static_cast<uint32_t>(i % lanes);
    }
  }
  CO_TRY_VOID(co_await deliver_all());
  if (!is_renewed_) co_return co_await checkpoint(std::nullopt);
  CO_TRY(auto reference, co_await copy_reference_again());
  CO_TRY_VOID(co_await checkpoint(std::move(reference)));
  is_renewed_ = false;
  co_return co_await load_reference();
}

}  // namespace suiro::analytics
