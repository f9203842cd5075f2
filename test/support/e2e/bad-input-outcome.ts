/** Checks for clusters with bad input: the failure is reported everywhere, waiting causes no work, and repair leads to issuance. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { nextAttemptOf } from '../../../src/contract/bundle-record.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import { eventuallyFound } from '../vitest/eventually.ts';
import type { ClusterUnderTest } from './bad-inputs.ts';
import {
  describeClusterWorkflow,
  type ReportedState,
  readInstalledCertificate,
  readReportedState,
} from './cluster-objects.ts';
import { txtRecords } from './evidence.ts';
import type { E2eHarness } from './harness.ts';

/** Id that stands for a missing hosted zone. */
export const NO_ZONE = 'none';
const IDLE_MS = 5_000;
/** Most requests that one failing attempt sends to the CA and Route 53. */
const MAX_REQUESTS_PER_ATTEMPT = 12;

/** Whether a text contains a string or matches a pattern. */
export function mentions(text: string, expected: string | RegExp): boolean {
  return typeof expected === 'string' ? text.includes(expected) : expected.test(text);
}

/** Whether conditions, status fields and Events of both resources report the failure. */
function isReportedFailing(reported: ReportedState, reason: string, expectedMessage: string | RegExp): boolean {
  const condition = (type: string) => reported.conditions.find((one) => one.type === type);
  const [failing, ready] = [condition('Failing'), condition('Ready')];
  const hasWarning = (kind: string) =>
    reported.events.some(
      ({ involvedKind, type, message }) =>
        involvedKind === kind && type === 'Warning' && mentions(message, expectedMessage),
    );
  return (
    failing?.status === 'True' &&
    failing.reason === reason &&
    mentions(failing.message, expectedMessage) &&
    ready?.status === 'False' &&
    ready.reason === reason &&
    reported.status['status'] === 'Error' &&
    typeof reported.status['nextAttempt'] === 'string' &&
    hasWarning('CertificateRequest') &&
    hasWarning('ClusterDeployment')
  );
}

/** Waits until the failure is reported everywhere. @returns what is reported. */
export async function waitUntilFailing(
  subject: ClusterUnderTest,
  reason: string,
  expectedMessage: string | RegExp,
): Promise<ReportedState> {
  const { cluster } = subject;
  return await eventuallyFound(
    `${cluster.name} reports ${reason} with ${String(expectedMessage)}`,
    async () => {
      const reported = await readReportedState(subject.lab, cluster);
      return isReportedFailing(reported, reason, expectedMessage) ? reported : undefined;
    },
    () => readReportedState(subject.lab, cluster),
  );
}

/**
 * Waits until the certificate is installed and only success is reported; checks that it is valid at the CA.
 * @returns seconds until the certificate was in its Secret.
 */
export async function waitUntilIssued(subject: ClusterUnderTest): Promise<number> {
  const began = performance.now();
  const { cluster } = subject;
  const lastSeen = async () => ({
    reported: await readReportedState(subject.lab, cluster),
    workflow: await describeClusterWorkflow(subject.lab, cluster),
  });
  const issued = await eventuallyFound(
    `a certificate for ${cluster.name}`,
    () => readInstalledCertificate(subject.lab, cluster),
    lastSeen,
  );
  const took = (performance.now() - began) / 1000;
  await eventuallyFound(
    `${cluster.name} reports success`,
    async () => {
      const { status, conditions } = await readReportedState(subject.lab, cluster);
      const is = (type: string) => conditions.find((one) => one.type === type)?.status;
      const succeeded = is('Ready') === 'True' && is('Failing') === 'False' && is('Renewing') === 'False';
      return succeeded && status['serialNumber'] === issued.serialNumber && status['nextAttempt'] === undefined
        ? status
        : undefined;
    },
    lastSeen,
  );
  expect((await subject.lab.stack.acme.statusOf(issued.serialNumber)).Status).toBe('Valid');
  return took;
}

/** Counters and versions that change when certman does anything for a cluster. */
async function activitySnapshot({ lab, cluster }: ClusterUnderTest) {
  const key = { namespace: cluster.namespace, name: cluster.name };
  // The workflow is read first: activities in progress at this instant may still show in what is read afterwards.
  const workflow = await describeClusterWorkflow(lab, cluster);
  const [reported, request, deployment] = await Promise.all([
    readReportedState(lab, cluster),
    lab.kubernetes.get(CERTIFICATE_REQUESTS, { ...key, name: cluster.requestName }),
    lab.kubernetes.get(CLUSTER_DEPLOYMENTS, key),
  ]);
  return {
    busy: workflow?.busy === true,
    events: reported.events.reduce((sum, event) => sum + event.count, 0),
    history: workflow?.events,
    orders: workflow?.record?.orders,
    nextAttempt: workflow?.record && nextAttemptOf(workflow.record),
    request: request?.metadata.resourceVersion,
    deployment: deployment?.metadata.resourceVersion,
  };
}

/** Rounds that may signal waiting clusters once each after a start and a change: the ConfigMap's, and one for each kind listed. */
const MAX_SIGNALLED_WINDOWS = 4;

/**
 * Waits for a span in which only attempts that are due run; a few spans before may have the one signal to each waiting cluster
 * that follows a list or a change.
 * @param beside other waiting clusters of the harness, whose due attempts also send requests to the CA and Route 53.
 */
export async function expectQuiet(
  lab: E2eHarness,
  subjects: readonly ClusterUnderTest[],
  beside: readonly ClusterUnderTest[] = [],
): Promise<void> {
  for (let signalled = 0; ; signalled += 1) {
    try {
      return await expectQuietWindow(lab, subjects, beside);
    } catch (error) {
      if (signalled === MAX_SIGNALLED_WINDOWS) throw error;
    }
  }
}

/** Takes two snapshots while the clusters are idle and checks that in between only attempts that were due ran. */
async function expectQuietWindow(
  lab: E2eHarness,
  subjects: readonly ClusterUnderTest[],
  beside: readonly ClusterUnderTest[],
): Promise<void> {
  // The ARI poller reads renewal information for the whole fleet at the times that the CA sets.
  const orderRequests = () => lab.ca.seen.filter(({ path }) => !path.includes('/renewalInfo/'));
  const requests = () => orderRequests().length + lab.route53.seen.length;
  const before = await waitUntilIdle([...subjects, ...beside]);
  const requestsBefore = requests();
  await sleep(IDLE_MS);
  const sent = requests() - requestsBefore;
  const after = await Promise.all(subjects.map(activitySnapshot));
  const due = before.filter(({ nextAttempt }) => nextAttempt !== undefined && Date.parse(nextAttempt) < Date.now());
  for (const [index, later] of after.entries()) {
    const earlier = before[index];
    if (earlier === undefined || !due.includes(earlier)) expect(later, subjects[index]?.cluster.name).toEqual(earlier);
  }
  expect(sent).toBeLessThanOrEqual(due.length * MAX_REQUESTS_PER_ATTEMPT);
}

/** Waits until every workflow waits for a timer or a signal only. @returns their snapshots. */
async function waitUntilIdle(
  subjects: readonly ClusterUnderTest[],
): Promise<readonly Awaited<ReturnType<typeof activitySnapshot>>[]> {
  const takeSnapshots = () => Promise.all(subjects.map(activitySnapshot));
  return await eventuallyFound(
    'all workflows are idle',
    async () => {
      const snapshots = await takeSnapshots();
      return snapshots.some(({ busy }) => busy) ? undefined : snapshots;
    },
    takeSnapshots,
  );
}

/** So long before an attempt, a deletion overtakes it. */
const AHEAD_OF_ATTEMPT_MS = 10_000;

/**
 * Waits until the workflow is idle, and no attempt is about to start: deleting in the middle of a Route 53 change leaves it
 * unknown whether TXT records exist, which blocks the decommission.
 */
async function waitUntilNothingIsDue(subject: ClusterUnderTest): Promise<void> {
  await eventuallyFound(
    `no attempt of ${subject.cluster.name} is under way or about to start`,
    async () => {
      const { busy, nextAttempt } = await activitySnapshot(subject);
      const isDue = nextAttempt !== undefined && Date.parse(nextAttempt) < Date.now() + AHEAD_OF_ATTEMPT_MS;
      return busy || isDue ? undefined : true;
    },
    () => activitySnapshot(subject),
  );
}

/** Deletes clusters, waits until they are gone, and checks that no CertificateRequest or TXT record is left. */
export async function deleteUntilGone(subjects: readonly ClusterUnderTest[]): Promise<void> {
  await Promise.all(
    subjects.map(async (subject) => {
      const { lab, cluster, good } = subject;
      await waitUntilNothingIsDue(subject);
      const key = { namespace: cluster.namespace, name: cluster.name };
      await lab.kubernetes.delete(CLUSTER_DEPLOYMENTS, key);
      await eventuallyFound(
        `${cluster.name} is gone`,
        async () => ((await lab.kubernetes.get(CLUSTER_DEPLOYMENTS, key)) === undefined ? true : undefined),
        () => readReportedState(lab, cluster),
      );
      expect(await lab.kubernetes.get(CERTIFICATE_REQUESTS, { ...key, name: cluster.requestName })).toBeUndefined();
      if (good.zoneId === undefined || good.zoneId === NO_ZONE) return;
      const records = [...(await txtRecords(lab, good.zoneId)).keys()];
      expect(records.filter((record) => record.endsWith(`.${cluster.name}.${cluster.zone}`))).toEqual([]);
    }),
  );
}
