import { type Client, ServiceError, type WorkflowHandle } from '@temporalio/client';
import { expect, test } from 'vitest';
import { queryClusterStatus, updateCluster } from '../../../src/cli/cluster-workflow.ts';

/** As grpc-js has them: https://grpc.io/docs/guides/status-codes/. */
function failingWith(code: number): Client {
  const cause = Object.assign(new Error('grpc'), { code, details: '', metadata: {} });
  const fail = () => Promise.reject(new ServiceError('Failed to query Workflow', { cause }));
  return { withDeadline: fail } as unknown as Client;
}

test.each([
  [4, 'No worker of this management cluster answers within ten seconds.'],
  [9, 'No worker of this management cluster answers.'],
  [14, 'Temporal does not respond.'],
])('a query that fails with gRPC status %i says why, and what to do', async (code, message) => {
  const query = queryClusterStatus(failingWith(code), {} as WorkflowHandle);
  await expect(query).rejects.toMatchObject({
    code: 'temporal/unreachable',
    message,
    info: { remedy: expect.stringContaining('doctor') as string },
  });
});

test('an update is not sent where no worker answers: it would wait without end', async () => {
  let sent = 0;
  const update = () => Promise.resolve((sent += 1));
  await expect(updateCluster(failingWith(9), {} as WorkflowHandle, update)).rejects.toMatchObject({
    code: 'temporal/unreachable',
  });
  expect(sent).toBe(0);
  const answering = { withDeadline: () => Promise.resolve({}) } as unknown as Client;
  expect(await updateCluster(answering, {} as WorkflowHandle, update)).toBe(1);
});
