/** What the activities on DNS are given for a cluster: records that `placeOrder` has sealed, and objects that ask for all. */
import { generateKeyPairSync } from 'node:crypto';
import { Seals } from '../../../src/acme/seals.ts';
import type { TxtRecord } from '../../../src/certificates/dns-name.ts';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import type { ZoneTarget } from '../../../src/clusters/zone-target.ts';
import { ASKED_FOR } from '../acme/harness.ts';

export const SEALS = new Seals(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

/** Dependencies of the activities. */
export const SEALED = {
  ca: { seals: () => Promise.resolve(SEALS), sealsIfUsable: () => Promise.resolve(SEALS) },
  ...ASKED_FOR,
};

/** The cluster that a zone is for. */
export function clusterOf({ namespace, clusterName: name, kind }: ZoneTarget): ClusterIdentity {
  return { managementCluster: 'hive', namespace, name, uid: `uid-of-${name}`, kind };
}

/** Input of the activities. */
export function sealedInput(zone: ZoneTarget, records: readonly TxtRecord[]) {
  const cluster = clusterOf(zone);
  const sealed = records.map((one) => ({ ...one, seal: SEALS.seal(cluster, { of: 'record', ...one }) }));
  return { cluster, zone, records: sealed };
}
