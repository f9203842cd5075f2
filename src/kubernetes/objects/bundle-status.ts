import { z } from 'zod';
import { CLUSTER_DEPLOYMENTS } from './resources.ts';
import type { StatusKind } from './status-writer.ts';

/** An entry of `status.certificateBundles`. */
export interface BundleStatus {
  readonly name: string;
  readonly generated: boolean;
}

const statusSchema = z
  .object({ certificateBundles: z.array(z.object({ name: z.string(), generated: z.boolean().catch(false) })) })
  .catch({ certificateBundles: [] });

/** `status.certificateBundles` of a ClusterDeployment: which bundles have a certificate. Hive waits for it. */
export const BUNDLE_STATUS: StatusKind<readonly BundleStatus[]> = {
  resource: CLUSTER_DEPLOYMENTS,
  current: (status) => statusSchema.parse(status),
  build: (current, bundles) => ({
    certificateBundles: bundles.reduce(withBundle, statusSchema.parse(current).certificateBundles),
  }),
  trustMs: Number.POSITIVE_INFINITY,
  exclusive: false,
};

/** The list with the bundle in it; entries of others stay. A bundle that is not listed has no certificate. */
export function withBundle(bundles: readonly BundleStatus[], bundle: BundleStatus): readonly BundleStatus[] {
  const known = bundles.find(({ name }) => name === bundle.name);
  if ((known?.generated ?? false) === bundle.generated) return bundles;
  return known === undefined
    ? [...bundles, bundle]
    : bundles.map((entry) => (entry.name === bundle.name ? bundle : entry));
}
