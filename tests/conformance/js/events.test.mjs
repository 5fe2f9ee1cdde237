// SPDX-License-Identifier: Apache-2.0
// EventBridge with the JavaScript SDK: PutEvents, a rule, a transformer, a queue.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import {
  CreateEventBusCommand, DescribeEventBusCommand, DescribeRuleCommand, EventBridgeClient,
  InvalidEventPatternException, ListTargetsByRuleCommand, PutEventsCommand, PutRuleCommand,
  PutTargetsCommand, TestEventPatternCommand, UpdateEventBusCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';

const events = new EventBridgeClient({});
const sqs = new SQSClient({});

const queue = async () => {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `js-${randomUUID()}` }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({
    QueueUrl, AttributeNames: ['QueueArn'],
  }));
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{
      Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sqs:SendMessage',
      Resource: Attributes.QueueArn,
    }],
  });
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
  return { url: QueueUrl, arn: Attributes.QueueArn };
};

test('an event, transformed, in a queue', async () => {
  const { url, arn } = await queue();
  const name = `js-${randomUUID()}`;
  await events.send(new CreateEventBusCommand({ Name: name, Description: 'one' }));
  await events.send(new UpdateEventBusCommand({ Name: name, Description: 'two' }));
  const bus = await events.send(new DescribeEventBusCommand({ Name: name }));
  assert.equal(bus.Description, 'two');
  assert.ok(bus.LastModifiedTime >= bus.CreationTime);
  await events.send(new PutRuleCommand({
    Name: 'r', EventBusName: name, EventPattern: '{"detail":{"kind":[{"prefix":"a"}]}}',
  }));
  const target = {
    Id: '1', Arn: arn,
    InputTransformer: { InputPathsMap: { n: '$.detail.n' }, InputTemplate: '{"n": <n>}' },
  };
  const put = await events.send(new PutTargetsCommand({
    Rule: 'r', EventBusName: name, Targets: [target],
  }));
  assert.equal(put.FailedEntryCount, 0);
  const listed = await events.send(new ListTargetsByRuleCommand({
    Rule: 'r', EventBusName: name,
  }));
  assert.deepEqual(listed.Targets, [target]);
  const entry = (kind, n) => ({
    EventBusName: bus.Arn, Source: 'js', DetailType: 't', Detail: JSON.stringify({ kind, n }),
  });
  const sent = await events.send(new PutEventsCommand({
    Entries: [entry('b', 1), entry('ab', 2)],
  }));
  assert.equal(sent.FailedEntryCount, 0);
  assert.equal(sent.Entries.length, 2);
  const { Messages } = await sqs.send(new ReceiveMessageCommand({
    QueueUrl: url, WaitTimeSeconds: 10, MaxNumberOfMessages: 10,
  }));
  assert.deepEqual(Messages.map(({ Body }) => JSON.parse(Body)), [{ n: 2 }]);
});

test('a schedule reads back, a bad pattern is an error of its own class', async () => {
  const Name = `js-${randomUUID()}`;
  await events.send(new PutRuleCommand({
    Name, ScheduleExpression: 'rate(1 day)', State: 'DISABLED',
  }));
  const rule = await events.send(new DescribeRuleCommand({ Name }));
  assert.equal(rule.ScheduleExpression, 'rate(1 day)');
  assert.equal(rule.State, 'DISABLED');
  await assert.rejects(
    events.send(new TestEventPatternCommand({ EventPattern: '{"a":1}', Event: '{}' })),
    InvalidEventPatternException);
});
