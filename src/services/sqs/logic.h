// SPDX-License-Identifier: Apache-2.0
// Logic: the rules of SQS. Standard and FIFO queues, over the store.
//
// Invariants:
//  1. Nothing is acknowledged before the commit that makes it so: a send, a receive (the receive
//  count,
//     the end of its visibility and its receipt handle are durable), a delete, a change of
//     visibility.
//  2. One commit a request, also for batches.
//  3. A message is receivable only after its send is durable; a FIFO group hands out its messages
//  in
//     the order of their sequences, and nothing while one of them is in flight or being changed.
//  4. A move to another queue (dead letters, move tasks) erases and writes in one commit.
//  5. A queue's state is touched on its owner shard only; between taking from the index and handing
//  the
//     batch to the store there is no suspension, so that commits have the order of the decisions.
//
// Threads: the public methods may be called on any shard; each hops to the queue's owner and back.
// Failure: Result with AWS's code and text. Bytes on disk: docs/formats/sqs.md.
#pragma once

#include "base/cancellation.h"
#include "kernel/event/kernel.h"
#include "services/sqs/errors.h"
#include "services/sqs/queue.h"

namespace suiro::sqs {

// SQS Developer Guide, "Amazon SQS quotas".
inline constexpr size_t kBatchEntriesMax = 10;
inline constexpr size_t kBatchBytesMax = 1024 * 1024;
inline constexpr size_t kStandardInFlightMax = 120'000;
inline constexpr size_t kFifoInFlightMax = 20'000;
inline constexpr Millis kVisibilityMax = std::chrono::hours(12);
inline constexpr Millis kPurgeInterval = std::chrono::seconds(60);
inline constexpr Millis kRecreateInterval = std::chrono::seconds(60);
inline constexpr size_t kTagsMax = 50;
inline constexpr size_t kPermissionsMax = 20;
inline constexpr uint32_t kMovesPerSecondMax = 500;
// Suiro's own.
inline constexpr size_t kQueuesMax = 100'000;
inline constexpr size_t kMessagesMax = 100'000'000;      // of a queue: 800 MB of sequences
inline constexpr size_t kDeduplicationsMax = 2'000'000;  // of a FIFO queue's last five minutes
inline constexpr size_t kReadAheadRows = 64;
inline constexpr size_t kReadAheadBytes = 256 << 10;
inline constexpr size_t kCachedDepthMax = 1024;  // messages sent to a deeper queue are not cached
inline constexpr size_t kReceiveRoundsMax = 100;
inline constexpr Millis kSweepInterval = std::chrono::seconds(60);
inline constexpr size_t kSweepMessages = 1000;
inline constexpr size_t kSweepRounds = 100;
inline constexpr Millis kRedrivePause = std::chrono::seconds(10);
inline constexpr size_t kMoveTasksShown = 10;
inline constexpr size_t kPurgeAttemptsMax = 100;
inline constexpr Millis kPurgePause{50};

struct Config {
  size_t cache_bytes_max = 16 << 20;  // of all shards together
  size_t standard_in_flight_max = kStandardInFlightMax;
  size_t fifo_in_flight_max = kFifoInFlightMax;
};

// Who asks, and how.
struct Access {
  policy::Caller caller;
  std::string source_ip;
  std::string user_agent;
  bool secure = false;
  // Not empty: the caller's own policies do not allow this; the queue's must, naming the caller.
  std::string denial = {};
};

struct On {
  std::string queue;  // name
  Access access;
};

struct SendEntry {
  Bytes body;
  MessageAttributes attributes;
  std::string group_id;
  std::string deduplication_id;
  std::string trace_header;
  std::optional<int32_t> delay_s;
};
struct Sent {
  std::string message_id;
  Bytes body_md5;
  Bytes attributes_md5;
  std::optional<Sequence> sequence;  // FIFO queues
};

struct ReceiveOptions {
  int32_t count = 1;
  std::optional<int32_t> visibility_s;
  std::optional<int32_t> wait_s;
  std::string attempt_id;
  std::shared_ptr<Cancellation> cancellation = nullptr;  // ends the wait: nobody wants the answer
};
struct Received {
  ReceiptHandle handle;
  Message message;
  uint32_t receives = 0;
  TimePoint first_received_at;
};

struct VisibilityEntry {
  std::string receipt_handle;
  int32_t visibility_s = 0;
};

struct Names {
  std::vector<std::string> names;
  std::string next_token;  // empty: no more
};
struct ListOptions {
  std::string prefix;
  std::string next_token;
  std::optional<int32_t> max_results;
};

struct Permission {
  std::string label;
  std::vector<std::string> accounts;
  std::vector<std::string> actions;
};

struct MoveOptions {
  std::string source_arn;
  std::string destination_arn;
  std::optional<int32_t> per_second_max;
  Access access;
};
struct MoveTaskView {
  std::string handle;  // empty unless it runs
  std::string source_arn;
  TimePoint started_at;
  MoveTaskRecord record;
};

class Logic {
 public:
  Logic(event::Kernel& kernel, Config config);
  ~Logic();

  // Reads all queues and the states of their messages.
  Task<Result<void>> start();
  // Wakes who waits, ends what runs beside requests.
  Task<void> stop();

  // --- queues (logic_queues.cc)
  // --------------------------------------------------------------------
  Task<Result<void>> create_queue(On on, Attributes attributes, Attributes tags);
  Task<Result<void>> delete_queue(On on);
  // Whether it exists.
  Task<Result<void>> find_queue(On on);
  Task<Result<Names>> list_queues(Access access, ListOptions options);
  Task<Result<void>> purge(On on);
  Task<Result<Attributes>> get_attributes(On on, std::vector<std::string> names);
  Task<Result<void>> set_attributes(On on, Attributes changes);
  Task<Result<void>> tag(On on, Attributes tags);
  Task<Result<void>> untag(On on, std::vector<std::string> keys);
  Task<Result<Attributes>> tags(On on);
  Task<Result<void>> add_permission(On on, Permission permission);
  Task<Result<void>> remove_permission(On on, std::string label);

  // --- messages
  // ------------------------------------------------------------------------------------ One result
  // an entry; an error of the whole where nothing was sent. `also` is committed with them
  // all; one entry that is refused refuses the whole then.
  using SendResults = std::vector<Result<Sent>>;
  Task<Result<SendResults>> send(On on, std::vector<SendEntry> entries, store::Batch also = {});
  Task<Result<std::vector<Received>>> receive(On on, ReceiveOptions options);
  using Outcomes = std::vector<Result<void>>;
  Task<Result<Outcomes>> remove(On on, std::vector<std::string> handles, store::Batch also = {});
  Task<Result<Outcomes>> change_visibility(On on, std::vector<VisibilityEntry> entries);
  // Readable messages: those that wait.
  Task<Result<uint64_t>> backlog(On on);
  Task<Result<Settings>> settings(On on);

  // --- dead letters and moves (logic_redrive.cc)
  // -----------------------------------------------------
  Task<Result<Names>> dead_letter_sources(On on, ListOptions options);
  // Returns the task's handle.
  Task<Result<std::string>> start_move(MoveOptions options);
  // Returns how many messages it moved.
  Task<Result<uint64_t>> cancel_move(std::string handle, Access access);
  Task<Result<std::vector<MoveTaskView>>> list_moves(std::string source_arn, int32_t count,
                                                     Access access);

  // The caller that Suiro's own services and wiring use: the account's root.
  Access owner_access() const;
  std::string arn_of(std::string_view name) const;
  // The name of a queue of this account and region. Errors: QueueDoesNotExist.
  Result<std::string> name_of(std::string_view arn) const;
  // Whether the queue's policy lets the caller. Errors: QueueDoesNotExist, AccessDenied.
  Task<Result<void>> check_access(std::string queue, std::string action, policy::Request request);

 private:
  struct Outgoing {
    Index::Added added;
    Bytes encoded;
  };
  struct Planned;  // of send
  struct Loaded {
    Sequence sequence;
    Message message;
  };
  // A send request on its way to its commit.
  struct Draft {
    SendResults results;
    std::vector<Outgoing> outgoing;
    std::vector<Bytes> hashes;  // deduplication entries that are not durable yet
    store::Batch batch;
  };
  struct Deposit {
    std::string queue;    // name
    std::string dead_in;  // ARN of the queue whose dead letters these are; empty: a move task
  };
  // A message in flight, until when it is, and until when it shall be.
  struct Holding {
    Sequence sequence;
    TimePoint before;
    TimePoint after;
  };

  Part& part(std::string_view queue) { return *parts_[kernel_.shards.owner_index(queue)]; }
  // Runs `run(QueuePtr)` on the owner shard of a queue that exists and lets the caller do `action`.
  template <class Run>
  auto on_queue(On on, std::string_view action, Run run) -> std::invoke_result_t<Run&, QueuePtr>;
  Result<QueuePtr> find(std::string_view queue);
  Result<void> authorize(const Queue& queue, std::string_view action, const Access& access) const;

  bool is_owner(const Access& access) const;
  // What concerns no single queue is the account's own business.
  Result<void> authorize_owner(std::string_view action, const Access& access) const;

  // logic.cc
  Task<Result<void>> load_queue(std::string name, QueueRecord record);
  Task<Result<void>> restore_messages(QueuePtr queue);
  Task<Result<void>> restore_deduplication(QueuePtr queue);
  Task<Result<void>> restore_tasks(QueuePtr queue);
  void resume_tasks(const QueuePtr& queue);
  Task<void> sweep(Part& own);
  Task<Result<void>> sweep_queue(QueuePtr queue);
  Task<void> stop_part(Part& own);
  std::shared_ptr<Queue> make_queue(std::string name, QueueRecord record, QueueKind kind);

  // logic_queues.cc
  Task<Result<void>> create_here(std::string name, Attributes attributes, Attributes tags);
  Task<Result<void>> erase_below(QueuePtr queue, Sequence end);
  Task<Result<void>> save_record(QueuePtr queue, QueueRecord record);
  Task<Result<void>> change_attributes(QueuePtr queue, Attributes changes);
  Task<Result<void>> change_policy(QueuePtr queue, std::string document);
  static Result<Names> page_of(const std::set<std::string>& names, const ListOptions& options);
  Task<Result<void>> check_redrive(std::string source_arn, QueueKind kind, std::string text);

  // logic_send.cc
  Task<Result<SendResults>> send_here(QueuePtr queue, Access access, std::vector<SendEntry> entries,
                                      store::Batch also);
  Task<Result<void>> resolve_duplicates(QueuePtr queue, std::vector<Planned>& planned);
  static Result<void> check_room(const Queue& queue);
  Result<void> check_entry(const Queue& queue, const SendEntry& entry) const;
  void add_to(Draft& draft, Queue& queue, const Planned& plan, SendEntry entry,
              const Access& access);
  Message make_message(SendEntry entry, const Access& access);
  // Writes and publishes; the caller did not suspend since it drew the sequences.
  Task<Result<void>> enqueue(QueuePtr queue, std::vector<Outgoing> messages, store::Batch batch);
  void publish(Queue& queue, uint64_t ticket, bool committed);
  // Entries with sequences below it count no longer.
  Sequence deduplication_floor() const;
  void expire_deduplication(Queue& queue, store::Batch& batch, size_t count_max);

  // logic_receive.cc
  Task<Result<std::vector<Received>>> receive_here(QueuePtr queue, ReceiveOptions options);
  Task<Result<std::vector<Received>>> receive_round(QueuePtr queue, const ReceiveOptions& options,
                                                    bool& progressed);
  Task<Result<std::vector<Received>>> repeat_attempt(QueuePtr queue, const ReceiveOptions& options);
  Task<Result<std::vector<Received>>> collect(QueuePtr queue, std::vector<Sequence> sequences);
  Task<Result<std::vector<Loaded>>> load(QueuePtr queue, std::vector<Sequence> sequences);
  void remember_attempt(Queue& queue, const std::string& id, const std::vector<Received>& received);

  // logic_delete.cc
  Task<Result<Outcomes>> remove_here(QueuePtr queue, std::vector<std::string> handles,
                                     store::Batch also);
  Result<Holding> plan_hold(Queue& queue, const VisibilityEntry& entry);
  Task<Result<void>> hold_all(QueuePtr queue, std::vector<Holding> holdings, store::Batch also);
  Task<Result<Outcomes>> change_here(QueuePtr queue, std::vector<VisibilityEntry> entries);

  // logic_redrive.cc
  Task<Result<void>> move_dead(QueuePtr queue, std::vector<Sequence> dead);
  Task<Result<void>> try_move_dead(QueuePtr queue, std::vector<Sequence> dead);
  Task<Result<void>> deposit(Deposit to, std::vector<Message> messages, store::Batch also);
  Task<Result<std::string>> start_move_here(QueuePtr queue, MoveOptions options);
  Task<void> run_move(QueuePtr queue, uint64_t task);
  Task<Result<size_t>> move_some(QueuePtr queue, uint64_t id, size_t count);
  Task<Result<std::set<Sequence>>> try_move_some(QueuePtr queue, uint64_t id,
                                                 std::vector<Sequence> taken);
  Task<Result<void>> end_move(QueuePtr queue, uint64_t id, MoveTaskRecord::Status status,
                              std::string failure);

  event::Kernel& kernel_;
  Config config_;
  std::vector<std::unique_ptr<Part>> parts_;
};

template <class Run>
auto Logic::on_queue(On on, std::string_view action, Run run)
    -> std::invoke_result_t<Run&, QueuePtr> {
  auto there = [this, &on, action, &run]() -> std::invoke_result_t<Run&, QueuePtr> {
    CO_TRY(QueuePtr queue, find(on.queue));
    CO_TRY_VOID(authorize(*queue, action, on.access));
    co_return co_await run(std::move(queue));
  };
  co_return co_await run_on(kernel_.shards.owner(on.queue), there);
}

}  // namespace suiro::sqs
