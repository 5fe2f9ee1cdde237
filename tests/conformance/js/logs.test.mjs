// SPDX-License-Identifier: Apache-2.0
// Live tail: an event stream over HTTP.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';

import {
  CloudWatchLogsClient, CreateLogGroupCommand, CreateLogStreamCommand, DeleteLogGroupCommand,
  PutLogEventsCommand, ResourceNotFoundException, StartLiveTailCommand,
} from '@aws-sdk/client-cloudwatch-logs';

// The SDK would put "streaming-" before the host's name.
const logs = new CloudWatchLogsClient({ disableHostPrefix: true });
const logGroupName = `js-${randomUUID()}`;
const put = (message) => logs.send(new PutLogEventsCommand({
  logGroupName, logStreamName: 's', logEvents: [{ timestamp: Date.now(), message }] }));

before(async () => {
  await logs.send(new CreateLogGroupCommand({ logGroupName }));
  await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName: 's' }));
});
after(async () => {
  await logs.send(new DeleteLogGroupCommand({ logGroupName }));
  logs.destroy();
});

test('a live tail shows what is put', async () => {
  const { responseStream } = await logs.send(new StartLiveTailCommand({
    logGroupIdentifiers: [`arn:aws:logs:ap-northeast-1:000000000000:log-group:${logGroupName}`],
    logEventFilterPattern: 'ERROR' }));
  const seen = [];
  for await (const event of responseStream) {
    if (event.sessionStart) {
      assert.equal(event.sessionStart.logEventFilterPattern, 'ERROR');
      await put('fine');
      await put('ERROR one');
    }
    for (const row of event.sessionUpdate?.sessionResults ?? []) {
      assert.equal(row.logGroupIdentifier, `000000000000:${logGroupName}`);
      seen.push(row.message);
    }
    if (seen.length > 0) break;
  }
  assert.deepEqual(seen, ['ERROR one']);
});

test('a group that is not there', async () => {
  await assert.rejects(logs.send(new StartLiveTailCommand({
    logGroupIdentifiers: ['arn:aws:logs:ap-northeast-1:000000000000:log-group:absent'] })),
  ResourceNotFoundException);
});
