/** Which hosted zone takes a cluster's TXT records. */
import { z } from 'zod';
import type { ZoneTarget } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { DNS_ZONES } from '../../kubernetes/objects/resources.ts';
import { normalizeName } from '../txt-record.ts';
import { type ListedZone, stripIdPrefix } from './api.ts';

export interface HostedZone {
  readonly id: string;
  /** What the zone is called: the target's name, or a parent of it. */
  readonly name: string;
  /** When the source knows them already. */
  readonly nameServers?: readonly string[];
}

/** Hive's DNSZone (hive.openshift.io/v1), as far as it is used. */
const dnsZone = z.looseObject({
  spec: z.looseObject({ zone: z.string().max(255) }),
  status: z
    .looseObject({
      nameServers: z.array(z.string().max(255)).max(32).optional().catch(undefined),
      aws: z.looseObject({ zoneID: z.string().max(64).optional() }).optional(),
    })
    .optional(),
});

/**
 * The zone that Hive manages for the cluster: the DNSZone in its namespace of that name.
 * @returns undefined when there is none (`manageDNS: false`). @throws CertmanError `dns/zoneNotFound` when Hive has not made it yet.
 */
export async function findHiveZone(kubernetes: KubernetesApi, target: ZoneTarget): Promise<HostedZone | undefined> {
  const name = normalizeName(target.zoneName);
  try {
    for await (const object of kubernetes.list(DNS_ZONES, { namespace: target.namespace })) {
      const read = dnsZone.safeParse(object);
      if (!read.success || normalizeName(read.data.spec.zone) !== name) continue;
      const id = read.data.status?.aws?.zoneID;
      if (id !== undefined && id !== '') {
        const nameServers = read.data.status?.nameServers?.map(normalizeName);
        return { id: stripIdPrefix(id), name, ...(nameServers?.length ? { nameServers } : {}) };
      }
      throw new CertmanError({
        code: 'dns/zoneNotFound',
        message: `Hive has not created the hosted zone of ${name} yet: DNSZone ${target.namespace}/${object.metadata.name} has no status.aws.zoneID.`,
        remedy: 'It goes on once Hive has.',
      });
    }
  } catch (error) {
    // Hive without managed DNS does not have to have this kind of resource.
    if (error instanceof CertmanError && error.code === 'kubernetes/notFound') return undefined;
    throw error;
  }
  return undefined;
}

/**
 * The public zone whose name is the longest suffix of the target's, among all of an account. Pure.
 * @throws CertmanError `dns/zoneNotFound`; `dns/zoneAmbiguous` when two have that name, since only one can be the delegated one.
 */
export function selectZone(zones: readonly ListedZone[], zoneName: string): HostedZone {
  const wanted = normalizeName(zoneName);
  const candidates = zones.filter((zone) => wanted === zone.name || wanted.endsWith(`.${zone.name}`));
  const open = candidates.filter((zone) => !zone.private && zone.name !== '');
  const longest = Math.max(0, ...open.map((zone) => zone.name.length));
  const [only, ...others] = open.filter((zone) => zone.name.length === longest);
  if (only === undefined) {
    const hidden =
      candidates.length === 0 ? '' : `; ${candidates.map((zone) => zone.id).join(', ')} would match, but is private`;
    throw new CertmanError({
      code: 'dns/zoneNotFound',
      message: `None of the ${zones.length} hosted zones of the AWS account is ${wanted} or a parent of it${hidden}.`,
      remedy: 'Create the public hosted zone, or correct the base domain or the credentials of the ClusterDeployment.',
    });
  }
  if (others.length > 0) {
    const ids = [only, ...others].map((zone) => zone.id).toSorted();
    throw new CertmanError({
      code: 'dns/zoneAmbiguous',
      message: `The AWS account has ${ids.length} public hosted zones of the name ${only.name}: ${ids.join(' and ')}.`,
      remedy: 'Delete all but the one that the domain is delegated to, or let Hive manage the zone.',
    });
  }
  return { id: only.id, name: only.name };
}
