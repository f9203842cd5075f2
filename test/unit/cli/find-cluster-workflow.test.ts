/** Which workflow a command talks to, by what visibility lists. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { expect, test, vi } from 'vitest';
import { findClusterWorkflow } from '../../../src/cli/cluster-workflow.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';

vi.mock('../../../src/payloads/data-converter.ts', () => ({ withTolerantMemos: (one: Client) => one }));

const named = { namespace: 'ns', name: 'c1' };
const workflowId = clusterWorkflowId({ managementCluster: 'hive', ...named, uid: 'u' });
const execution = { workflowId, startTime: new Date(), memo: {} };

/** @param listed by the status that a query asks for. @param now the status of the latest run; undefined: there is none any more. */
function clientOf(listed: Readonly<Record<string, readonly object[]>>, now: string | undefined): Client {
  const list = async function* ({ query }: { readonly query: string }) {
    yield* listed[/ExecutionStatus = '(\w+)'/.exec(query)?.[1] ?? ''] ?? [];
  };
  let hasDeadline = false;
  const describe = () => {
    if (!hasDeadline) return Promise.reject(new Error('without a deadline'));
    if (now === undefined) return Promise.reject(new WorkflowNotFoundError('not found', workflowId, undefined));
    return Promise.resolve({ status: { name: now } });
  };
  return {
    withDeadline: async (_deadline: number, call: () => unknown) => {
      hasDeadline = true;
      try {
        return await call();
      } finally {
        hasDeadline = false;
      }
    },
    workflow: { list, getHandle: (id: string) => ({ workflowId: id, describe }) },
  } as unknown as Client;
}

test.each([
  ['a run that is listed', { Running: [execution] }, 'RUNNING', workflowId],
  ['a run that continues another one and is not listed yet', { ContinuedAsNew: [execution] }, 'RUNNING', workflowId],
  ['none that has ended', { ContinuedAsNew: [execution] }, 'COMPLETED', undefined],
  ['none that Temporal does not keep any more', { ContinuedAsNew: [execution] }, undefined, undefined],
  ['none where there is none', {}, 'RUNNING', undefined],
])('finds %s', async (_what, listed, now, expected) => {
  expect((await findClusterWorkflow(clientOf(listed, now), 'hive', named))?.workflowId).toBe(expected);
});
