/** Scenarios in which a planned renewal waits for the end of a freeze. */
import { dependencyChanged } from '../../../../src/contract/cluster-certificates.ts';
import { clusterView } from '../../workflows/cluster-views.ts';
import {
  DAY_MS,
  type HistoryScenario,
  idOf,
  rejectNonRetryable,
  type ScenarioContext,
  startCluster,
  waitForContinueAsNew,
  waitForState,
  waitForStatus,
} from './scenario.ts';

/** Renewed with half of it left; it waits for four seconds at most. */
const LIFETIME_DAYS = 20_000 / DAY_MS;

export const RENEWAL_WINDOWS: readonly HistoryScenario[] = [
  {
    name: 'renewal-postponed',
    run: async (context) => {
      freeze(context);
      return await renewAfterFreeze(context, () => Promise.resolve());
    },
  },
  {
    name: 'retry-postponed',
    run: async (context) =>
      await renewAfterFreeze(context, async (view) => {
        context.doubles.override('placeOrder', () => rejectNonRetryable('acme/unreachable', 'The CA does not answer.'));
        await waitForState(context, view, 'Failing');
        context.doubles.override('placeOrder', undefined);
        freeze(context);
        await context.client.workflow.getHandle(idOf(view)).signal(dependencyChanged, { what: 'A freeze began.' });
      }),
  },
];

function freeze({ doubles }: ScenarioContext): void {
  const [from, to] = [-DAY_MS, DAY_MS].map((ms) => new Date(Date.now() + ms).toISOString());
  doubles.renewalWindows = { freezes: [{ name: 'launch', from, to }] };
}

async function renewAfterFreeze(
  context: ScenarioContext,
  begin: (view: ReturnType<typeof clusterView>) => Promise<void>,
): Promise<readonly string[]> {
  const view = clusterView();
  context.doubles.lifetimeDays = LIFETIME_DAYS;
  const handle = await startCluster(context, view);
  await waitForState(context, view, 'Ready');
  context.doubles.lifetimeDays = 90;
  await begin(view);
  await waitForStatus(context, view, 'it waits', ({ bundles }) => bundles['primary']?.postponement !== undefined);
  context.doubles.renewalWindows = undefined;
  await handle.signal(dependencyChanged, { what: 'The freeze ended.' });
  return await waitForContinueAsNew(context, view);
}
