/** What must be true of a cluster with something wrong: said everywhere, quiet, and well once it is put right. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
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

/** Id of a hosted zone that is not there. */
export const NO_ZONE = 'none';
const IDLE_MS = 5_000;
/** Requests to the CA and to Route 53 that one attempt makes at most before it fails. */
const MAX_REQUESTS_PER_ATTEMPT = 12;

/** Whether a text says who is to blame. */
export function mentions(text: string, culprit: string | RegExp): boolean {
  return typeof culprit === 'string' ? text.includes(culprit) : culprit.test(text);
}

/** Whether the failure is said everywhere where it should be. */
function isReportedFailing(said: ReportedState, reason: string, culprit: string | RegExp): boolean {
  const condition = (type: string) => said.conditions.find((one) => one.type === type);
  const [failing, ready] = [condition('Failing'), condition('Ready')];
  const told = (kind: string) =>
    said.events.some(
      ({ involvedKind, type, message }) => involvedKind === kind && type === 'Warning' && mentions(message, culprit),
    );
  return (
    failing?.status === 'True' &&
    failing.reason === reason &&
    mentions(failing.message, culprit) &&
    ready?.status === 'False' &&
    ready.reason === reason &&
    said.status['status'] === 'Error' &&
    typeof said.status['nextAttempt'] === 'string' &&
    told('CertificateRequest') &&
    told('ClusterDeployment')
  );
}

/** @returns once the failure is said everywhere. */
export async function waitUntilFailing(
  place: ClusterUnderTest,
  reason: string,
  culprit: string | RegExp,
): Promise<ReportedState> {
  const { cluster } = place;
  return await eventuallyFound(
    `${cluster.name} says ${reason} of ${String(culprit)}`,
    async () => {
      const said = await readReportedState(place.lab, cluster);
      return isReportedFailing(said, reason, culprit) ? said : undefined;
    },
    () => readReportedState(place.lab, cluster),
  );
}

/** Issued, valid at the CA, and nothing but success said any more. @returns after how many seconds it was in its Secret. */
export async function waitUntilIssued(place: ClusterUnderTest): Promise<number> {
  const began = performance.now();
  const { cluster } = place;
  const instead = async () => ({
    said: await readReportedState(place.lab, cluster),
    is: await describeClusterWorkflow(place.lab, cluster),
  });
  const issued = await eventuallyFound(
    `a certificate for ${cluster.name}`,
    () => readInstalledCertificate(place.lab, cluster),
    instead,
  );
  const took = (performance.now() - began) / 1000;
  await eventuallyFound(
    `${cluster.name} says that it is well`,
    async () => {
      const { status, conditions } = await readReportedState(place.lab, cluster);
      const is = (type: string) => conditions.find((one) => one.type === type)?.status;
      const well = is('Ready') === 'True' && is('Failing') === 'False' && is('Renewing') === 'False';
      return well && status['serialNumber'] === issued.serialNumber && status['nextAttempt'] === undefined
        ? status
        : undefined;
    },
    instead,
  );
  expect((await place.lab.stack.acme.statusOf(issued.serialNumber)).Status).toBe('Valid');
  return took;
}

/** Everything that grows when something is done about a cluster. */
async function activitySnapshot({ lab: at, cluster }: ClusterUnderTest) {
  const key = { namespace: cluster.namespace, name: cluster.name };
  // First: what it has under way when it is looked at may be seen in what is read later.
  const workflow = await describeClusterWorkflow(at, cluster);
  const [said, request, deployment] = await Promise.all([
    readReportedState(at, cluster),
    at.kubernetes.get(CERTIFICATE_REQUESTS, { ...key, name: cluster.requestName }),
    at.kubernetes.get(CLUSTER_DEPLOYMENTS, key),
  ]);
  return {
    busy: workflow?.busy === true,
    events: said.events.reduce((sum, event) => sum + event.count, 0),
    history: workflow?.events,
    orders: workflow?.record?.orders,
    nextAttempt: workflow?.record?.nextAttempt,
    request: request?.metadata.resourceVersion,
    deployment: deployment?.metadata.resourceVersion,
  };
}

/**
 * Once nothing is under way about these clusters, looks twice: between the two, only what was due was done.
 * @param beside other clusters of the lab that wait: what is due of them is asked of the CA and of Route 53 as well.
 */
export async function expectQuiet(
  at: E2eHarness,
  places: readonly ClusterUnderTest[],
  beside: readonly ClusterUnderTest[] = [],
): Promise<void> {
  // Renewal information is asked for by the watch, for the whole fleet and when the CA said.
  const aboutOrders = () => at.ca.seen.filter(({ path }) => !path.includes('/renewalInfo/'));
  const requests = () => aboutOrders().length + at.route53.seen.length;
  const before = await waitUntilIdle([...places, ...beside]);
  const askedBefore = requests();
  await sleep(IDLE_MS);
  const asked = requests() - askedBefore;
  const after = await Promise.all(places.map(activitySnapshot));
  const due = before.filter(({ nextAttempt }) => nextAttempt !== undefined && Date.parse(nextAttempt) < Date.now());
  for (const [index, later] of after.entries()) {
    const earlier = before[index];
    if (earlier === undefined || !due.includes(earlier)) expect(later, places[index]?.cluster.name).toEqual(earlier);
  }
  expect(asked).toBeLessThanOrEqual(due.length * MAX_REQUESTS_PER_ATTEMPT);
}

/** Waits until the workflows of all wait for a timer or a signal and for nothing else. @returns how they are then. */
async function waitUntilIdle(
  places: readonly ClusterUnderTest[],
): Promise<readonly Awaited<ReturnType<typeof activitySnapshot>>[]> {
  const look = () => Promise.all(places.map(activitySnapshot));
  return await eventuallyFound(
    'nothing is under way about the clusters',
    async () => {
      const seen = await look();
      return seen.some(({ busy }) => busy) ? undefined : seen;
    },
    look,
  );
}

export async function deleteUntilGone(places: readonly ClusterUnderTest[]): Promise<void> {
  // An order that the deletion cuts short in the middle of its publication leaves TXT records in doubt, which hold it up.
  await waitUntilIdle(places);
  await Promise.all(
    places.map(async ({ lab: at, cluster, good }) => {
      const key = { namespace: cluster.namespace, name: cluster.name };
      await at.kubernetes.delete(CLUSTER_DEPLOYMENTS, key);
      await eventuallyFound(
        `${cluster.name} is gone`,
        async () => ((await at.kubernetes.get(CLUSTER_DEPLOYMENTS, key)) === undefined ? true : undefined),
        () => readReportedState(at, cluster),
      );
      expect(await at.kubernetes.get(CERTIFICATE_REQUESTS, { ...key, name: cluster.requestName })).toBeUndefined();
      if (good.zoneId === undefined || good.zoneId === NO_ZONE) return;
      const records = [...(await txtRecords(at, good.zoneId)).keys()];
      expect(records.filter((record) => record.endsWith(`.${cluster.name}.${cluster.zone}`))).toEqual([]);
    }),
  );
}
