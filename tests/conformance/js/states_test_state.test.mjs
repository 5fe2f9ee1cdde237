// SPDX-License-Identifier: Apache-2.0
// TestState of Step Functions with the JavaScript SDK, which knows mocks and inspections.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SFNClient, TestStateCommand, ValidationException } from '@aws-sdk/client-sfn';

// The SDK would put "sync-" in front of the address.
const states = new SFNClient({ disableHostPrefix: true });
const ask = (definition, more) => states.send(new TestStateCommand({
  definition: JSON.stringify(definition), inspectionLevel: 'DEBUG', ...more,
}));

const task = {
  Type: 'Task',
  QueryLanguage: 'JSONata',
  Resource: 'arn:aws:states:::lambda:invoke',
  Arguments: { FunctionName: 'f', Payload: '{% $states.input.a %}' },
  Output: '{% $states.result.Payload %}',
  Retry: [{ ErrorEquals: ['E'], IntervalSeconds: 3 }],
  Next: 'N',
};

test('a mocked task', async () => {
  const told = await ask(task, {
    input: '{"a":1}', mock: { result: '{"StatusCode":200,"Payload":{"b":2}}' },
  });
  assert.equal(told.status, 'SUCCEEDED');
  assert.equal(told.nextState, 'N');
  assert.deepEqual(JSON.parse(told.output), { b: 2 });
  assert.deepEqual(JSON.parse(told.inspectionData.afterArguments),
    { FunctionName: 'f', Payload: 1 });
});

test('a mocked error is retried', async () => {
  const told = await ask(task, {
    input: '{"a":1}',
    mock: { errorOutput: { error: 'E', cause: 'C' } },
    stateConfiguration: { retrierRetryCount: 1 },
  });
  assert.deepEqual([told.status, told.error, told.cause], ['RETRIABLE', 'E', 'C']);
  assert.deepEqual(told.inspectionData.errorDetails,
    { retryIndex: 0, retryBackoffIntervalSeconds: 6 });
});

test('a mocked Map tells its numbers and items', async () => {
  const map = {
    Type: 'Map',
    ItemSelector: { 'v.$': '$$.Map.Item.Value' },
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      StartAt: 'P',
      States: { P: { Type: 'Pass', End: true } },
    },
    MaxConcurrency: 5,
    ToleratedFailurePercentage: 50,
    End: true,
  };
  const asked = { input: '[1,2,3]', mock: { result: '[1,2]' } };
  const told = await ask(map, { ...asked, stateConfiguration: { mapIterationFailureCount: 1 } });
  assert.equal(told.status, 'SUCCEEDED');
  const { maxConcurrency, toleratedFailurePercentage, afterItemSelector } = told.inspectionData;
  assert.deepEqual([maxConcurrency, toleratedFailurePercentage], [5, 50]);
  assert.deepEqual(JSON.parse(afterItemSelector), [{ v: 1 }, { v: 2 }, { v: 3 }]);
  const failed = await ask(map, { ...asked, stateConfiguration: { mapIterationFailureCount: 2 } });
  assert.equal(failed.error, 'States.ExceedToleratedFailureThreshold');
});

test('a mock that no service would give', async () => {
  await assert.rejects(ask(task, { mock: { result: '{"StatusCode":"200"}' } }), (error) => {
    assert.ok(error instanceof ValidationException);
    assert.equal(error.message,
      "Mock result schema validation error: Field 'StatusCode' must be a number");
    return true;
  });
});
