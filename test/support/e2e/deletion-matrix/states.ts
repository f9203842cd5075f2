/** Brings clusters into the states of the deletion matrix, several at a time. */
import type { X509Certificate } from 'node:crypto';
import pLimit from 'p-limit';
import { withHiveClient } from '../../../../local/stack/management-cluster/clients.ts';
import { renew } from '../../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../../src/contract/ids.ts';
import { waitFor, waitForCertificate } from '../checks.ts';
import { createCluster, type E2eCluster, patchCluster } from '../clusters.ts';
import { statusOf, txtRecords, waitUntilCertified } from '../evidence.ts';
import type { E2eHarness } from '../harness.ts';
import { type Cell, cellKey, type State } from './cells.ts';

/** A hosted zone. */
export interface ZoneRef {
  readonly name: string;
  readonly zoneId: string;
  /** Whether DNS serves it. */
  readonly served: boolean;
}

/** Zones of a round: one that DNS serves, and one in which verifying propagation never succeeds. */
export interface Zones {
  readonly served: ZoneRef;
  readonly unserved: ZoneRef;
}

/** A cluster of the matrix. */
export interface MatrixCluster extends Cell {
  readonly cluster: E2eCluster;
  /** Zone of its last order's TXT records. */
  readonly zone: ZoneRef;
  /** The certificate in its Secret. */
  readonly installed?: { readonly serialNumber: string; readonly certificate: X509Certificate };
}

const MAX_CONCURRENCY = 8;
const CERTIFIED_STATES: ReadonlySet<State> = new Set(['ready', 'renewing', 'failing', 'paused', 'moved', 'expired']);

const PAUSE = { metadata: { annotations: { 'hive.openshift.io/reconcile-pause': 'true' } } };
const MOVED = { metadata: { annotations: { 'hive.openshift.io/relocate': 'a-relocation/complete' } } };

/** Creates a cluster for each cell and brings it into its state, except the expired ones. */
export async function prepareClusters(
  lab: E2eHarness,
  cells: readonly Cell[],
  zonesOf: (cell: Cell) => Zones,
): Promise<readonly MatrixCluster[]> {
  const certified = cells.filter(({ state }) => CERTIFIED_STATES.has(state) && state !== 'expired');
  const issued = await mapConcurrently(certified, async (cell) => prepareCertifiedCluster(lab, cell, zonesOf(cell)));
  // The CA rejects every order meanwhile, so no other cluster may order now.
  await rejectRenewals(
    lab,
    issued.filter(({ state }) => state === 'failing'),
  );
  const others = cells.filter(({ state }) => !CERTIFIED_STATES.has(state));
  const [advanced, uncertified] = await Promise.all([
    mapConcurrently(issued, (subject) => advanceToState(lab, subject, zonesOf(subject).unserved)),
    mapConcurrently(others, async (cell) => prepareUncertifiedCluster(lab, cell, zonesOf(cell))),
  ]);
  return [...advanced, ...uncertified];
}

/** Creates clusters under a worker with certificates of some seconds, and pauses them before the renewal. */
export async function prepareExpiredClusters(
  lab: E2eHarness,
  cells: readonly Cell[],
  zone: ZoneRef,
): Promise<readonly MatrixCluster[]> {
  return await mapConcurrently(cells, async (cell) => {
    const subject = await prepareCertifiedCluster(lab, cell, { served: zone, unserved: zone });
    await patchCluster(lab, subject.cluster, PAUSE);
    await waitForState(lab, subject.cluster, 'Paused');
    // It may have been renewed before the pause.
    return { ...subject, installed: await waitForCertificate(lab.kubernetes, subject.cluster, undefined) };
  });
}

/** Waits until the primary bundle is in one of the states. */
export async function waitForState(lab: E2eHarness, cluster: E2eCluster, ...states: readonly string[]): Promise<void> {
  await waitFor(`${cluster.name} is ${states.join(' or ')}`, async () => {
    const { state, message } = (await statusOf(lab, cluster).catch(() => undefined))?.bundles['primary'] ?? {};
    return state !== undefined && states.includes(state) ? {} : `it is ${state ?? 'unknown'}: ${message}`;
  });
}

async function prepareCertifiedCluster(lab: E2eHarness, cell: Cell, { served }: Zones): Promise<MatrixCluster> {
  const cluster = await createCluster(lab, cellKey(cell), { zone: served });
  const installed = await waitUntilCertified(lab, cluster);
  return { ...cell, cluster, zone: served, installed };
}

/** Makes the renewals of these clusters fail, with a Retry-After of an hour. */
async function rejectRenewals(lab: E2eHarness, subjects: readonly MatrixCluster[]): Promise<void> {
  const rejection = lab.ca.inject({
    when: ({ path }) => path.startsWith('/order-plz'),
    fault: {
      kind: 'answer',
      status: 429,
      headers: { 'content-type': 'application/problem+json', 'retry-after': '3600' },
      body: { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many orders', status: 429 },
    },
  });
  await mapConcurrently(subjects, async ({ cluster }) => {
    const handle = lab.client.workflow.getHandle(clusterWorkflowId(cluster.identity));
    const rejected = await handle.executeUpdate(renew, { args: [{}] }).then(
      () => false,
      () => true,
    );
    if (!rejected) throw new Error(`${cluster.name} was renewed although the CA rejects every order`);
    await waitForState(lab, cluster, 'Failing');
  });
  rejection.remove();
}

/** Brings a cluster with a valid certificate into the state of its cell. */
async function advanceToState(lab: E2eHarness, subject: MatrixCluster, unserved: ZoneRef): Promise<MatrixCluster> {
  const { state, cluster } = subject;
  if (state === 'renewing') {
    await moveToZone(lab, cluster, unserved);
    await waitForState(lab, cluster, 'Renewing');
    await waitForPublishedRecords(lab, cluster, unserved);
    return { ...subject, zone: unserved };
  }
  if (state === 'paused' || state === 'moved') {
    await patchCluster(lab, cluster, state === 'paused' ? PAUSE : MOVED);
    await waitForState(lab, cluster, 'Paused');
  }
  return subject;
}

async function prepareUncertifiedCluster(
  lab: E2eHarness,
  cell: Cell,
  { served, unserved }: Zones,
): Promise<MatrixCluster> {
  const name = cellKey(cell);
  if (cell.state === 'issuing') {
    const cluster = await createCluster(lab, name, { zone: unserved });
    await waitForPublishedRecords(lab, cluster, unserved);
    return { ...cell, cluster, zone: unserved };
  }
  const cluster = await createCluster(lab, name, { zone: served, installed: false });
  if (cell.state === 'waiting') {
    await patchCluster(lab, cluster, { spec: { installed: true, ingress: [], controlPlaneConfig: null } });
    await waitForState(lab, cluster, 'Waiting');
  }
  return { ...cell, cluster, zone: served };
}

/** Changes the names, so that a certificate is ordered while the old one is valid. */
async function moveToZone(lab: E2eHarness, { namespace, name }: E2eCluster, zone: ZoneRef): Promise<void> {
  const dnsZone = `/apis/hive.openshift.io/v1/namespaces/${namespace}/dnszones/${name}-zone`;
  await withHiveClient(lab.stack.kubernetes.adminKubeconfig, async (hive) => {
    await hive.mergePatch([{ path: dnsZone, body: { spec: { zone: zone.name } } }]);
    await hive.mergePatch([{ path: `${dnsZone}/status`, body: { status: { aws: { zoneID: zone.zoneId } } } }]);
  });
  const ingress = [{ name: 'default', domain: `apps.${name}.${zone.name}`, servingCertificate: 'primary' }];
  await patchCluster(lab, { namespace, name }, { spec: { baseDomain: zone.name, ingress } });
}

/** @returns the names of a cluster's TXT records in a zone. */
export async function recordsOf(lab: E2eHarness, { name }: E2eCluster, zone: ZoneRef): Promise<readonly string[]> {
  return [...(await txtRecords(lab, zone.zoneId)).keys()].filter((record) => record.endsWith(`.${name}.${zone.name}`));
}

async function waitForPublishedRecords(lab: E2eHarness, cluster: E2eCluster, zone: ZoneRef): Promise<void> {
  await waitFor(`the TXT records of ${cluster.name} are published`, async () => {
    const records = await recordsOf(lab, cluster, zone);
    return records.length === cluster.dnsNames.length ? {} : `there are ${records.length}`;
  });
}

/** Runs `work` for all items with a limited concurrency; throws the first failure once all have settled. */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const limit = pLimit(MAX_CONCURRENCY);
  const results = await Promise.allSettled(items.map((item) => limit(() => work(item))));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
