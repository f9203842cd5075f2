import { AsyncLocalStorage } from 'node:async_hooks';
import type { Client } from '@temporalio/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { listExecutions } from '../../../src/controller/cluster-workflow-client.ts';

const PAGE_LIMIT_MS = 20_000;
const PAGE_TAKES_MS = 15_000;
const PAGES = 4;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** A client whose server takes long for each page of two, and holds it to the deadline of the call. */
function slowClient() {
  const calls = new AsyncLocalStorage<number>();
  const left: number[] = [];
  async function* list() {
    for (let page = 0; page < PAGES; page += 1) {
      left.push((calls.getStore() ?? 0) - Date.now());
      vi.setSystemTime(Date.now() + PAGE_TAKES_MS);
      yield* [{ runId: `${page}a` }, { runId: `${page}b` }];
    }
  }
  const client = {
    withDeadline: (deadline: number, call: () => Promise<unknown>) => calls.run(deadline, call),
    workflow: { list },
  };
  return { client: client as unknown as Pick<Client, 'withDeadline' | 'workflow'>, left };
}

test('each page of a list has the whole time limit, however long the pages before took', async () => {
  const { client, left } = slowClient();
  const found: string[] = [];
  for await (const { runId } of listExecutions(client, {}, PAGE_LIMIT_MS)) found.push(runId);
  expect(found).toHaveLength(2 * PAGES);
  expect(left).toEqual(Array(PAGES).fill(PAGE_LIMIT_MS));
});
