/** Clusters in every state in which a worker can stop, held there by faults. */
import { AWS } from '../../../local/stack/versions.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { waitFor, waitForCertificate } from './checks.ts';
import { createCluster, createClusters, deleteCluster, type E2eCluster, patchCluster } from './clusters.ts';
import { statusOf } from './evidence.ts';
import type { E2eHarness } from './harness.ts';

/** Clusters in different states. */
export interface MixedFleet {
  /** Certificates issued; the workflows sleep until the renewal. */
  readonly asleep: readonly E2eCluster[];
  /** Certificate issued; its download fails. */
  readonly installing: E2eCluster;
  /** Order placed; Route 53 rejects the records. */
  readonly publishing: E2eCluster;
  /** Its AWS Secret is missing. */
  readonly waiting: E2eCluster;
  /** Being deleted; the CA does not answer the revocation. */
  readonly decommissioning: E2eCluster;
  /** Serial number of the certificate to revoke. */
  readonly decommissioningSerial: string;
  /** Removes all faults and creates the missing Secret. */
  resume(): Promise<void>;
}

/** Orders that the fleet needs, including the one of the certificate to revoke. */
export const ORDERS_OF_MIXED_FLEET = 6;

const CREDENTIALS_SECRET = 'aws';

/** Creates the fleet and waits until every fault has been hit. */
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
  await waitFor('every fault is hit', async () => {
    const unused = faults.filter(({ hits }) => hits() === 0);
    return unused.length === 0 ? {} : `${unused.length} of ${faults.length} faults are not hit`;
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

/** Waits until the primary bundle is in a state. */
export async function waitForState(lab: E2eHarness, cluster: E2eCluster, expected: string): Promise<void> {
  await waitFor(`${cluster.name} is ${expected}`, async () => {
    const { state } = (await statusOf(lab, cluster).catch(() => undefined))?.bundles['primary'] ?? {};
    return state === expected ? {} : `it is ${state ?? 'unknown'}`;
  });
}
