/** Clusters brought into the states of the matrix, many at once, on the real parts. */
import type { X509Certificate } from 'node:crypto';
import pLimit from 'p-limit';
import { withHubApi } from '../../../local/hub-api.ts';
import { clusterWorkflowId, renew } from '../../../workflows/contract.ts';
import { certificateInSecret, within } from '../checks.ts';
import { changeCluster, type LifeCluster, newCluster } from '../life-clusters.ts';
import { statusOf, txtRecords, untilCertified } from '../life-evidence.ts';
import type { LifeLab } from '../life-lab.ts';
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
export interface Subject extends Cell {
  readonly cluster: LifeCluster;
  /** Where TXT records of its last order are. */
  readonly zone: ZoneRef;
  /** In its Secret. */
  readonly held?: { readonly serialNumber: string; readonly certificate: X509Certificate };
}

const AT_ONCE = 8;
const WITH_CERTIFICATE: ReadonlySet<State> = new Set(['ready', 'renewing', 'failing', 'paused', 'outgoing', 'expired']);

const PAUSE = { metadata: { annotations: { 'hive.openshift.io/reconcile-pause': 'true' } } };
const OUTGOING = { metadata: { annotations: { 'hive.openshift.io/relocate': 'other-hub/outgoing' } } };

/** Brings one cluster for each cell into its state, except the expired ones. */
export async function bringAll(
  lab: LifeLab,
  cells: readonly Cell[],
  zonesOf: (cell: Cell) => Zones,
): Promise<readonly Subject[]> {
  const subjects: Subject[] = [];
  const holders = cells.filter(({ state }) => WITH_CERTIFICATE.has(state) && state !== 'expired');
  const held = await each(holders, async (cell) => bringHolder(lab, cell, zonesOf(cell)));
  // The CA refuses every order for as long as these are asked for: nobody else may order meanwhile.
  await refuseRenewals(
    lab,
    held.filter(({ state }) => state === 'failing'),
  );
  const others = cells.filter(({ state }) => !WITH_CERTIFICATE.has(state));
  const [moved, begun] = await Promise.all([
    each(held, (subject) => moveOn(lab, subject, zonesOf(subject).unserved)),
    each(others, async (cell) => beginWithout(lab, cell, zonesOf(cell))),
  ]);
  subjects.push(...moved, ...begun);
  return subjects;
}

/** Those that are asked for under a worker whose certificates live for some seconds, paused before they would be renewed. */
export async function bringExpired(lab: LifeLab, cells: readonly Cell[], zone: ZoneRef): Promise<readonly Subject[]> {
  return await each(cells, async (cell) => {
    const subject = await bringHolder(lab, cell, { served: zone, unserved: zone });
    await changeCluster(lab, subject.cluster, PAUSE);
    await inState(lab, subject.cluster, 'Paused');
    // A renewal may have come between.
    return { ...subject, held: await certificateInSecret(lab.kubernetes, subject.cluster, undefined) };
  });
}

/** Waits until the bundle of a cluster is in a state. */
export async function inState(lab: LifeLab, cluster: LifeCluster, ...states: readonly string[]): Promise<void> {
  await within(`${cluster.name} is ${states.join(' or ')}`, async () => {
    const { state, message } = (await statusOf(lab, cluster).catch(() => undefined))?.bundles['primary'] ?? {};
    return state !== undefined && states.includes(state) ? {} : `it is ${state ?? 'not known'}: ${message}`;
  });
}

async function bringHolder(lab: LifeLab, cell: Cell, { served }: Zones): Promise<Subject> {
  const cluster = await newCluster(lab, cellKey(cell), { zone: served });
  const held = await untilCertified(lab, cluster);
  return { ...cell, cluster, zone: served, held };
}

/** Their renewals fail, and the CA does not want to be asked again for an hour. */
async function refuseRenewals(lab: LifeLab, subjects: readonly Subject[]): Promise<void> {
  const refusal = lab.ca.inject({
    when: ({ path }) => path.startsWith('/order-plz'),
    fault: {
      kind: 'answer',
      status: 429,
      headers: { 'content-type': 'application/problem+json', 'retry-after': '3600' },
      body: { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many orders', status: 429 },
    },
  });
  await each(subjects, async ({ cluster }) => {
    const handle = lab.client.workflow.getHandle(clusterWorkflowId(cluster.identity));
    const refused = await handle.executeUpdate(renew, { args: [{}] }).then(
      () => false,
      () => true,
    );
    if (!refused) throw new Error(`${cluster.name} was renewed although the CA refuses every order`);
    await inState(lab, cluster, 'Failing');
  });
  refusal.remove();
}

/** From a valid certificate to where a cell wants it. */
async function moveOn(lab: LifeLab, subject: Subject, unserved: ZoneRef): Promise<Subject> {
  const { state, cluster } = subject;
  if (state === 'renewing') {
    await renameInto(lab, cluster, unserved);
    await inState(lab, cluster, 'Renewing');
    await published(lab, cluster, unserved);
    return { ...subject, zone: unserved };
  }
  if (state === 'paused' || state === 'outgoing') {
    await changeCluster(lab, cluster, state === 'paused' ? PAUSE : OUTGOING);
    await inState(lab, cluster, 'Paused');
  }
  return subject;
}

async function beginWithout(lab: LifeLab, cell: Cell, { served, unserved }: Zones): Promise<Subject> {
  const name = cellKey(cell);
  if (cell.state === 'issuing') {
    const cluster = await newCluster(lab, name, { zone: unserved });
    await published(lab, cluster, unserved);
    return { ...cell, cluster, zone: unserved };
  }
  const cluster = await newCluster(lab, name, { zone: served, installed: false });
  if (cell.state === 'waiting') {
    await changeCluster(lab, cluster, { spec: { installed: true, ingress: [], controlPlaneConfig: null } });
    await inState(lab, cluster, 'Waiting');
  }
  return { ...cell, cluster, zone: served };
}

/** Other names, so that a certificate is ordered while the old one is valid. */
async function renameInto(lab: LifeLab, { namespace, name }: LifeCluster, zone: ZoneRef): Promise<void> {
  const hive = `/apis/hive.openshift.io/v1/namespaces/${namespace}`;
  const dnsZone = `${hive}/dnszones/${name}-zone`;
  await withHubApi(lab.stack.kubernetes.adminKubeconfig, async (hub) => {
    await hub.mergePatch([{ path: dnsZone, body: { spec: { zone: zone.name } } }]);
    await hub.mergePatch([{ path: `${dnsZone}/status`, body: { status: { aws: { zoneID: zone.zoneId } } } }]);
  });
  const ingress = [{ name: 'default', domain: `apps.${name}.${zone.name}`, servingCertificate: 'primary' }];
  await changeCluster(lab, { namespace, name }, { spec: { baseDomain: zone.name, ingress } });
}

/** TXT records of a cluster's names. */
export async function recordsOf(lab: LifeLab, { name }: LifeCluster, zone: ZoneRef): Promise<readonly string[]> {
  return [...(await txtRecords(lab, zone.zoneId)).keys()].filter((record) => record.endsWith(`.${name}.${zone.name}`));
}

async function published(lab: LifeLab, cluster: LifeCluster, zone: ZoneRef): Promise<void> {
  await within(`the TXT records of ${cluster.name} are published`, async () => {
    const records = await recordsOf(lab, cluster, zone);
    return records.length === cluster.dnsNames.length ? {} : `there are ${records.length}`;
  });
}

/** All, some at once; the first failure is thrown when all have ended. */
export async function each<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const limit = pLimit(AT_ONCE);
  const results = await Promise.allSettled(items.map((item) => limit(() => work(item))));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
