/** A client whose server answers lists of clusters' workflows as a test says. */

import { Client, type ConnectionLike } from '@temporalio/client';
import { defaultPayloadConverter, TypedSearchAttributes } from '@temporalio/common';
import { encodeUnifiedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import { msToTs } from '@temporalio/common/lib/time.js';
import Long from 'long';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CertAlso, CertExpiry, CertReason, CertRenewAt, CertState } from '../../../src/contract/search-attributes.ts';

/** WORKFLOW_EXECUTION_STATUS_RUNNING. */
const RUNNING = 1;

/**
 * The running workflow of a cluster `ns/<name>` of the management cluster `hive`, which needs attention unless it is at rest.
 * @param startedAt epoch milliseconds.
 */
export function execution(name: string, { state = 'Ready', startedAt = 1_000, atRest = false } = {}) {
  const identity = { managementCluster: 'hive', namespace: 'ns', name, uid: `uid-${name}` };
  const attributes = new TypedSearchAttributes([
    { key: CertState, value: state },
    { key: CertExpiry, value: new Date('2027-01-01T00:00:00Z') },
    ...(atRest ? REST : [{ key: CertAlso, value: ['apps: DnsNotDelegated'] }]),
  ]);
  return {
    execution: { workflowId: clusterWorkflowId(identity) },
    startTime: msToTs(startedAt),
    memo: { fields: { name: defaultPayloadConverter.toPayload(name) } },
    searchAttributes: { indexedFields: encodeUnifiedSearchAttributes(undefined, attributes) },
  };
}

const REST = [
  { key: CertReason, value: 'Ready' },
  { key: CertRenewAt, value: new Date('2026-12-15T00:00:00Z') },
];

/** What the server answers beside the lists of running workflows. */
export interface OtherAnswers {
  /** Of each query, or of the one that has this. */
  readonly count?: number | ((query: string) => number);
  /** Runs that have ended by continuing as new. */
  readonly continued?: readonly ReturnType<typeof execution>[];
  /** Latest runs, as a description has them. */
  readonly latest?: readonly ReturnType<typeof execution>[];
  /** Gets the query of each list of runs that have continued as new. */
  readonly continuedQueries?: string[];
}

/** @param lists the pages of the first list of running workflows, of the second and so on. @param queries gets the query of each. */
export function clientWithLists(
  lists: readonly (readonly (readonly object[])[])[],
  queries: string[],
  { count = 0, continued = [], latest = [], continuedQueries = [] }: OtherAnswers = {},
): Client {
  const list = ({ query, nextPageToken }: { readonly query: string; readonly nextPageToken: Uint8Array }) => {
    if (query.includes('ContinuedAsNew')) {
      continuedQueries.push(query);
      return { executions: continued, nextPageToken: Buffer.alloc(0) };
    }
    const page = Number(Buffer.from(nextPageToken).toString());
    if (page === 0) queries.push(query);
    const pages = lists[queries.length - 1] ?? [];
    const next = page + 1 < pages.length ? String(page + 1) : '';
    return { executions: pages[page] ?? [], nextPageToken: Buffer.from(next) };
  };
  const describe = ({ execution: { workflowId } }: { readonly execution: { readonly workflowId: string } }) => {
    const found = latest.find((one) => one.execution.workflowId === workflowId);
    if (found !== undefined)
      return Promise.resolve({
        workflowExecutionInfo: { ...found, type: {}, status: RUNNING, historyLength: Long.ZERO },
      });
    return Promise.reject(Object.assign(new Error('not found'), { code: 5, details: '', metadata: { get: () => [] } }));
  };
  const connection = {
    plugins: [],
    withDeadline: (_deadline: number, call: () => unknown) => call(),
    withAbortSignal: (_signal: AbortSignal, call: () => unknown) => call(),
    workflowService: {
      countWorkflowExecutions: ({ query }: { readonly query: string }) =>
        Promise.resolve({ count: Long.fromNumber(typeof count === 'number' ? count : count(query)), groups: [] }),
      listWorkflowExecutions: (request: Parameters<typeof list>[0]) => Promise.resolve(list(request)),
      describeWorkflowExecution: describe,
    },
  };
  return new Client({ connection: connection as unknown as ConnectionLike });
}
