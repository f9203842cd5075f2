/** Clusters in every state that the end of a worker can meet, held there until they are let go on. */

import { AWS } from '../../local/versions.ts';
import { SECRETS } from '../../src/kubernetes/kubernetes-api.ts';
import { certificateInSecret, within } from './checks.ts';
import { changeCluster, deleteCluster, type LifeCluster, newCluster, newClusters } from './life-clusters.ts';
import { statusOf } from './life-evidence.ts';
import type { LifeLab } from './life-lab.ts';

export interface MixedFleet {
  /** With a certificate, until its renewal is due. */
  readonly asleep: readonly LifeCluster[];
  /** Its certificate is issued; the CA does not hand it out. */
  readonly installing: LifeCluster;
  /** Its order is placed; Route 53 takes no records. */
  readonly publishing: LifeCluster;
  /** Its AWS Secret is missing. */
  readonly waiting: LifeCluster;
  /** Being deleted; the CA does not answer its revocation. */
  readonly leaving: LifeCluster;
  /** Serial number of the certificate that is to be revoked. */
  readonly leavingSerial: string;
  /** Puts everything right. */
  letGoOn(): Promise<void>;
}

/** How many orders the fleet needs, the one being revoked included. */
export const ORDERS_OF_MIXED_FLEET = 6;

const CREDENTIALS = 'aws';

export async function mixedFleet(lab: LifeLab, prefix: string): Promise<MixedFleet> {
  const asleep = await newClusters(lab, `${prefix}-asleep`, 2);
  const leaving = await newCluster(lab, `${prefix}-leaving`);
  await Promise.all(asleep.map((cluster) => inState(lab, cluster, 'Ready')));
  await inState(lab, leaving, 'Ready');
  const { serialNumber } = await certificateInSecret(lab.kubernetes, leaving, undefined);

  const waiting = await newCluster(lab, `${prefix}-waiting`, { installed: false });
  const credentials = { namespace: waiting.namespace, name: CREDENTIALS };
  await lab.kubernetes.delete(SECRETS, credentials);
  await changeCluster(lab, waiting, { spec: { installed: true } });
  await inState(lab, waiting, 'Waiting');

  const zoneName = `${prefix}.example.com`;
  const zone = { name: zoneName, ...(await lab.stack.createZone(zoneName)) };
  const unpublished = lab.route53.inject({
    when: ({ method, path }) => method === 'POST' && path.includes(zone.zoneId),
    fault: { kind: 'answer', status: 503 },
  });
  const withheld = lab.ca.inject({
    when: ({ path }) => path.startsWith('/certZ/'),
    fault: { kind: 'answer', status: 503, headers: { 'retry-after': '1' } },
  });
  const unrevoked = lab.ca.inject({
    when: ({ path }) => path.startsWith('/revoke-cert'),
    fault: { kind: 'hang' },
  });
  const publishing = await newCluster(lab, `${prefix}-publishing`, { zone });
  const installing = await newCluster(lab, `${prefix}-installing`);
  await deleteCluster(lab, leaving);
  const faults = [unpublished, withheld, unrevoked];
  await within('all are held', async () => {
    const free = faults.filter(({ hits }) => hits() === 0);
    return free.length === 0 ? {} : `${free.length} of ${faults.length} faults have hit nothing`;
  });

  return {
    asleep,
    installing,
    publishing,
    waiting,
    leaving,
    leavingSerial: serialNumber,
    letGoOn: async () => {
      for (const { remove } of faults) remove();
      const stringData = { aws_access_key_id: AWS.accessKeyId, aws_secret_access_key: AWS.secretAccessKey };
      await lab.kubernetes.create(SECRETS, { metadata: credentials, stringData });
    },
  };
}

/** Until its bundle is in this state. */
export async function inState(lab: LifeLab, cluster: LifeCluster, expected: string): Promise<void> {
  await within(`${cluster.name} is ${expected}`, async () => {
    const { state } = (await statusOf(lab, cluster).catch(() => undefined))?.bundles['primary'] ?? {};
    return state === expected ? {} : `it is ${state ?? 'not known'}`;
  });
}
