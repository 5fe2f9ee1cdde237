// SPDX-License-Identifier: Apache-2.0
// Amazon ECS: definitions, clusters and services with the SDK's own types and waiters.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import {
  CreateClusterCommand, CreateServiceCommand, DeleteClusterCommand, DeleteServiceCommand,
  DeleteTaskDefinitionsCommand, DeregisterTaskDefinitionCommand, DescribeTaskDefinitionCommand,
  DescribeTasksCommand, ECSClient, RegisterTaskDefinitionCommand, RunTaskCommand,
  waitUntilServicesInactive, waitUntilServicesStable,
} from '@aws-sdk/client-ecs';

const client = new ECSClient({});
const containerDefinitions = [{ name: 'main', image: 'busybox', memory: 64 }];

test('a definition lives and is deleted; its number is not used again', async () => {
  const family = `js-${randomUUID()}`;
  const register = async () => (await client.send(new RegisterTaskDefinitionCommand({
    family, containerDefinitions, tags: [{ key: 'a', value: 'b' }],
  }))).taskDefinition;
  const made = await register();
  assert.ok(made.registeredAt instanceof Date);
  const read = await client.send(new DescribeTaskDefinitionCommand({
    taskDefinition: family, include: ['TAGS'],
  }));
  assert.deepEqual(read.taskDefinition, made);
  assert.deepEqual(read.tags, [{ key: 'a', value: 'b' }]);
  const taskDefinition = made.taskDefinitionArn;
  const active = await client.send(new DeleteTaskDefinitionsCommand({
    taskDefinitions: [taskDefinition],
  }));
  assert.equal(active.failures[0].arn, taskDefinition);
  await client.send(new DeregisterTaskDefinitionCommand({ taskDefinition }));
  const gone = await client.send(new DeleteTaskDefinitionsCommand({
    taskDefinitions: [taskDefinition],
  }));
  assert.equal(gone.taskDefinitions[0].status, 'DELETE_IN_PROGRESS');
  await assert.rejects(client.send(new DescribeTaskDefinitionCommand({ taskDefinition })),
    { name: 'ClientException', message: 'Unable to describe task definition.' });
  assert.equal((await register()).revision, 2);
});

test('a service without tasks is stable, and goes', async () => {
  const cluster = `js-${randomUUID()}`;
  await client.send(new CreateClusterCommand({ clusterName: cluster }));
  await client.send(new RegisterTaskDefinitionCommand({ family: cluster, containerDefinitions }));
  await client.send(new CreateServiceCommand({
    cluster, serviceName: 'web', taskDefinition: cluster, desiredCount: 0,
  }));
  const waiting = { client, minDelay: 1, maxDelay: 1, maxWaitTime: 30 };
  await waitUntilServicesStable(waiting, { cluster, services: ['web'] });
  await client.send(new DeleteServiceCommand({ cluster, service: 'web' }));
  await waitUntilServicesInactive(waiting, { cluster, services: ['web'] });
  await client.send(new DeleteClusterCommand({ cluster }));
  await assert.rejects(client.send(new RunTaskCommand({ cluster, taskDefinition: cluster })),
    { name: 'ClusterNotFoundException' });
});

test('a task that is larger than the machine fails at once', async () => {
  const family = `js-${randomUUID()}`;
  await client.send(new RegisterTaskDefinitionCommand({
    family, containerDefinitions: [{ name: 'main', image: 'busybox', memory: 2 ** 24 }],
  }));
  const { tasks, failures } = await client.send(new RunTaskCommand({ taskDefinition: family }));
  assert.deepEqual(tasks, []);
  // AGENT: this machine runs no containers at all.
  assert.ok(['RESOURCE:MEMORY', 'AGENT'].includes(failures[0].reason));
  const none = await client.send(new DescribeTasksCommand({ tasks: ['f'.repeat(32)] }));
  assert.equal(none.failures[0].reason, 'MISSING');
});
