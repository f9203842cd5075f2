/** Orders whose DNS service serves others first: they wait in the workflow, not in a worker, and nothing has failed. */
import { describe, expect, test } from 'vitest';
import { clusterObserved } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness } from '../support/workflows/use-harness.ts';

const HOUR_MS = 3_600_000;

const withHarness = useWorkflowHarness();

const queued = (waitMs: number) => activityFailure('dns/queued', 'Others first.', new Date(Date.now() + waitMs));

describe('an order that is to come again', () => {
  test('publishes at its turn, with the instant at which it began to wait, and is not reported as failing', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const waits = [700, 500];
      const called: { readonly at: number; readonly waitingSince: string | undefined }[] = [];
      harness.doubles.override('publishTxtRecords', ({ waitingSince }) => {
        called.push({ at: Date.now(), waitingSince });
        const wait = waits.shift();
        if (wait !== undefined) throw queued(wait);
        return Promise.resolve({ zoneId: 'Z1', nameServers: [] });
      });
      await harness.start(view);
      await untilReady(harness, view);
      const [first, second, third] = called;
      expect(second?.at).toBeGreaterThanOrEqual((first?.at ?? 0) + 700);
      expect(third?.at).toBeGreaterThanOrEqual((second?.at ?? 0) + 500);
      expect(first?.waitingSince).toBeUndefined();
      expect(Date.parse(second?.waitingSince ?? '')).toBeLessThanOrEqual(first?.at ?? 0);
      expect(third?.waitingSince).toBe(second?.waitingSince);
      expect(harness.doubles.reports.map(({ state }) => state)).not.toContain('Failing');
      expect(harness.doubles.countOf('placeOrder')).toBe(1);
    });
  });

  test('does not hold up the deletion of its cluster', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('publishTxtRecords', () => Promise.reject(queued(HOUR_MS)));
      await harness.start(view);
      await eventually('the order waits', async () => harness.doubles.countOf('publishTxtRecords'), Boolean);
      const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await handle.result();
      expect(harness.doubles.countOf('removeFinalizer')).toBe(1);
    });
  });
});
