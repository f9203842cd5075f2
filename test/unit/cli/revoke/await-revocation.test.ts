/** For how long `certman revoke` waits. */
import { type Client, ServiceError, type WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { awaitRevocation } from '../../../../src/cli/revoke/await-revocation.ts';
import type { RevocationPlan } from '../../../../src/cli/revoke/plan-revocation.ts';
import { GRPC_STATUS } from '../../../../src/temporal/grpc-status.ts';

vi.mock('node:timers/promises', async (original) => ({
  ...(await original<object>()),
  setTimeout: (ms: number) => vi.advanceTimersByTimeAsync(ms),
}));

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test.each([5_000, 61_000, 90_000])(
  'no question to a worker that does not answer outlasts --timeout: %i ms',
  async (ms) => {
    const began = Date.now();
    const client = {
      // Each request takes all of its time.
      withDeadline: async (until: number) => {
        await vi.advanceTimersByTimeAsync(until - Date.now());
        const cause = Object.assign(new Error('late'), {
          code: GRPC_STATUS.DEADLINE_EXCEEDED,
          details: '',
          metadata: {},
        });
        throw new ServiceError('late', { cause });
      },
    } as unknown as Client;
    const plan = { cluster: 'ns/demo', bundleName: 'primary', serialNumber: '12' } as RevocationPlan;
    await expect(awaitRevocation(client, {} as WorkflowHandle, plan, began + ms)).rejects.toMatchObject({
      message: 'Certificate 12 is not revoked yet.',
    });
    expect(Date.now() - began).toBe(ms);
  },
);
