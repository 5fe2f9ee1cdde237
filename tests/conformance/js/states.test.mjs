// SPDX-License-Identifier: Apache-2.0
// Step Functions with the JavaScript SDK: state machines, versions, aliases, tags, validation,
// synchronous executions.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns';
import { Agent } from 'node:http';
import { test } from 'node:test';

import {
  ConflictException, CreateStateMachineAliasCommand, CreateStateMachineCommand,
  DeleteStateMachineAliasCommand, DeleteStateMachineCommand, DeleteStateMachineVersionCommand,
  DescribeStateMachineAliasCommand, DescribeStateMachineCommand, InvalidDefinition,
  ListStateMachineAliasesCommand, ListStateMachineVersionsCommand, ListTagsForResourceCommand,
  PublishStateMachineVersionCommand, ResourceNotFound, SFNClient, StartSyncExecutionCommand,
  StateMachineAlreadyExists, StateMachineDoesNotExist, StateMachineTypeNotSupported,
  TagResourceCommand, UpdateStateMachineAliasCommand, UpdateStateMachineCommand,
  ValidateStateMachineDefinitionCommand,
} from '@aws-sdk/client-sfn';

const states = new SFNClient({});
const roleArn = 'arn:aws:iam::000000000000:role/r';
const definition = (Comment) => JSON.stringify({
  Comment, StartAt: 'A', States: { A: { Type: 'Pass', End: true } },
});

const machine = async (t, more = {}) => {
  const made = await states.send(new CreateStateMachineCommand({
    name: `js-${randomUUID()}`, definition: definition('one'), roleArn, ...more,
  }));
  const { stateMachineArn } = made;
  t.after(() => states.send(new DeleteStateMachineCommand({ stateMachineArn })));
  return made;
};

test('a machine and its variables', async (t) => {
  const name = `js-${randomUUID()}`;
  const text = JSON.stringify({
    StartAt: 'A',
    States: {
      A: { Type: 'Pass', Assign: { x: 1 }, Next: 'B' },
      B: { Type: 'Pass', Parameters: { 'y.$': '$x' }, End: true },
    },
  });
  const { stateMachineArn } = await machine(t, { name, definition: text });
  const told = await states.send(new DescribeStateMachineCommand({ stateMachineArn }));
  assert.equal(told.definition, text);
  assert.deepEqual(told.variableReferences, { B: ['x'] });
  assert.deepEqual(told.encryptionConfiguration, { type: 'AWS_OWNED_KEY' });
  const bare = await states.send(new DescribeStateMachineCommand({
    stateMachineArn, includedData: 'METADATA_ONLY',
  }));
  assert.equal(bare.definition, '{}');
  await assert.rejects(
    states.send(new CreateStateMachineCommand({ name, definition: definition('x'), roleArn })),
    StateMachineAlreadyExists);
  await assert.rejects(
    states.send(new CreateStateMachineCommand({ name, definition: '{', roleArn })),
    InvalidDefinition);
  await assert.rejects(
    states.send(new DescribeStateMachineCommand({ stateMachineArn: `${stateMachineArn}0` })),
    StateMachineDoesNotExist);
});

test('versions and aliases', async (t) => {
  const { stateMachineArn, stateMachineVersionArn: first } = await machine(t, {
    publish: true, versionDescription: 'first',
  });
  assert.equal(first, `${stateMachineArn}:1`);
  const changed = await states.send(new UpdateStateMachineCommand({
    stateMachineArn, definition: definition('two'),
  }));
  await assert.rejects(states.send(new PublishStateMachineVersionCommand({
    stateMachineArn, revisionId: 'INITIAL',
  })), ConflictException);
  const { stateMachineVersionArn: second } = await states.send(
    new PublishStateMachineVersionCommand({ stateMachineArn, revisionId: changed.revisionId }));
  const versions = [];
  for (let nextToken, more = true; more; more = nextToken !== undefined) {
    const page = await states.send(new ListStateMachineVersionsCommand({
      stateMachineArn, maxResults: 1, nextToken,
    }));
    versions.push(...page.stateMachineVersions.map((row) => row.stateMachineVersionArn));
    nextToken = page.nextToken;
  }
  assert.deepEqual(versions, [second, first]);
  const old = await states.send(new DescribeStateMachineCommand({ stateMachineArn: first }));
  assert.equal(old.definition, definition('one'));
  assert.equal(old.description, 'first');

  const route = (...weights) => weights.map(([stateMachineVersionArn, weight]) =>
    ({ stateMachineVersionArn, weight }));
  const { stateMachineAliasArn } = await states.send(new CreateStateMachineAliasCommand({
    name: 'live', description: 'd', routingConfiguration: route([first, 90], [second, 10]),
  }));
  assert.equal(stateMachineAliasArn, `${stateMachineArn}:live`);
  await assert.rejects(
    states.send(new DeleteStateMachineVersionCommand({ stateMachineVersionArn: first })),
    ConflictException);
  const listed = await states.send(new ListStateMachineAliasesCommand({ stateMachineArn: second }));
  assert.deepEqual(listed.stateMachineAliases.map((row) => row.stateMachineAliasArn),
    [stateMachineAliasArn]);
  await states.send(new UpdateStateMachineAliasCommand({
    stateMachineAliasArn, routingConfiguration: route([second, 100]),
  }));
  const alias = await states.send(new DescribeStateMachineAliasCommand({ stateMachineAliasArn }));
  assert.equal(alias.name, 'live');
  assert.equal(alias.description, 'd');
  assert.deepEqual(alias.routingConfiguration, route([second, 100]));
  await states.send(new DeleteStateMachineVersionCommand({ stateMachineVersionArn: first }));
  await states.send(new DeleteStateMachineAliasCommand({ stateMachineAliasArn }));
  await assert.rejects(
    states.send(new DescribeStateMachineAliasCommand({ stateMachineAliasArn })), ResourceNotFound);
});

test('tags', async (t) => {
  const { stateMachineArn: resourceArn } = await machine(t, { tags: [{ key: 'a', value: '1' }] });
  await states.send(new TagResourceCommand({ resourceArn, tags: [{ key: 'b', value: '2' }] }));
  const { tags } = await states.send(new ListTagsForResourceCommand({ resourceArn }));
  assert.deepEqual(tags, [{ key: 'a', value: '1' }, { key: 'b', value: '2' }]);
});

test('a definition is validated', async () => {
  const good = await states.send(new ValidateStateMachineDefinitionCommand({
    definition: definition('one'),
  }));
  assert.deepEqual([good.result, good.diagnostics, good.truncated], ['OK', [], false]);
  const bad = await states.send(new ValidateStateMachineDefinitionCommand({
    definition: '{"StartAt": "A"}', type: 'EXPRESS',
  }));
  assert.equal(bad.result, 'FAIL');
  assert.equal(bad.diagnostics[0].code, 'SCHEMA_VALIDATION_FAILED');
});

test('a synchronous execution, at the host that the SDK makes of the endpoint', async (t) => {
  const hosts = [];
  const agent = new Agent({
    lookup: (host, options, done) => {
      hosts.push(host);
      lookup(host.replace(/^sync-/, ''), options, done);
    },
  });
  t.after(() => agent.destroy());
  const sync = new SFNClient({ requestHandler: { httpAgent: agent } });
  const { stateMachineArn } = await machine(t, { type: 'EXPRESS' });
  const told = await sync.send(new StartSyncExecutionCommand({
    stateMachineArn, input: '{"n": 1}', name: 'once',
  }));
  assert.deepEqual(hosts.map((host) => host.startsWith('sync-')), [true]);
  assert.deepEqual([told.status, JSON.parse(told.output), told.name],
    ['SUCCEEDED', { n: 1 }, 'once']);
  assert.ok(told.billingDetails.billedMemoryUsedInMB > 0);
  const { stateMachineArn: standard } = await machine(t);
  await assert.rejects(sync.send(new StartSyncExecutionCommand({ stateMachineArn: standard })),
    StateMachineTypeNotSupported);
});
