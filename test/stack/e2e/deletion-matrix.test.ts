/**
 * Clusters deleted in every state of their certificates, with everything wrong that can be, on the real parts: what becomes of
 * each is held against the CA, Route 53, the API server and its audit log, and the table in docs/deletion.md.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { dependencyChanged } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
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
import { endProcesses, startCertman } from '../../support/process/certman-process.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const DOCUMENT = fileURLToPath(new URL('../../../docs/deletion.md', import.meta.url));

const SHORT_S = 30;
/** `1m`, the shortest that may be configured. */
const LIMIT_S = 60;

const lab = useE2eHarness({
  kubernetes: { auditUser: CERTMAN_USER },
  pebble: { profiles: { default: 90 * 86_400, short: SHORT_S } },
  worker: { CERTMAN_ACME_PROFILE: 'short' },
});

const outcomes = new Map<string, Outcome>();
/** Serial numbers that may be valid at the end. */
const leftValid = new Set<string>();
let zones: Zones;
let doomed: Zones;
let expired: readonly MatrixCluster[];
/** Certificates that were made to expire. */
let shortLived: number;

beforeAll(async () => {
  zones = { served: { ...lab().zone, served: true }, unserved: await newZone('unserved.example.com', false) };
  doomed = {
    served: await newZone('doomed.example.com', true),
    unserved: await newZone('doomed-unserved.example.com', false),
  };
  const cells = cellsOf(...ALL_FAULTS).filter(({ state }) => state === 'expired');
  expired = await prepareExpiredClusters(lab(), cells, zones.served);
  shortLived = (await caLog(lab())).serials.length;
});

async function newZone(name: string, served: boolean): Promise<ZoneRef> {
  return { name, served, ...(await lab().stack.createZone(name, { private: !served })) };
}

/** One that has nothing cached: what was changed while none ran is what it finds. */
async function restartWorker(
  policy: Policy,
  whileNoneRuns = async (): Promise<void> => undefined,
  limit = '1m',
): Promise<void> {
  await lab().stopWorkers();
  await whileNoneRuns();
  await lab().startWorker({
    environment: {
      CERTMAN_ACME_PROFILE: 'default',
      CERTMAN_DECOMMISSION_POLICY: policy,
      CERTMAN_DECOMMISSION_LIMIT: limit,
    },
  });
}

/** While something of the hub is lost, for a worker that has not known it before. */
async function withLoss(
  policy: Policy,
  lose: () => Promise<() => Promise<void>>,
  body: (putBack: () => Promise<void>) => Promise<void>,
): Promise<void> {
  let putBack = async (): Promise<void> => undefined;
  await restartWorker(policy, async () => {
    putBack = await lose();
  });
  try {
    await body(putBack);
  } finally {
    await restartWorker(policy, putBack);
  }
}

async function bring(...faults: readonly Fault[]): Promise<readonly MatrixCluster[]> {
  const cells = cellsOf(...faults).filter(({ state }) => state !== 'expired');
  const zonesOf = ({ fault }: Cell): Zones => (fault === 'zone' ? doomed : zones);
  const brought = await prepareClusters(lab(), cells, zonesOf);
  return [...brought, ...expired.filter(({ fault }) => faults.includes(fault))];
}

async function untilExpired(subjects: readonly MatrixCluster[]): Promise<void> {
  await waitFor('what is to be expired is', async () =>
    subjects.every(
      ({ state, installed }) => state !== 'expired' || Number(installed?.certificate.validToDate) < Date.now(),
    )
      ? {}
      : 'it is not',
  );
}

async function deleteAll(subjects: readonly MatrixCluster[]): Promise<void> {
  await untilExpired(subjects);
  await mapConcurrently(subjects, (subject) => deleteWithFault(lab(), subject));
}

type BlockedReasons = ReadonlyMap<MatrixCluster, string | undefined>;

async function blockedReasons(subjects: readonly MatrixCluster[], policy: Policy): Promise<BlockedReasons> {
  const reasons = await mapConcurrently(subjects, (subject) => blockedReason(lab(), subject, policy));
  return new Map(subjects.map((subject, index) => [subject, reasons[index]]));
}

/** The limit of each begins with its deletion, so each is looked at as soon as it is deleted. */
async function deleteAndLook(subjects: readonly MatrixCluster[], policy: Policy): Promise<BlockedReasons> {
  await untilExpired(subjects);
  const reasons = await mapConcurrently(subjects, async (subject) => {
    await deleteWithFault(lab(), subject);
    return await blockedReason(lab(), subject, policy);
  });
  return new Map(subjects.map((subject, index) => [subject, reasons[index]]));
}

/** How many events the history of each has by now. */
async function eventsBefore(subjects: readonly MatrixCluster[]): Promise<ReadonlyMap<MatrixCluster, number>> {
  return new Map(
    await mapConcurrently(subjects, async (subject) => [subject, (await historyOf(subject)).length] as const),
  );
}

/** Their workflows were woken by a change after these events, and did not go on by the retry schedule alone. */
async function expectWoken(before: ReadonlyMap<MatrixCluster, number>): Promise<void> {
  for (const [subject, seen] of before) {
    const events = (await historyOf(subject)).slice(seen);
    const signals = events.map((event) => event.workflowExecutionSignaledEventAttributes?.signalName);
    expect(signals, subject.cluster.name).toContain(dependencyChanged.name);
  }
}

async function historyOf({ cluster }: MatrixCluster) {
  const { events } = await lab().client.workflow.getHandle(clusterWorkflowId(cluster.identity)).fetchHistory();
  return events ?? [];
}

/** Notes what became of each, once it is over. */
async function settle(subjects: readonly MatrixCluster[], heldUp: BlockedReasons): Promise<void> {
  const settled = await mapConcurrently(subjects, (subject) => verifyOutcome(lab(), subject, heldUp.get(subject)));
  const requests = await auditedRequests(lab());
  await mapConcurrently(subjects, (subject) => checkOrder(lab(), subject, requests));
  for (const [index, outcome] of settled.entries()) {
    const subject = subjects[index] as MatrixCluster;
    outcomes.set(cellKey(subject), outcome);
    if (outcome.keptValid) leftValid.add(subject.installed?.serialNumber ?? '');
  }
}

const NOT_BLOCKED: BlockedReasons = new Map();

test('with nothing wrong outside, or only around the cluster itself, each is cleared away at once', async () => {
  await restartWorker('release');
  const staying = await bring('none', 'secret', 'revoked', 'zone', 'forced', 'unmanaged');
  await Promise.all([deleteZone(lab(), doomed.served), deleteZone(lab(), doomed.unserved)]);
  // Credentials go with the namespace: what was published is withdrawn by those that the worker read less than a minute ago.
  const leaving = await bring('namespace');
  await deleteAll(leaving);
  await deleteAll(staying);
  await settle([...staying, ...leaving], NOT_BLOCKED);
  for (const { cluster } of leaving)
    await lab().stack.kubectl(['wait', '--for=delete', `namespace/${cluster.namespace}`, '--timeout=5m'], {
      timeoutMs: WAIT_TIMEOUT_MS,
    });
});

test('without AWS credentials TXT records hold one up until the limit; while the CA is away, valid certificates until it is back', async () => {
  const subjects = await bring('keys', 'outage');
  const keyless = subjects.filter(({ fault }) => fault === 'keys');
  const others = subjects.filter(({ fault }) => fault === 'outage');
  await restartWorker('release', async () => {
    await mapConcurrently(keyless, (subject) => removeCredentials(lab(), subject));
  });
  const withoutKeys = await deleteAndLook(keyless, 'release');

  // The limit of an end is the one of its begin: those above keep theirs.
  await restartWorker('release', undefined, '24h');
  lab().ca.down();
  const withoutCa = await deleteAndLook(others, 'release');
  lab().ca.up();
  await settle(others, withoutCa);
  await settle(keyless, withoutKeys);
});

test('a certificate of another account counts as done, and stays valid', async () => {
  const subjects = await bring('stranger');
  const lose = () => replaceAccount(lab(), 'stranger');
  await withLoss('release', lose, async () => {
    await deleteAll(subjects);
    await settle(subjects, NOT_BLOCKED);
  });
});

test('an account that the CA does not know holds up what is valid until the limit, and is counted', async () => {
  const subjects = await bring('unknown');
  const lose = () => replaceAccount(lab(), 'unknown');
  await withLoss('release', lose, async () => {
    const heldUp = await deleteAndLook(subjects, 'release');
    await settle(subjects, heldUp);

    const metrics = await scrape(lab().workers().at(-1)?.metricsUrl ?? '');
    const counted = (outcome: string) => metrics.value('certman_decommissions_total', { outcome });
    const given = subjects.filter((subject) => heldUp.get(subject) !== undefined);
    expect(counted('incomplete')).toBe(given.length);
    expect(counted('complete')).toBe(subjects.length - given.length);
  });
});

test('by the policy to wait nothing is given up but by an operator, and what is put right goes on at once', async () => {
  const subjects = await bring('missing', 'mislaid', 'operator');
  const mislaid = subjects.filter(({ fault }) => fault === 'mislaid');
  const others = subjects.filter(({ fault }) => fault !== 'mislaid');
  await withLoss(
    'wait',
    () => removeAccount(lab()),
    async (putBack) => {
      const heldUp = await deleteAndLook(others, 'wait');
      await new Promise((resolve) => setTimeout(resolve, LIMIT_S * 1000));
      expect(await blockedReasons(others, 'wait')).toEqual(heldUp);
      for (const { fault, cluster } of others)
        if (fault === 'operator') await releaseByHand(`${cluster.namespace}/${cluster.name}`);
      const waiting = others.filter((subject) => heldUp.get(subject) !== undefined && subject.fault !== 'operator');
      const before = await eventsBefore(waiting);
      await putBack();
      await settle(others, heldUp);
      await expectWoken(before);
    },
  );
  const loseAll = async () => {
    const putBack = await mapConcurrently(mislaid, (subject) => removeCredentials(lab(), subject));
    return async () => void (await Promise.all(putBack.map((put) => put())));
  };
  await withLoss('wait', loseAll, async (putBack) => {
    const heldUp = await deleteAndLook(mislaid, 'wait');
    const before = await eventsBefore(mislaid);
    await putBack();
    await settle(mislaid, heldUp);
    await expectWoken(before);
  });
});

test('no certificate is forgotten, and the table in docs/deletion.md says what was seen', async () => {
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

async function releaseByHand(cluster: string): Promise<void> {
  const command = await startCertman(['release', cluster, '--yes'], lab().commandEnvironment());
  try {
    expect(await command.waitForExit()).toBe('code 0');
    expect(command.output()).toMatch(/the finalizer is released\. Given up:\n {2}acme\/accountMissing: /);
  } finally {
    await endProcesses();
  }
}
