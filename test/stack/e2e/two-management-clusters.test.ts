/** Two management clusters on one Temporal namespace: equal namespaces and names of clusters, and of a second worker. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClusterReport, FleetReport } from '../../../src/cli/status/status-view.ts';
import { taskQueueOf } from '../../../src/contract/ids.ts';
import { expectStatusAtCa, waitFor, waitForCertificate } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { collect, expectDecommissioned, getSecret, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { type E2eHarness, useE2eHarness } from '../../support/e2e/harness.ts';
import {
  type SecondManagementCluster,
  startSecondManagementCluster,
} from '../../support/e2e/second-management-cluster.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

const FIRST = 'hive';
const SECOND = 'hive-2';

const lab = useE2eHarness({ worker: { CERTMAN_IDENTITY: FIRST } });

/** One of the two, with its cluster `twin`. */
interface Side {
  readonly name: string;
  readonly lab: E2eHarness;
  readonly cluster: E2eCluster;
}

let second: SecondManagementCluster;
let sides: readonly [Side, Side];
let issued: readonly [string, string];

beforeAll(async () => {
  second = await startSecondManagementCluster(lab());
  await second.startWorker(SECOND);
  const side = async (name: string, own: E2eHarness): Promise<Side> => {
    const cluster = await createCluster(own, 'twin');
    return { name, lab: own, cluster: { ...cluster, identity: { ...cluster.identity, managementCluster: name } } };
  };
  const certified = async (one: Side): Promise<string> => (await waitUntilCertified(one.lab, one.cluster)).serialNumber;
  // Both prove the same names at the same time.
  sides = await Promise.all([
    side(FIRST, lab()),
    side(SECOND, { ...lab(), ...second, startWorker: (options) => lab().startWorker(options) }),
  ]);
  issued = await Promise.all([certified(sides[0]), certified(sides[1])]);
});
afterAll(async () => {
  await endProcesses();
  await second?.stop();
});

async function certman(side: Side, args: readonly string[]): Promise<string> {
  const environment = { ...side.lab.managementCluster.environment, HOME: side.lab.stack.stateDir };
  return (await expectExit(runCertman(args, { ...environment, CERTMAN_MANAGEMENT_CLUSTER: side.name }))).stdout;
}

/** Identities of the workers that ran activities for a management cluster's workflows. */
async function workersOf(side: Side): Promise<readonly string[]> {
  const found = new Set<string>();
  const query = `TaskQueue = '${taskQueueOf(side.name)}'`;
  for (const { workflowId, runId } of await collect(side.lab.client.workflow.list({ query }))) {
    const { events } = await side.lab.client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of events ?? []) {
      const identity = event.activityTaskStartedEventAttributes?.identity;
      if (identity) found.add(identity);
    }
  }
  return [...found];
}

test('clusters of one name get, renew and lose their certificates without the other', async () => {
  const [first, other] = issued;
  expect(first).not.toBe(other);

  const [left, right] = sides;
  await certman(right, ['renew', 'twin/twin']);
  const renewed = await waitForCertificate(right.lab.kubernetes, right.cluster, other);
  const kept = await waitForCertificate(left.lab.kubernetes, left.cluster);
  expect(kept.serialNumber).toBe(first);
  for (const [side, serial] of [
    [left, first],
    [right, renewed.serialNumber],
  ] as const) {
    // Between two runs of a workflow, Temporal's visibility may list none, or both.
    await waitFor(`${side.name} lists its cluster, and no other`, async () => {
      const listed = await certman(side, ['status', '--json']);
      const { source, clusters } = JSON.parse(listed) as FleetReport;
      const names = clusters.map(({ cluster }) => cluster);
      return `${source} ${names.join()}` === 'temporal twin/twin' ? {} : listed;
    });
    const report = JSON.parse(await certman(side, ['status', 'twin/twin', '--json'])) as ClusterReport;
    expect(report.certificates.map(({ serialNumber }) => serialNumber)).toEqual([serial]);
  }

  await deleteCluster(right.lab, right.cluster);
  const result = await expectDecommissioned(right.lab, right.cluster, {
    revoked: [other ?? '', renewed.serialNumber],
  });
  expect(result.bundles.flatMap(({ failures }) => failures)).toEqual([]);
  expect(await getSecret(right.lab, right.cluster)).toBeUndefined();
  expect(await getSecret(left.lab, left.cluster)).toBeDefined();
  await expectStatusAtCa(left.lab.stack, first ?? '', 'Valid');
  await certman(left, ['renew', 'twin/twin']);

  expect(await workersOf(left)).toEqual([FIRST]);
  expect(await workersOf(right)).toEqual([SECOND]);
});

test('a worker that starts under the name of the other management cluster is refused, and says what to do', async () => {
  await expect(second.startWorker(FIRST)).rejects.toThrow(
    /ended with code 2 instead of becoming ready.*The name hive \(CERTMAN_MANAGEMENT_CLUSTER\) belongs to another management cluster/s,
  );
});
