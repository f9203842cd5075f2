/** Clusters in every state that the end of a worker can meet, held there until they are let go on. */

import { AWS } from '../../../local/stack/versions.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { waitFor, waitForCertificate } from './checks.ts';
import { createCluster, createClusters, deleteCluster, type E2eCluster, patchCluster } from './clusters.ts';
import { statusOf } from './evidence.ts';
import type { E2eHarness } from './harness.ts';

export interface MixedFleet {
  /** With a certificate, until its renewal is due. */
  readonly asleep: readonly E2eCluster[];
  /** Its certificate is issued; the CA does not hand it out. */
  readonly installing: E2eCluster;
  /** Its order is placed; Route 53 takes no records. */
  readonly publishing: E2eCluster;
  /** Its AWS Secret is missing. */
  readonly waiting: E2eCluster;
  /** Being deleted; the CA does not answer its revocation. */
  readonly decommissioning: E2eCluster;
  /** Serial number of the certificate that is to be revoked. */
  readonly decommissioningSerial: string;
  /** Puts everything right. */
  resume(): Promise<void>;
}

/** How many orders the fleet needs, the one being revoked included. */
export const ORDERS_OF_MIXED_FLEET = 6;

const CREDENTIALS_SECRET = 'aws';

export async function createMixedFleet(lab: E2eHarness, prefix: string): Promise<MixedFleet> {
  const asleep = await createClusters(lab, `${prefix}-asleep`, 2);
  const leaving = await createCluster(lab, `${prefix}-leaving`);
  await Promise.all(asleep.map((cluster) => waitForState(lab, cluster, 'Ready')));
  await waitForState(lab, leaving, 'Ready');
  const { serialNumber } = await waitForCertificate(lab.kubernetes, leaving, undefined);

  const waiting = await createCluster(lab, `${prefix}-waiting`, { installed: false });
  const credentials = { namespace: waiting.namespace, name: CREDENTIALS_SECRET };
  await lab.kubernetes.delete(SECRETS, credentials);
  await patchCluster(lab, waiting, { spec: { installed: true } });
  await waitForState(lab, waiting, 'Waiting');

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
  const publishing = await createCluster(lab, `${prefix}-publishing`, { zone });
  const installing = await createCluster(lab, `${prefix}-installing`);
  await deleteCluster(lab, leaving);
  const faults = [unpublished, withheld, unrevoked];
  await waitFor('all are held', async () => {
    const free = faults.filter(({ hits }) => hits() === 0);
    return free.length === 0 ? {} : `${free.length} of ${faults.length} faults have hit nothing`;
  });

  return {
    asleep,
    installing,
    publishing,
    waiting,
    decommissioning: leaving,
    decommissioningSerial: serialNumber,
    resume: async () => {
      for (const { remove } of faults) remove();
      const stringData = { aws_access_key_id: AWS.accessKeyId, aws_secret_access_key: AWS.secretAccessKey };
      await lab.kubernetes.create(SECRETS, { metadata: credentials, stringData });
    },
  };
}

/** Until its bundle is in this state. */
export async function waitForState(lab: E2eHarness, cluster: E2eCluster, expected: string): Promise<void> {
  await waitFor(`${cluster.name} is ${expected}`, async () => {
    const { state } = (await statusOf(lab, cluster).catch(() => undefined))?.bundles['primary'] ?? {};
    return state === expected ? {} : `it is ${state ?? 'not known'}`;
  });
}
