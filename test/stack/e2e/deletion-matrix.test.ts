/**
 * Deletes clusters in every state of their certificates and with every fault, and compares each outcome with the CA, Route 53,
 * the API server, its audit log and the table in docs/deletion.md.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dependencyChanged } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { blockedReason, type Policy } from '../../support/e2e/deletion-matrix/blocked-decommission.ts';
import {
  ALL_FAULTS,
  type Cell,
  cellKey,
  cellsOf,
  type Fault,
  matrixTable,
} from '../../support/e2e/deletion-matrix/cells.ts';
import {
  deleteWithFault,
  deleteZone,
  removeAccount,
  removeCredentials,
  replaceAccount,
  waitUntilNamespaceIsGone,
} from '../../support/e2e/deletion-matrix/faults.ts';
import { checkOrder, type Outcome, verifyOutcome } from '../../support/e2e/deletion-matrix/outcome.ts';
import {
  type MatrixCluster,
  mapConcurrently,
  prepareClusters,
  prepareExpiredClusters,
  type ZoneRef,
  type Zones,
} from '../../support/e2e/deletion-matrix/states.ts';
import { caLog } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { auditedRequests, CERTMAN_USER } from '../../support/kubernetes/audit-log.ts';
import { recordWatch, type WatchRecorder } from '../../support/kubernetes/watch-recorder.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

const DOCUMENT = fileURLToPath(new URL('../../../docs/deletion.md', import.meta.url));

const SHORT_S = 30;
/** `1m`, the shortest CERTMAN_DECOMMISSION_LIMIT. */
const LIMIT_S = 60;

const lab = useE2eHarness({
  kubernetes: { auditUser: CERTMAN_USER },
  pebble: { profiles: { default: 90 * 86_400, short: SHORT_S } },
  worker: { CERTMAN_ACME_PROFILE: 'short' },
});

const outcomes = new Map<string, Outcome>();
/** Serial numbers of certificates that are expected to stay valid. */
const leftValid = new Set<string>();
let zones: Zones;
let doomed: Zones;
let expired: readonly MatrixCluster[];
/** Number of certificates with the short lifetime, which were issued first. */
let shortLived: number;

/** Every status of a CertificateRequest. */
let reports: WatchRecorder;

beforeAll(async () => {
  reports = recordWatch(lab().kubernetes, CERTIFICATE_REQUESTS);
  zones = { served: { ...lab().zone, served: true }, unserved: await newZone('unserved.example.com', false) };
  doomed = {
    served: await newZone('doomed.example.com', true),
    unserved: await newZone('doomed-unserved.example.com', false),
  };
  const cells = cellsOf(...ALL_FAULTS).filter(({ state }) => state === 'expired');
  expired = await prepareExpiredClusters(lab(), cells, zones.served);
  shortLived = (await caLog(lab())).serials.length;
  // With the other profile, so that each test can run alone.
  await restartWorker('release');
});

afterAll(async () => {
  await endProcesses();
  await reports?.stop();
});

async function newZone(name: string, served: boolean): Promise<ZoneRef> {
  return { name, served, ...(await lab().stack.createZone(name, { private: !served })) };
}

/** Replaces the worker by one with empty caches. @param whileStopped changes to make while no worker runs. */
async function restartWorker(
  policy: Policy,
  whileStopped = async (): Promise<void> => undefined,
  limit = '1m',
): Promise<void> {
  await lab().stopWorkers();
  await whileStopped();
  await lab().startWorker({
    environment: {
      CERTMAN_ACME_PROFILE: 'default',
      CERTMAN_DECOMMISSION_POLICY: policy,
      CERTMAN_DECOMMISSION_LIMIT: limit,
    },
  });
}

/** Runs `body` with a new worker while something is missing from the management cluster. @param remove returns a function that restores it. */
async function withMissing(
  policy: Policy,
  remove: () => Promise<() => Promise<void>>,
  body: (restore: () => Promise<void>) => Promise<void>,
): Promise<void> {
  let restore = async (): Promise<void> => undefined;
  await restartWorker(policy, async () => {
    restore = await remove();
  });
  try {
    await body(restore);
  } finally {
    await restartWorker(policy, restore);
  }
}

async function createMatrixClusters(...faults: readonly Fault[]): Promise<readonly MatrixCluster[]> {
  const cells = cellsOf(...faults).filter(({ state }) => state !== 'expired');
  const zonesOf = ({ fault }: Cell): Zones => (fault === 'zone' ? doomed : zones);
  const created = await prepareClusters(lab(), cells, zonesOf);
  return [...created, ...expired.filter(({ fault }) => faults.includes(fault))];
}

async function waitUntilExpired(subjects: readonly MatrixCluster[]): Promise<void> {
  await waitFor('the expired clusters have expired certificates', async () =>
    subjects.every(
      ({ state, installed }) => state !== 'expired' || Number(installed?.certificate.validToDate) < Date.now(),
    )
      ? {}
      : 'not yet',
  );
}

async function deleteAll(subjects: readonly MatrixCluster[]): Promise<void> {
  await waitUntilExpired(subjects);
  await mapConcurrently(subjects, (subject) => deleteWithFault(lab(), subject));
}

type BlockedReasons = ReadonlyMap<MatrixCluster, string | undefined>;

async function blockedReasons(subjects: readonly MatrixCluster[], policy: Policy): Promise<BlockedReasons> {
  const reasons = await mapConcurrently(subjects, (subject) => blockedReason(lab(), subject, policy));
  return new Map(subjects.map((subject, index) => [subject, reasons[index]]));
}

/** Reads each reason right after the deletion, because each decommission's limit starts with its deletion. */
async function deleteAndReadReasons(subjects: readonly MatrixCluster[], policy: Policy): Promise<BlockedReasons> {
  await waitUntilExpired(subjects);
  const reasons = await mapConcurrently(subjects, async (subject) => {
    await deleteWithFault(lab(), subject);
    return await blockedReason(lab(), subject, policy, reports);
  });
  return new Map(subjects.map((subject, index) => [subject, reasons[index]]));
}

/** @returns the current history length of each workflow. */
async function historyLengths(subjects: readonly MatrixCluster[]): Promise<ReadonlyMap<MatrixCluster, number>> {
  return new Map(
    await mapConcurrently(subjects, async (subject) => [subject, (await historyOf(subject)).length] as const),
  );
}

/**
 * Checks that the workflows got a `dependencyChanged` signal and did not continue by the retry schedule alone. One whose
 * scheduled attempt is due just before the signal needs none.
 */
async function expectDependencySignals(before: ReadonlyMap<MatrixCluster, number>): Promise<void> {
  let signalled = 0;
  for (const [subject, length] of before) {
    const events = (await historyOf(subject)).slice(length);
    const signals = events.map((event) => event.workflowExecutionSignaledEventAttributes?.signalName);
    if (signals.includes(dependencyChanged.name)) signalled += 1;
    else
      expect(
        events.some((event) => event.timerFiredEventAttributes),
        subject.cluster.name,
      ).toBe(true);
  }
  expect(signalled).toBeGreaterThan(0);
}

async function historyOf({ cluster }: MatrixCluster) {
  const { events } = await lab().client.workflow.getHandle(clusterWorkflowId(cluster.identity)).fetchHistory();
  return events ?? [];
}

/** Waits until all clusters are gone and records their outcomes. */
async function recordOutcomes(subjects: readonly MatrixCluster[], reasons: BlockedReasons): Promise<void> {
  const verified = await mapConcurrently(subjects, (subject) => verifyOutcome(lab(), subject, reasons.get(subject)));
  const requests = await auditedRequests(lab());
  await mapConcurrently(subjects, (subject) => checkOrder(lab(), subject, requests));
  for (const [index, outcome] of verified.entries()) {
    const subject = subjects[index] as MatrixCluster;
    outcomes.set(cellKey(subject), outcome);
    if (outcome.keptValid) leftValid.add(subject.installed?.serialNumber ?? '');
  }
}

const NOT_BLOCKED: BlockedReasons = new Map();

test('without a fault of the management cluster, every decommission completes at once', async () => {
  const others = await createMatrixClusters('none', 'secret', 'revoked', 'zone', 'forced', 'unmanaged');
  await Promise.all([deleteZone(lab(), doomed.served), deleteZone(lab(), doomed.unserved)]);
  const terminating = await createMatrixClusters('namespace');
  await deleteAll(terminating);
  await deleteAll(others);
  await recordOutcomes([...others, ...terminating], NOT_BLOCKED);
  for (const subject of terminating) await waitUntilNamespaceIsGone(lab(), subject);
});

test('missing AWS credentials block leftover TXT records until the limit, and a CA outage blocks revocations until the CA is back', async () => {
  const subjects = await createMatrixClusters('keys', 'outage');
  const withoutCredentials = subjects.filter(({ fault }) => fault === 'keys');
  const others = subjects.filter(({ fault }) => fault === 'outage');
  await restartWorker('release', async () => {
    await mapConcurrently(withoutCredentials, (subject) => removeCredentials(lab(), subject));
  });
  const credentialsReasons = await deleteAndReadReasons(withoutCredentials, 'release');

  // A decommission keeps the limit of its start, so this setting does not affect the ones above.
  await restartWorker('release', undefined, '24h');
  lab().ca.down();
  const outageReasons = await deleteAndReadReasons(others, 'release');
  lab().ca.up();
  await recordOutcomes(others, outageReasons);
  await recordOutcomes(withoutCredentials, credentialsReasons);
});

test('a certificate of another account stays valid and does not block the decommission', async () => {
  const subjects = await createMatrixClusters('foreign');
  const replace = () => replaceAccount(lab(), 'foreign');
  await withMissing('release', replace, async () => {
    await deleteAll(subjects);
    await recordOutcomes(subjects, NOT_BLOCKED);
  });
});

test('an account unknown to the CA blocks revocations until the limit, and the metric counts these decommissions as incomplete', async () => {
  const subjects = await createMatrixClusters('unknown');
  const replace = () => replaceAccount(lab(), 'unknown');
  await withMissing('release', replace, async () => {
    const reasons = await deleteAndReadReasons(subjects, 'release');
    await recordOutcomes(subjects, reasons);

    const metrics = await scrape(lab().workers().at(-1)?.metricsUrl ?? '');
    const counted = (outcome: string) => metrics.value('certman_decommissions_total', { outcome });
    const blocked = subjects.filter((subject) => reasons.get(subject) !== undefined);
    expect(counted('incomplete')).toBe(blocked.length);
    expect(counted('complete')).toBe(subjects.length - blocked.length);
  });
});

test('with CERTMAN_DECOMMISSION_POLICY=wait a decommission waits for its dependency or for `certman release`', async () => {
  const subjects = await createMatrixClusters('missing', 'mislaid', 'operator');
  const withoutCredentials = subjects.filter(({ fault }) => fault === 'mislaid');
  const others = subjects.filter(({ fault }) => fault !== 'mislaid');
  await withMissing(
    'wait',
    () => removeAccount(lab()),
    async (restore) => {
      const reasons = await deleteAndReadReasons(others, 'wait');
      await new Promise((resolve) => setTimeout(resolve, LIMIT_S * 1000));
      expect(await blockedReasons(others, 'wait')).toEqual(reasons);
      for (const { fault, cluster } of others)
        if (fault === 'operator') await runRelease(`${cluster.namespace}/${cluster.name}`);
      const waiting = others.filter((subject) => reasons.get(subject) !== undefined && subject.fault !== 'operator');
      const before = await historyLengths(waiting);
      await restore();
      await recordOutcomes(others, reasons);
      await expectDependencySignals(before);
    },
  );
  const removeAllCredentials = async () => {
    const restores = await mapConcurrently(withoutCredentials, (subject) => removeCredentials(lab(), subject));
    return async () => void (await Promise.all(restores.map((restore) => restore())));
  };
  await withMissing('wait', removeAllCredentials, async (restore) => {
    const reasons = await deleteAndReadReasons(withoutCredentials, 'wait');
    const before = await historyLengths(withoutCredentials);
    await restore();
    await recordOutcomes(withoutCredentials, reasons);
    await expectDependencySignals(before);
  });
});

test('only the expected certificates stay valid, and the table in docs/deletion.md matches the outcomes', async () => {
  const { serials } = await caLog(lab());
  const valid: string[] = [];
  for (const serial of serials.slice(shortLived)) {
    const { Status } = await lab().stack.acme.statusOf(serial);
    if (Status === 'Valid') valid.push(serial);
  }
  expect(new Set(valid)).toEqual(leftValid);
  const table = /<!-- matrix -->\n\n([^]*?)\n\n<!-- \/matrix -->/.exec(await readFile(DOCUMENT, 'utf8'));
  expect(table?.[1]).toBe(matrixTable(outcomes));
});

async function runRelease(cluster: string): Promise<void> {
  const { stdout } = await expectExit(runCertman(['release', cluster, '--yes'], lab().commandEnvironment()));
  expect(stdout).toMatch(/the finalizer is released\. Given up:\n {2}acme\/accountMissing: /);
}
