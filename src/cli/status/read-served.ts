/** What clusters serve: the condition `Served`, which the workflow does not know. */
import { z } from 'zod';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS } from '../../kubernetes/objects/resources.ts';
import type { ClusterReport, ServedRow } from './status-view.ts';

const servedSchema = z.object({
  type: z.literal('Served'),
  status: z.string().max(64),
  reason: z.string().max(1_024).catch(''),
  message: z.string().max(32_768).catch(''),
  lastTransitionTime: z.string().max(64).optional().catch(undefined),
});
const statusSchema = z.looseObject({ conditions: z.array(z.unknown()).max(100).catch([]) }).catch({ conditions: [] });

/** The condition in the status of a CertificateRequest; undefined: it is not there. */
export function servedRowOf(status: unknown): ServedRow | undefined {
  for (const condition of statusSchema.parse(status ?? {}).conditions) {
    const { data } = servedSchema.safeParse(condition);
    if (data === undefined) continue;
    const { lastTransitionTime: since, status: holds, reason, message } = data;
    return { status: holds, reason, message, since };
  }
  return undefined;
}

/** By name of the CertificateRequest. @throws CertmanError `kubernetes/…` */
export async function readServed(
  kubernetes: KubernetesApi,
  namespace: string,
): Promise<ReadonlyMap<string, ServedRow>> {
  const served = new Map<string, ServedRow>();
  for await (const { metadata, status } of kubernetes.list(CERTIFICATE_REQUESTS, { namespace })) {
    const row = servedRowOf(status);
    if (row !== undefined) served.set(metadata.name, row);
  }
  return served;
}

/** The report with what is served. */
export function withServed(report: ClusterReport, served: ReadonlyMap<string, ServedRow>): ClusterReport {
  const certificates = report.certificates.map((certificate) => ({
    ...certificate,
    served: certificate.served ?? served.get(certificate.requestName ?? ''),
  }));
  return { ...report, certificates };
}
