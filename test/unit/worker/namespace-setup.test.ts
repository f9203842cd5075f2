import type { ConnectionLike } from '@temporalio/client';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../../src/contract/search-attributes.ts';
import { waitForSearchAttributes } from '../../../src/worker/namespace-setup.ts';

const logger = pino({ level: 'silent' });
const { signal } = new AbortController();

/** A frontend that answers lists in turn: with a gRPC status, or 0 for success. */
function frontend(codes: readonly number[]): { readonly connection: ConnectionLike; readonly queries: string[] } {
  const queries: string[] = [];
  const listWorkflowExecutions = ({ query }: { readonly query: string }): Promise<object> => {
    const code = codes[queries.push(query) - 1] ?? 0;
    return code === 0 ? Promise.resolve({}) : Promise.reject(Object.assign(new Error(`status ${code}`), { code }));
  };
  return { connection: { workflowService: { listWorkflowExecutions } } as unknown as ConnectionLike, queries };
}

test('a worker waits until the frontend accepts every search attribute', async () => {
  const { connection, queries } = frontend([3, 3]);
  await waitForSearchAttributes(connection, 'certman', logger, signal);
  expect(queries).toHaveLength(3);
  for (const { name } of SEARCH_ATTRIBUTES) expect(queries[0]).toContain(name);
});

test('a visibility store that is down or forbidden does not hold up the start', async () => {
  for (const code of [7, 14]) {
    const { connection, queries } = frontend([code]);
    await waitForSearchAttributes(connection, 'certman', logger, signal);
    expect(queries).toHaveLength(1);
  }
});

test('a worker that is stopped waits no longer', async () => {
  const ended = new AbortController();
  const { connection } = frontend(Array.from({ length: 10_000 }, () => 3));
  const waiting = waitForSearchAttributes(connection, 'certman', logger, ended.signal);
  ended.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
});
