import { z } from 'zod';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import type { ChaosCluster, ChaosContext } from '../context.ts';

const statusSchema = z.object({
  conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
});

/** Names of the clusters whose CertificateRequest is not Ready, or is Renewing or Failing. */
export async function unreadyClusters(
  { kubernetes }: Pick<ChaosContext, 'kubernetes'>,
  clusters: readonly ChaosCluster[],
): Promise<readonly string[]> {
  const ready = new Set<string>();
  for await (const { metadata, status } of kubernetes.list(CERTIFICATE_REQUESTS)) {
    const read = statusSchema.safeParse(status);
    if (!read.success) continue;
    const holds = (type: string): boolean =>
      read.data.conditions.some((condition) => condition.type === type && condition.status === 'True');
    if (holds('Ready') && !holds('Failing')) ready.add(metadata.namespace ?? '');
  }
  return clusters.filter(({ namespace }) => !ready.has(namespace)).map(({ name }) => name);
}
