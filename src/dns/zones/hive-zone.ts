import { z } from 'zod';
import { normalizeName } from '../../certificates/dns-name.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { DNS_ZONES } from '../../kubernetes/objects/resources.ts';
import type { DnsTarget } from '../provider.ts';

/** Hive's DNSZone (hive.openshift.io/v1), as far as it is used. */
const nameSchema = z.string().max(255).transform(normalizeName);
const azureSpec = z.object({ resourceGroupName: z.string().max(90) });
const dnsZoneSchema = z.object({
  spec: z.object({ zone: nameSchema, azure: azureSpec.optional().catch(undefined) }),
  status: z
    .object({
      nameServers: z.array(nameSchema).min(1).max(32).optional().catch(undefined),
      aws: z.object({ zoneID: z.string().max(64).optional() }).optional(),
      gcp: z
        .object({ zoneName: z.string().max(63).optional() })
        .optional()
        .catch(undefined),
    })
    .optional(),
});

/** A DNSZone, validated. */
export type HiveDnsZone = z.infer<typeof dnsZoneSchema>;

/** Where a service's zones are named in Hive's DNSZones. */
export interface HiveZoneId {
  /** Undefined until Hive has created the zone. */
  readonly read: (zone: HiveDnsZone) => string | undefined;
  /** The field that is missing until then, such as `status.aws.zoneID`. */
  readonly field: string;
}

/** A zone by its id. */
export interface KnownZone {
  readonly id: string;
  /** Its name, where the source knows it already. */
  readonly name?: string;
  /** Name servers, where the source knows them already. */
  readonly nameServers?: readonly string[];
}

/** The zone of the cluster's DNSZone; none if `manageDNS: false`. @throws `dns/zoneNotFound` until Hive creates it. */
export async function findHiveZone(
  kubernetes: KubernetesApi,
  target: DnsTarget,
  { read, field }: HiveZoneId,
): Promise<KnownZone | undefined> {
  const name = normalizeName(target.zoneName);
  try {
    for await (const object of kubernetes.list(DNS_ZONES, { namespace: target.namespace })) {
      const dnsZone = dnsZoneSchema.safeParse(object).data;
      if (dnsZone?.spec.zone !== name) continue;
      const id = read(dnsZone);
      if (id) return { id, name, nameServers: dnsZone.status?.nameServers };
      throw new CertmanError({
        code: 'dns/zoneNotFound',
        message: `Hive has not created the zone of ${name} yet: DNSZone ${target.namespace}/${object.metadata.name} has no ${field}.`,
        remedy: 'certman retries; issuance continues when Hive has created the zone.',
      });
    }
  } catch (error) {
    // Hive without managed DNS need not have this kind of resource.
    if (!(error instanceof CertmanError) || error.code !== 'kubernetes/notFound') throw error;
  }
  return undefined;
}
