/** Clusters brought into the states of the matrix, many at once, on the real parts. */
import type { X509Certificate } from 'node:crypto';
import pLimit from 'p-limit';
import { withHiveClient } from '../../../../local/stack/management-cluster/clients.ts';
import { renew } from '../../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../../src/contract/ids.ts';
import { waitFor, waitForCertificate } from '../checks.ts';
import { createCluster, type E2eCluster, patchCluster } from '../clusters.ts';
import { statusOf, txtRecords, untilCertified } from '../evidence.ts';
import type { E2eHarness } from '../harness.ts';
import { type Cell, cellKey, type State } from './cells.ts';

export interface ZoneRef {
  readonly name: string;
  readonly zoneId: string;
  /** Whether DNS answers for it. */
  readonly served: boolean;
}

/** Where clusters are: a zone that DNS answers for, and one in which a verification never ends. */
export interface Zones {
  readonly served: ZoneRef;
  readonly unserved: ZoneRef;
}

/** A cluster of the matrix, in its state. */
export interface MatrixCluster extends Cell {
  readonly cluster: E2eCluster;
  /** Where TXT records of its last order are. */
  readonly zone: ZoneRef;
  /** In its Secret. */
  readonly installed?: { readonly serialNumber: string; readonly certificate: X509Certificate };
}

const MAX_CONCURRENCY = 8;
const CERTIFIED_STATES: ReadonlySet<State> = new Set(['ready', 'renewing', 'failing', 'paused', 'outgoing', 'expired']);

const PAUSE = { metadata: { annotations: { 'hive.openshift.io/reconcile-pause': 'true' } } };
const OUTGOING = { metadata: { annotations: { 'hive.openshift.io/relocate': 'other-hub/outgoing' } } };

/** Brings one cluster for each cell into its state, except the expired ones. */
export async function prepareClusters(
  lab: E2eHarness,
  cells: readonly Cell[],
  zonesOf: (cell: Cell) => Zones,
): Promise<readonly MatrixCluster[]> {
  const subjects: MatrixCluster[] = [];
  const holders = cells.filter(({ state }) => CERTIFIED_STATES.has(state) && state !== 'expired');
  const held = await mapConcurrently(holders, async (cell) => prepareCertifiedCluster(lab, cell, zonesOf(cell)));
  // The CA refuses every order for as long as these are asked for: nobody else may order meanwhile.
  await refuseRenewals(
    lab,
    held.filter(({ state }) => state === 'failing'),
  );
  const others = cells.filter(({ state }) => !CERTIFIED_STATES.has(state));
  const [moved, begun] = await Promise.all([
    mapConcurrently(held, (subject) => advanceToState(lab, subject, zonesOf(subject).unserved)),
    mapConcurrently(others, async (cell) => prepareUncertifiedCluster(lab, cell, zonesOf(cell))),
  ]);
  subjects.push(...moved, ...begun);
  return subjects;
}

/** Those that are asked for under a worker whose certificates live for some seconds, paused before they would be renewed. */
export async function prepareExpiredClusters(
  lab: E2eHarness,
  cells: readonly Cell[],
  zone: ZoneRef,
): Promise<readonly MatrixCluster[]> {
  return await mapConcurrently(cells, async (cell) => {
    const subject = await prepareCertifiedCluster(lab, cell, { served: zone, unserved: zone });
    await patchCluster(lab, subject.cluster, PAUSE);
    await waitForState(lab, subject.cluster, 'Paused');
    // A renewal may have come between.
    return { ...subject, held: await waitForCertificate(lab.kubernetes, subject.cluster, undefined) };
  });
}

/** Waits until the bundle of a cluster is in a state. */
export async function waitForState(lab: E2eHarness, cluster: E2eCluster, ...states: readonly string[]): Promise<void> {
  await waitFor(`${cluster.name} is ${states.join(' or ')}`, async () => {
    const { state, message } = (await statusOf(lab, cluster).catch(() => undefined))?.bundles['primary'] ?? {};
    return state !== undefined && states.includes(state) ? {} : `it is ${state ?? 'not known'}: ${message}`;
  });
}

async function prepareCertifiedCluster(lab: E2eHarness, cell: Cell, { served }: Zones): Promise<MatrixCluster> {
  const cluster = await createCluster(lab, cellKey(cell), { zone: served });
  const held = await untilCertified(lab, cluster);
  return { ...cell, cluster, zone: served, installed: held };
}

/** Their renewals fail, and the CA does not want to be asked again for an hour. */
async function refuseRenewals(lab: E2eHarness, subjects: readonly MatrixCluster[]): Promise<void> {
  const refusal = lab.ca.inject({
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
    const refused = await handle.executeUpdate(renew, { args: [{}] }).then(
      () => false,
      () => true,
    );
    if (!refused) throw new Error(`${cluster.name} was renewed although the CA refuses every order`);
    await waitForState(lab, cluster, 'Failing');
  });
  refusal.remove();
}

/** From a valid certificate to where a cell wants it. */
async function advanceToState(lab: E2eHarness, subject: MatrixCluster, unserved: ZoneRef): Promise<MatrixCluster> {
  const { state, cluster } = subject;
  if (state === 'renewing') {
    await moveToZone(lab, cluster, unserved);
    await waitForState(lab, cluster, 'Renewing');
    await waitForPublishedRecords(lab, cluster, unserved);
    return { ...subject, zone: unserved };
  }
  if (state === 'paused' || state === 'outgoing') {
    await patchCluster(lab, cluster, state === 'paused' ? PAUSE : OUTGOING);
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

/** Other names, so that a certificate is ordered while the old one is valid. */
async function moveToZone(lab: E2eHarness, { namespace, name }: E2eCluster, zone: ZoneRef): Promise<void> {
  const hive = `/apis/hive.openshift.io/v1/namespaces/${namespace}`;
  const dnsZone = `${hive}/dnszones/${name}-zone`;
  await withHiveClient(lab.stack.kubernetes.adminKubeconfig, async (hub) => {
    await hub.mergePatch([{ path: dnsZone, body: { spec: { zone: zone.name } } }]);
    await hub.mergePatch([{ path: `${dnsZone}/status`, body: { status: { aws: { zoneID: zone.zoneId } } } }]);
  });
  const ingress = [{ name: 'default', domain: `apps.${name}.${zone.name}`, servingCertificate: 'primary' }];
  await patchCluster(lab, { namespace, name }, { spec: { baseDomain: zone.name, ingress } });
}

/** TXT records of a cluster's names. */
export async function recordsOf(lab: E2eHarness, { name }: E2eCluster, zone: ZoneRef): Promise<readonly string[]> {
  return [...(await txtRecords(lab, zone.zoneId)).keys()].filter((record) => record.endsWith(`.${name}.${zone.name}`));
}

async function waitForPublishedRecords(lab: E2eHarness, cluster: E2eCluster, zone: ZoneRef): Promise<void> {
  await waitFor(`the TXT records of ${cluster.name} are published`, async () => {
    const records = await recordsOf(lab, cluster, zone);
    return records.length === cluster.dnsNames.length ? {} : `there are ${records.length}`;
  });
}

/** All, some at once; the first failure is thrown when all have ended. */
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
