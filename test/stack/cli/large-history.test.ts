/** A history of which one page exceeds gRPC's limit of a message, on a Temporal server of its own. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { withTemporal } from '../../../src/cli/temporal-client.ts';
import { startTemporalServer, type TemporalServer } from '../../support/temporal/temporal-server.ts';

const SIGNALS = 4;
const SIGNAL_BYTES = 1_500_000;

let server: TemporalServer;

beforeAll(async () => {
  server = await startTemporalServer({ inMemory: true });
});
afterAll(() => server.remove());
afterEach(() => vi.unstubAllEnvs());

test('is read by the client of the command line', async () => {
  vi.stubEnv('TEMPORAL_ADDRESS', server.address);
  const events = await withTemporal(async (client) => {
    // No worker: the signals are in the history all the same.
    const handle = await client.workflow.start('none', { workflowId: 'large', taskQueue: 'none' });
    for (let count = 0; count < SIGNALS; count += 1) await handle.signal('fill', 'x'.repeat(SIGNAL_BYTES));
    return (await handle.fetchHistory()).events ?? [];
  });
  expect(events.filter((event) => event.workflowExecutionSignaledEventAttributes)).toHaveLength(SIGNALS);
});
