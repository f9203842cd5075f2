/**
 * Limits of a CA that a setting states: two workers share one budget, and what waits is placed at its instant, also by a new
 * Temporal after everything that the one before kept was lost (docs/disaster-recovery.md).
 */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BudgetsReport } from '../../../src/cli/budget/read-budgets.ts';
import { failureOf, nextAttemptOf } from '../../../src/contract/bundle-record.ts';
import { SHARED_TASK_QUEUE } from '../../../src/contract/ca-budget.ts';
import { createClusters, type E2eCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  getClusterDeployment,
  getRequest,
  getSecret,
  statusOf,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import type { SeenRequest } from '../../support/faults/fault-proxy.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const HOUR_MS = 3_600_000;
/** Certificates of a domain at once; then one an hour. */
const BURST = 3;
const CLUSTERS = 5;

const isNewOrder = ({ path }: SeenRequest): boolean => path.startsWith('/order-plz');

const lab = useE2eHarness({ worker: false });

let clusters: readonly E2eCluster[];

async function startWorkers(limit: string, ...names: readonly string[]): Promise<void> {
  const environment = { CERTMAN_CA_LIMITS: `${new URL(lab().ca.url).host}/${limit}` };
  for (const name of names) await lab().startWorker({ name, environment });
}

beforeAll(async () => {
  await startWorkers(`certificates=${BURST}/${BURST}h`, 'one', 'two');
  clusters = await createClusters(lab(), 'budget', CLUSTERS);
});
afterAll(endProcesses);

async function certman(...args: readonly string[]): Promise<string> {
  return (await expectExit(runCertman(args, lab().commandEnvironment()))).stdout;
}

async function budgets(): Promise<BudgetsReport> {
  return JSON.parse(await certman('budget', '-o', 'json')) as BudgetsReport;
}

async function turnOf(cluster: E2eCluster): Promise<{ readonly at: string; readonly message: string } | undefined> {
  const record = (await statusOf(lab(), cluster)).bundles['primary'];
  const failure = record && failureOf(record);
  if (record === undefined || failure?.code !== 'rateLimit/newOrders') return undefined;
  return { at: nextAttemptOf(record) ?? '', message: failure.message };
}

test('orders beyond the limit wait for instants of their own, which are shown', async () => {
  const turns = await eventually(
    'two orders that wait',
    async () => (await Promise.all(clusters.map(turnOf))).filter((turn) => turn !== undefined),
    (waiting) => waiting.length === CLUSTERS - BURST,
  );
  const instants = turns.map(({ at }) => Date.parse(at)).sort((one, other) => one - other);
  expect((instants[1] ?? 0) - (instants[0] ?? 0)).toBe(HOUR_MS);
  for (const { message } of turns) expect(message).toMatch(/ordered at .*Z, position [12] of [12] for example\.com/);

  const { budgets: found } = await budgets();
  expect(found).toHaveLength(1);
  const status = found[0]?.status;
  expect(status?.usage.find(({ scope }) => scope === 'domain:example.com')).toMatchObject({ burst: BURST, left: 0 });
  expect(status?.queue.map(({ at }) => at)).toEqual(instants);
  expect(await certman('budget')).toMatch(/certificates below example\.com +3 +0 .*\n[^]*1 .*new +example\.com/);
});

/** What the management cluster holds of a cluster that neither a restart of certman nor a new Temporal may change. */
async function heldBy(cluster: E2eCluster): Promise<unknown> {
  const request = await getRequest(lab(), cluster);
  const deployment = await getClusterDeployment(lab(), cluster);
  const {
    nextAttempt: _attempt,
    conditions: _conditions,
    ...status
  } = (request?.['status'] ?? {}) as Readonly<Record<string, unknown>>;
  return {
    secret: await getSecret(lab(), cluster),
    spec: request?.['spec'],
    status,
    finalizers: deployment?.metadata.finalizers,
  };
}

test('a Temporal that lost everything is filled from the management cluster: no order, the same instants, the budget as used', async () => {
  const turns = await Promise.all(clusters.map(turnOf));
  const waiting = clusters.filter((_cluster, index) => turns[index] !== undefined);
  const before = await Promise.all(clusters.map(heldBy));
  const { orders, serials } = await caLog(lab());
  await lab().stopWorkers();
  const temporal = lab().stack.part('temporal');
  await temporal.kill();
  await temporal.start();
  expect(await lab().client.workflow.count()).toMatchObject({ count: 0 });

  await startWorkers(`certificates=${BURST}/${BURST}h`, 'after-the-loss');
  const again = await eventually(
    'every cluster is served as before',
    async () => await Promise.all(clusters.map((cluster) => servedAs(cluster, waiting.includes(cluster)))),
    (served) => !served.includes(undefined),
  );
  // A status follows the record of the workflow.
  await eventually(
    'the management cluster holds the same',
    () => Promise.all(clusters.map(heldBy)),
    (held) => isDeepStrictEqual(held, before),
  );
  expect(await caLog(lab())).toMatchObject({ orders, serials });
  // The instant of a certificate's installation and that of its issuance in visibility are moments apart.
  const expected = turns.flatMap((turn) => (turn === undefined ? [] : [Date.parse(turn.at)]));
  const found = again.filter((at) => at !== undefined && at !== 0);
  const sorted = (all: readonly (number | undefined)[]) => all.map(Number).sort((one, other) => one - other);
  expect(found).toHaveLength(expected.length);
  for (const [index, at] of sorted(found).entries())
    expect(Math.abs(at - (sorted(expected)[index] ?? 0))).toBeLessThan(HOUR_MS / 2);
});

/** @returns the instant of a waiting order, 0 of a cluster with its certificate, undefined while it is neither. */
async function servedAs(cluster: E2eCluster, isWaiting: boolean): Promise<number | undefined> {
  // Until it has a workflow.
  const status = await statusOf(lab(), cluster).catch(() => undefined);
  if (status === undefined) return undefined;
  if (!isWaiting) return status.bundles['primary']?.state === 'Ready' ? 0 : undefined;
  const turn = await turnOf(cluster);
  return turn && Date.parse(turn.at);
}

test('where the CA has granted more, the setting moves the orders that wait, and all are placed', async () => {
  const waiting = (await Promise.all(clusters.map(turnOf))).findIndex((turn) => turn !== undefined);
  await lab().stopWorkers();
  await startWorkers('example.com=1000/1h', 'three');
  const { namespace, name } = clusters[waiting]?.identity ?? { namespace: '', name: '' };
  // It asks at once; the other one gets a signal.
  await certman('renew', `${namespace}/${name}`);
  for (const cluster of clusters) await waitUntilCertified(lab(), cluster);
  const status = (await budgets()).budgets[0]?.status;
  expect(status?.waiting).toBe(0);
});

test('a refusal by the CA corrects the budget: the instant is on the resource, and no other order is sent', async () => {
  const newOrders = () => lab().ca.seen.filter(isNewOrder).length;
  const refusal = lab().ca.inject({
    when: isNewOrder,
    times: 1,
    fault: {
      kind: 'answer',
      status: 429,
      headers: { 'content-type': 'application/problem+json', 'retry-after': String((2 * HOUR_MS) / 1_000) },
      body: {
        type: 'urn:ietf:params:acme:error:rateLimited',
        detail: 'too many certificates (50) already issued for "example.com" in the last 168h0m0s, retry after later',
      },
    },
  });
  const sent = Date.now();
  const [refused] = await createClusters(lab(), 'refused', 1);
  const untilTurn = (cluster: E2eCluster | undefined) =>
    eventually(
      'an order that waits',
      async () => (cluster === undefined ? undefined : await turnOf(cluster)),
      (turn) => turn !== undefined,
    );
  const turn = await untilTurn(refused);
  expect(refusal.hits()).toBe(1);
  expect(Date.parse(turn?.at ?? '')).toBeGreaterThanOrEqual(sent + 2 * HOUR_MS);
  expect(turn?.message).toMatch(/too many certificates .* ordered at .*Z, position 1 of 1 for example\.com/);
  const instant = (turn?.at ?? '').slice(0, 19);
  await eventually(
    'the instant on the resource',
    async () => JSON.stringify(refused && (await getRequest(lab(), refused))?.['status']),
    (status) => status.includes(`ordered at ${instant}Z`),
  );
  const before = newOrders();
  const [next] = await createClusters(lab(), 'after-refusal', 1);
  expect(Date.parse((await untilTurn(next))?.at ?? '')).toBeGreaterThan(Date.parse(turn?.at ?? ''));
  expect(newOrders()).toBe(before);
  const metrics = await eventually(
    'the gauge of orders that wait',
    async () => await scrape(lab().workers().at(-1)?.metricsUrl ?? ''),
    (found) => found.value('certman_ca_budget_waiting_orders', { limit: 'domain' }) === 2,
  );
  expect(metrics.value('certman_ca_budget_left', { limit: 'domain' })).toBe(0);
});

test('the workflow tasks of the budget are on the shared task queue, and it has no activity', async () => {
  const [budget] = (await budgets()).budgets;
  const handle = lab().client.workflow.getHandle(budget?.workflowId ?? '');
  expect((await handle.describe()).taskQueue).toBe(SHARED_TASK_QUEUE);
  const { events } = await handle.fetchHistory();
  expect(events?.some((event) => event.activityTaskScheduledEventAttributes)).toBe(false);
});
