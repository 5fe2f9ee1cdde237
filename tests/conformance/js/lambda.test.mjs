// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateFunctionCommand, DeleteFunctionCommand, InvokeCommand, LambdaClient,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

const client = new LambdaClient({});

const zipped = (name, source) => {
  const folder = mkdtempSync(join(tmpdir(), 'suiro-js-'));
  writeFileSync(join(folder, name), source);
  execFileSync('/usr/bin/python3', ['-m', 'zipfile', '-c', 'code.zip', name], { cwd: folder });
  return readFileSync(join(folder, 'code.zip'));
};

const create = async (Runtime, Handler, ZipFile) => {
  const FunctionName = `js-${randomUUID()}`;
  await client.send(new CreateFunctionCommand({
    FunctionName, Runtime, Handler, Code: { ZipFile },
    Role: 'arn:aws:iam::000000000000:role/test', Timeout: 10,
  }));
  await waitUntilFunctionActiveV2({ client, maxWaitTime: 30 }, { FunctionName });
  return FunctionName;
};

test('a Node.js function is invoked, and its log can be read', async () => {
  const FunctionName = await create('nodejs20.x', 'index.handler', zipped('index.mjs', `
    export const handler = async (event, context) => {
      console.log('seen', event.n);
      return { twice: event.n * 2, name: context.functionName };
    };`));
  const reply = await client.send(new InvokeCommand({
    FunctionName, Payload: JSON.stringify({ n: 21 }), LogType: 'Tail',
  }));
  assert.equal(reply.FunctionError, undefined);
  assert.deepEqual(JSON.parse(Buffer.from(reply.Payload).toString()),
    { twice: 42, name: FunctionName });
  assert.match(Buffer.from(reply.LogResult, 'base64').toString(), /seen 21/);
  const logs = new CloudWatchLogsClient({});
  for (;;) {  // the log is written behind the reply; the test's own time limit ends this
    const { events = [] } = await logs.send(new FilterLogEventsCommand({
      logGroupName: `/aws/lambda/${FunctionName}`, filterPattern: 'seen',
    })).catch(() => ({}));
    if (events.length === 1) break;
  }
  await client.send(new DeleteFunctionCommand({ FunctionName }));
});

test('an error of the function comes back as its error', async () => {
  const FunctionName = await create('nodejs20.x', 'index.handler', zipped('index.mjs',
    'export const handler = async () => { throw new RangeError("too far"); };'));
  const reply = await client.send(new InvokeCommand({ FunctionName }));
  assert.equal(reply.FunctionError, 'Unhandled');
  const error = JSON.parse(Buffer.from(reply.Payload).toString());
  assert.equal(error.errorType, 'RangeError');
  assert.equal(error.errorMessage, 'too far');
});

test('the caller is the root of the account', async () => {
  const identity = await new STSClient({}).send(new GetCallerIdentityCommand({}));
  assert.equal(identity.Arn, `arn:aws:iam::${identity.Account}:root`);
});
