/** The newest orders of a history, which visibility does not list yet. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import { OperatorRequests } from '../../../src/cli/history/operator-requests.ts';
import { readLatestOrders } from '../../../src/cli/history/read-orders.ts';
import type { ClusterStatus } from '../../../src/contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { CertReason } from '../../../src/contract/search-attributes.ts';

const identity = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'u' };
const id = (bundle: string, number: number): string => issuanceWorkflowId(identity, bundle, number);
const at = new Date('2026-11-30T12:00:00Z');
const executions: Readonly<Record<string, string>> = {
  [id('a', 2)]: 'COMPLETED',
  [id('b', 1)]: 'RUNNING',
  [id('c', 3)]: 'COMPLETED',
};
const handle = (workflowId: string) => ({
  describe: () => {
    const name = executions[workflowId];
    if (name === undefined) return Promise.reject(new WorkflowNotFoundError('gone', workflowId, undefined));
    const typedSearchAttributes = new TypedSearchAttributes([{ key: CertReason, value: 'RenewalDue' }]);
    return Promise.resolve({ workflowId, runId: 'r', status: { name }, startTime: at, typedSearchAttributes });
  },
  result: () => Promise.resolve({ certificate: { serialNumber: workflowId } }),
});
const withDeadline = (_deadline: number, call: () => unknown) => call();
const client = {
  withDeadline,
  workflow: { getHandle: handle },
} as unknown as Client;
vi.mock('../../../src/payloads/data-converter.ts', () => ({ withTolerantMemos: (one: Client) => one }));

const bundles = { a: { orders: 2 }, b: { orders: 1 }, c: { orders: 3 }, d: { orders: 0 }, e: { orders: 4 } };

test('an order that ended and is not listed yet is read by its id; one that runs, is listed or was lost is not', async () => {
  const status = { cluster: { identity }, bundles } as unknown as ClusterStatus;
  const listed = [{ workflowId: id('c', 3) }, { workflowId: id('a', 1) }];
  const found = await readLatestOrders(client, new OperatorRequests(client), status, listed);
  expect(found).toMatchObject([
    { uid: 'u', bundle: 'a', workflowId: id('a', 2), reason: 'RenewalDue', issuedAt: at.toISOString() },
  ]);
});

test('the history of the run that started several orders is read once', async () => {
  const fetchHistory = vi.fn(() => Promise.resolve({ events: [] }));
  const parentExecution = { workflowId: 'cluster', runId: 'parent' };
  const typedSearchAttributes = new TypedSearchAttributes([{ key: CertReason, value: 'RenewRequested' }]);
  const execution = {
    runId: 'r',
    status: { name: 'COMPLETED' },
    startTime: at,
    typedSearchAttributes,
    parentExecution,
  };
  const result = () => Promise.resolve({});
  const parent = {
    withDeadline,
    workflow: {
      getHandle: (workflowId: string) => {
        const describe = () => Promise.resolve({ ...execution, workflowId });
        return { describe, result, fetchHistory };
      },
    },
  } as unknown as Client;
  const requests = new OperatorRequests(parent);
  const status = { cluster: { identity }, bundles } as unknown as ClusterStatus;
  expect(await readLatestOrders(parent, requests, status, [])).toHaveLength(4);
  expect(await readLatestOrders(parent, requests, status, [])).toHaveLength(4);
  expect(fetchHistory).toHaveBeenCalledOnce();
});
