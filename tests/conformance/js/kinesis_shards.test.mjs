// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import {
  CreateStreamCommand, DeleteStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand,
  GetShardIteratorCommand, KinesisClient, PutRecordsCommand, SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const over = {
  'HTTP/1.1': () => new KinesisClient({ requestHandler: new NodeHttpHandler() }),
  'HTTP/2, the default of the client': () => new KinesisClient({}),
};

for (const [name, make] of Object.entries(over)) {
  test(`put and read over ${name}`, async () => {
    const client = make();
    const StreamName = `js-${randomUUID()}`;
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1, Tags: { a: 'b' } }));
    const { StreamDescriptionSummary } = await client.send(
      new DescribeStreamSummaryCommand({ StreamName }));
    assert.equal(StreamDescriptionSummary.StreamStatus, 'ACTIVE');
    const StreamARN = StreamDescriptionSummary.StreamARN;
    const put = await client.send(new PutRecordsCommand({
      StreamARN,
      Records: ['水', '路'].map((text) => ({ Data: Buffer.from(text), PartitionKey: 'k' })),
    }));
    assert.equal(put.FailedRecordCount, 0);
    await client.send(new SplitShardCommand({
      StreamARN, ShardToSplit: 'shardId-000000000000',
      NewStartingHashKey: (2n ** 127n).toString(),
    }));
    const { ShardIterator } = await client.send(new GetShardIteratorCommand({
      StreamARN, ShardId: 'shardId-000000000000', ShardIteratorType: 'AT_TIMESTAMP',
      Timestamp: new Date(Date.now() - 60_000),
    }));
    const page = await client.send(new GetRecordsCommand({ ShardIterator, StreamARN }));
    assert.deepEqual(page.Records.map((r) => Buffer.from(r.Data).toString()), ['水', '路']);
    assert.equal(page.Records[1].SequenceNumber, put.Records[1].SequenceNumber);
    assert.equal(page.NextShardIterator, undefined);
    assert.equal(page.ChildShards.length, 2);
    await client.send(new DeleteStreamCommand({ StreamARN }));
    await assert.rejects(client.send(new DescribeStreamSummaryCommand({ StreamName })),
      { name: 'ResourceNotFoundException' });
    client.destroy();
  });
}
