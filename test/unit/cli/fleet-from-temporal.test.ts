import { Client, type ConnectionLike } from '@temporalio/client';
import { defaultPayloadConverter, TypedSearchAttributes } from '@temporalio/common';
import { encodeUnifiedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import { expect, test } from 'vitest';
import { fleetFromTemporal } from '../../../src/cli/status/from-temporal.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CertExpiry, CertState } from '../../../src/contract/search-attributes.ts';
import { workflowPages } from '../../../src/controller/workflow-pages.ts';

const LONG_NAME = 'n'.repeat(250);

function execution(name: string) {
  const identity = { managementCluster: 'hive', namespace: 'ns', name, uid: 'u' };
  const attributes = new TypedSearchAttributes([
    { key: CertState, value: 'Ready' },
    { key: CertExpiry, value: new Date('2027-01-01T00:00:00Z') },
  ]);
  return {
    execution: { workflowId: clusterWorkflowId(identity) },
    memo: { fields: { name: defaultPayloadConverter.toPayload(name) } },
    searchAttributes: { indexedFields: encodeUnifiedSearchAttributes(undefined, attributes) },
  };
}

/** @param asked gets the token of each page that is asked for. */
function clientWithPages(pages: readonly (readonly object[])[], asked: string[]): Client {
  const connection = {
    plugins: [],
    withDeadline: (_deadline: number, call: () => unknown) => call(),
    workflowService: {
      listWorkflowExecutions: ({ nextPageToken }: { readonly nextPageToken: Uint8Array }) => {
        const page = Number(Buffer.from(nextPageToken).toString());
        asked.push(String(page));
        const next = page + 1 < pages.length ? String(page + 1) : '';
        return Promise.resolve({ executions: pages[page] ?? [], nextPageToken: Buffer.from(next) });
      },
    },
  };
  return new Client({ connection: connection as unknown as ConnectionLike });
}

test('the rows of all pages, each with its search attributes', async () => {
  const asked: string[] = [];
  const pages = [[execution('a'), { execution: { workflowId: 'cluster/other/ns/x/u' } }], [execution('b')], []];
  const { clusters } = await fleetFromTemporal(clientWithPages(pages, asked), 'hive');
  expect(clusters.map(({ cluster, state, notAfter }) => [cluster, state, notAfter])).toEqual([
    ['ns/a', 'Ready', '2027-01-01T00:00:00.000Z'],
    ['ns/b', 'Ready', '2027-01-01T00:00:00.000Z'],
  ]);
  expect(asked).toEqual(['0', '1', '2']);
});

test('a name that the workflow id truncates is whole', async () => {
  const { clusters } = await fleetFromTemporal(clientWithPages([[execution(LONG_NAME)]], []), 'hive');
  expect(clusters.map(({ cluster }) => cluster)).toEqual([`ns/${LONG_NAME}`]);
});

test('a page that is asked for ahead and fails ends the list, and nothing where the reader has stopped', async () => {
  const failing = new Error('unavailable');
  let asked = 0;
  const connection = {
    plugins: [],
    withDeadline: (_deadline: number, call: () => unknown) => call(),
    workflowService: {
      listWorkflowExecutions: () => {
        asked += 1;
        if (asked % 2 === 0) return Promise.reject(failing);
        return Promise.resolve({ executions: [execution('a')], nextPageToken: Buffer.from('1') });
      },
    },
  };
  const client = new Client({ connection: connection as unknown as ConnectionLike });
  await expect(fleetFromTemporal(client, 'hive')).rejects.toBe(failing);
  for await (const page of workflowPages(client, 'q', 1_000)) {
    expect(page).toHaveLength(1);
    break;
  }
  // Unhandled, its rejection would fail the test by now.
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toBe(4);
});
