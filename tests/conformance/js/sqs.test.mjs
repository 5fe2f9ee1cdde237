// SPDX-License-Identifier: Apache-2.0
// The JSON wire form of SQS (boto3 of Debian speaks the query form).
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import {
  ChangeMessageVisibilityCommand, CreateQueueCommand, DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand, ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand, SQSClient,
} from '@aws-sdk/client-sqs';

const client = new SQSClient({});
const create = async (Attributes = {}, suffix = '') => (await client.send(
  new CreateQueueCommand({ QueueName: `js-${randomUUID()}${suffix}`, Attributes }))).QueueUrl;

test('send, receive, delete; the client checks the MD5s', async () => {
  const QueueUrl = await create();
  await client.send(new SendMessageCommand({
    QueueUrl, MessageBody: '水路',
    MessageAttributes: {
      n: { DataType: 'Number', StringValue: '7' },
      b: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2, 3]) },
    },
  }));
  const { Messages } = await client.send(new ReceiveMessageCommand({
    QueueUrl, WaitTimeSeconds: 5, MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['All'],
  }));
  assert.equal(Messages.length, 1);
  assert.equal(Messages[0].Body, '水路');
  assert.equal(Messages[0].MessageAttributes.n.StringValue, '7');
  assert.deepEqual([...Messages[0].MessageAttributes.b.BinaryValue], [1, 2, 3]);
  assert.equal(Messages[0].Attributes.ApproximateReceiveCount, '1');
  await client.send(new DeleteMessageCommand({
    QueueUrl, ReceiptHandle: Messages[0].ReceiptHandle,
  }));
  const { Attributes } = await client.send(new GetQueueAttributesCommand({
    QueueUrl, AttributeNames: ['All'],
  }));
  assert.equal(Attributes.ApproximateNumberOfMessages, '0');
  assert.equal(Attributes.ApproximateNumberOfMessagesNotVisible, '0');
});

test('FIFO: order within a group, one group in flight at a time, deduplication', async () => {
  const QueueUrl = await create({ FifoQueue: 'true', ContentBasedDeduplication: 'true' }, '.fifo');
  const sent = await client.send(new SendMessageBatchCommand({
    QueueUrl,
    Entries: ['a1', 'a2', 'b1', 'a1'].map((MessageBody, i) => ({
      Id: `${i}`, MessageBody, MessageGroupId: MessageBody[0],
    })),
  }));
  assert.equal(sent.Successful.length, 4);
  const first = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 1 }));
  assert.equal(first.Messages[0].Body, 'a1');
  const ten = { QueueUrl, MaxNumberOfMessages: 10 };
  const second = await client.send(new ReceiveMessageCommand(ten));
  assert.deepEqual(second.Messages.map((m) => m.Body), ['b1']);
  await client.send(new ChangeMessageVisibilityCommand({
    QueueUrl, ReceiptHandle: first.Messages[0].ReceiptHandle, VisibilityTimeout: 0,
  }));
  const again = await client.send(new ReceiveMessageCommand(ten));
  assert.deepEqual(again.Messages.map((m) => m.Body), ['a1', 'a2']);
});

test('a missing queue has the modelled error', async () => {
  await assert.rejects(client.send(new GetQueueUrlCommand({ QueueName: 'no-such-queue' })),
    { name: 'QueueDoesNotExist' });
});
