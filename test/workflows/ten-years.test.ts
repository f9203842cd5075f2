import { expect, test } from 'vitest';
import { simulateYears } from '../support/simulation/simulated-years.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

/** Upper bound for a cycle. Measured: 55 in a run that issues and renews; a task that times out on a slow machine adds three. */
const MAX_EVENTS = 58;
/** Measured: 11, as in order-cost.test.ts. One that is not fulfilled with its placement has 17. */
const MAX_ORDER_EVENTS = 14;
/** For one more unexpired certificate, and longer numbers. */
const STATE_GROWTH_BYTES = 256;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

test.each([
  { days: 45, years: 10, renewals: 165, daysLeft: 22.5 },
  { days: 6, years: 1, renewals: 123, daysLeft: 3 },
])(
  'certificates of $days days for $years × 365 days: $renewals renewals, an order each, none late, histories and state as small as at the start',
  async ({ days, years, renewals, daysLeft }) => {
    await withHarness(async (harness) => {
      const life = await simulateYears(harness, { days, years });
      expect(life).toMatchObject({ renewals, expectedRenewals: renewals, orders: renewals + 1, mostOrdersPerCycle: 1 });
      expect(life.leastDaysLeft).toBeGreaterThan(daysLeft - 0.01);
      expect(life.mostSecondsLate).toBeLessThan(60);
      expect(life.maxEvents).toBeLessThanOrEqual(MAX_EVENTS);
      expect(life.maxOrderEvents).toBeLessThanOrEqual(MAX_ORDER_EVENTS);
      expect(life.lastStateBytes).toBeLessThanOrEqual(life.firstStateBytes + STATE_GROWTH_BYTES);
    });
  },
);
