// SPDX-License-Identifier: Apache-2.0
// The dialogues of every compared system. Each cycle of a queue is durable in all three steps:
// send, receive (the message is marked as taken), delete.
#pragma once

#include <string>

#include "bench/load/dialogue.h"

namespace suiro::bench {

struct AwsTarget {
  std::string host;  // "127.0.0.1:4566", as signed
  std::string region;
  std::string access_key_id;
  std::string secret;
};

enum class ObjectVerb { kPut, kGet };

struct ObjectLoad {
  ObjectVerb verb = ObjectVerb::kPut;
  std::string bucket;
  size_t size_bytes = 4096;
  size_t keys = 64;  // each connection goes round this many keys of its own
};

// S3 with signed requests (UNSIGNED-PAYLOAD: TLS would cover it; over plain HTTP the SDKs hash).
MakeDialogue s3_dialogue(AwsTarget target, ObjectLoad load);
// The same requests without a signature: nginx's DAV module.
MakeDialogue dav_dialogue(std::string host, ObjectLoad load);

// Invokes a function and waits for its result; signed.
MakeDialogue invoke_dialogue(AwsTarget target, std::string function);

struct QueueLoad {
  std::string queue;  // URL, list or tube name
  size_t body_bytes = 256;
  bool send_only = false;  // fills a queue: a cycle is a batch
  bool clicks = false;     // bodies are JSON documents of clicks (streams)
};

// Messages of one cycle with send_only: SQS's largest batch; elsewhere what goes out in one piece.
inline constexpr size_t kSqsBatch = 10;
inline constexpr size_t kPipelined = 100;

// Records of one PutRecords.
inline constexpr size_t kPutRecords = 500;

// PutRecords of 500; the keys of a connection go round. QueueLoad::queue: the stream.
MakeDialogue kinesis_put_dialogue(AwsTarget target, QueueLoad load);
// PutRecordBatch of as many. QueueLoad::queue: the delivery stream.
MakeDialogue firehose_put_dialogue(AwsTarget target, QueueLoad load);
// PutLogEvents of as many lines, each connection to a stream "s<number>" of its own.
// QueueLoad::queue: the group.
MakeDialogue logs_put_dialogue(AwsTarget target, QueueLoad load);
// StartExecution with an input of that size and no name: each cycle starts one.
// QueueLoad::queue: the state machine's ARN.
MakeDialogue states_start_dialogue(AwsTarget target, QueueLoad load);
// Reads the first shard from its beginning, again and again: GetRecords as large as they come. A
// cycle is a reply; the replies' records are counted into `records`.
MakeDialogue kinesis_get_dialogue(AwsTarget target, QueueLoad load, uint64_t* records);

// As many XADD in one piece.
MakeDialogue redis_stream_dialogue(QueueLoad load);
// As many publishes to a JetStream stream in files, each acknowledged.
MakeDialogue nats_dialogue(QueueLoad load);

MakeDialogue sqs_dialogue(AwsTarget target, QueueLoad load);
// LPUSH; LMOVE to a processing list; LREM from it.
MakeDialogue redis_dialogue(QueueLoad load);
// put; reserve; delete.
MakeDialogue beanstalkd_dialogue(QueueLoad load);
// A quorum queue: publish with confirm; basic.get; basic.ack with tx-less acknowledgement. AMQP
// 0-9-1.
MakeDialogue rabbitmq_dialogue(QueueLoad load);

}  // namespace suiro::bench
