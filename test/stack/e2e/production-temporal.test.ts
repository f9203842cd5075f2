/** The server of production, with its store and its visibility in PostgreSQL: certman needs nothing of the development server's. */
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { clustersQuery, runningClustersQuery } from '../../../src/cli/cluster-workflow.ts';
import { attentionCondition, restCondition } from '../../../src/cli/status/attention.ts';
import type { ClusterReport, FleetReport } from '../../../src/cli/status/status-view.ts';
import { clusterWorkflowId, taskQueueOf } from '../../../src/contract/ids.ts';
import { CertNames, CertReason, SEARCH_ATTRIBUTES } from '../../../src/contract/search-attributes.ts';
import { ClusterWorkflowClient } from '../../../src/controller/cluster-workflow-client.ts';
import { ranAt } from '../../../src/controller/workflow-pages.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { collect, expectDecommissioned, getSecret, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { expectExit, runCertman } from '../../support/process/certman-process.ts';

const lab = useE2eHarness({ temporal: 'postgres', zoneName: 'e2e.openshift.com', worker: false });

interface LogLine {
  readonly level: string;
  readonly message: string;
}

/** What Temporal refuses as such, beside what passes on a slow machine. */
const REJECTION = /INVALID_ARGUMENT|InvalidArgument|search attribute|size limit|BadScheduleActivity|BadStart/i;

let cluster: E2eCluster;
let unfinished: E2eCluster;

beforeAll(async () => {
  // Before the worker, which signals them as soon as it has registered the search attributes.
  cluster = await createCluster(lab(), 'first');
  const noCredentials = { spec: { platform: { aws: { credentialsSecretRef: { name: 'missing' } } } } };
  unfinished = await createCluster(lab(), 'waiting', { patch: noCredentials });
  await lab().startWorker({ environment: { CERTMAN_LOG_FORMAT: 'json' } });
});

async function certman(args: readonly string[]): Promise<string> {
  return (await expectExit(runCertman(args, lab().commandEnvironment()))).stdout;
}

async function workerLog(): Promise<readonly LogLine[]> {
  const [worker] = lab().workers();
  // What follows the last line break is being written.
  const written = (await readFile(worker?.logFile ?? '', 'utf8')).split('\n').slice(0, -1);
  const lines = written.filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as LogLine);
}

test('the worker registers its search attributes in the budget of SQL visibility', async () => {
  const { operatorService } = lab().client.connection;
  const { customAttributes } = await operatorService.listSearchAttributes({
    namespace: lab().stack.temporal.namespace,
  });
  expect(Object.keys(customAttributes ?? {})).toEqual(
    expect.arrayContaining(SEARCH_ATTRIBUTES.map(({ name }) => name)),
  );
});

test('a cluster that was there before the worker gets its certificate; Temporal rejects nothing', async () => {
  await waitUntilCertified(lab(), cluster);
  const problems = (await workerLog()).filter(({ level }) => level === 'error');
  const rejected = problems.map((line) => JSON.stringify(line)).filter((line) => REJECTION.test(line));
  expect(rejected).toEqual([]);
});

test('`certman status` lists the fleet and one cluster from its visibility', async () => {
  const fleet = await waitFor('both clusters with their states', async () => {
    const { source, clusters } = JSON.parse(await certman(['status', '--json'])) as FleetReport;
    const states = clusters.map(({ cluster: name, state }) => `${name} ${state}`).sort();
    const expected = ['first/first Ready', 'waiting/waiting Waiting'];
    return source === 'temporal' && JSON.stringify(states) === JSON.stringify(expected) ? { clusters } : states.join();
  });
  const attention = `${runningClustersQuery('hive')} AND ${attentionCondition(Date.now())}`;
  const found = async () =>
    (await collect(lab().client.workflow.list({ query: attention }))).map((one) => one.workflowId);
  // Not while an attempt runs.
  await expect.poll(found).toEqual([expect.stringContaining('/waiting/waiting/')]);
  const others = () => `${clustersQuery('hive')} AND ${restCondition(Date.now())} AND ${ranAt(Date.now())}`;
  await expect.poll(() => lab().client.workflow.count(others())).toMatchObject({ count: 1 });
  const [ready] = fleet.clusters.filter(({ state }) => state === 'Ready');
  expect(Date.parse(ready?.renewalTime ?? '')).toBeLessThan(Date.parse(ready?.notAfter ?? ''));
  const report = JSON.parse(await certman(['status', 'first/first', '--json'])) as ClusterReport;
  expect(report.certificates).toMatchObject([{ state: 'Ready', dnsNames: cluster.dnsNames }]);
});

test('the controller finds the clusters that wait', async () => {
  const [worker] = lab().workers();
  const workflows = new ClusterWorkflowClient({
    client: () => lab().client,
    managementCluster: 'hive',
    taskQueue: taskQueueOf('hive'),
    signal: new AbortController().signal,
    metrics: { workflowListFailures: { inc: () => undefined } } as never,
    logger: { warn: () => undefined },
  });
  const waiting = [{ namespace: unfinished.namespace, name: unfinished.name }];
  await expect.poll(() => workflows.listWaitingOrFailing()).toMatchObject(waiting);
  const handle = lab().client.workflow.getHandle(clusterWorkflowId(unfinished.identity));
  const withReason = async () => {
    const { typedSearchAttributes } = await handle.describe();
    return await workflows.listWaitingOrFailing([typedSearchAttributes.get(CertReason) ?? '']);
  };
  await expect.poll(withReason).toMatchObject(waiting);
  expect(await workflows.listWaitingOrFailing(['Other'])).toEqual([]);
  expect(worker?.ended()).toBeUndefined();
});

test('`certman renew` renews by an update, and both issuances are counted', async () => {
  const before = await waitUntilCertified(lab(), cluster);
  expect(await certman(['renew', 'first/first'])).not.toContain(before.serialNumber);
  const after = await waitUntilCertified(lab(), cluster);
  expect(after.serialNumber).not.toBe(before.serialNumber);
  const [worker] = lab().workers();
  await waitFor('two certificates, one of them a duplicate', async () => {
    const found = await scrape(worker?.metricsUrl ?? '');
    const counts = [
      found.value('certman_operator_certs_in_last_day_openshift_com'),
      found.value('certman_operator_duplicate_certs_in_last_week'),
    ];
    return counts.join() === '2,1' ? {} : counts.join();
  });
  const query = `WorkflowType = 'certificateIssuance' AND ExecutionStatus = 'Completed'`;
  const issuances = await collect(lab().client.workflow.list({ query }));
  expect(issuances.map(({ typedSearchAttributes }) => typedSearchAttributes.get(CertNames))).toEqual([
    cluster.dnsNames,
    cluster.dnsNames,
  ]);
});

test('a deleted cluster is decommissioned', async () => {
  const { serialNumber } = await waitUntilCertified(lab(), cluster);
  await deleteCluster(lab(), cluster);
  await expectDecommissioned(lab(), cluster, { revoked: [serialNumber] });
  expect(await getSecret(lab(), cluster)).toBeUndefined();
});
