/** Requests of certman in the API server's audit log (audit.k8s.io/v1). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { E2eHarness } from '../e2e/harness.ts';

/** As the API server names certman's ServiceAccount. */
export const CERTMAN_USER = 'system:serviceaccount:certman-operator:certman';

export interface AuditedRequest {
  readonly verb: string;
  /** Plural, with its subresource: `certificaterequests/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** Epoch milliseconds of its arrival. */
  readonly at: number;
}

const lineSchema = z.object({
  verb: z.string(),
  requestReceivedTimestamp: z.string(),
  objectRef: z
    .object({
      resource: z.string(),
      namespace: z.string().optional(),
      name: z.string().optional(),
      subresource: z.string().optional(),
    })
    .optional(),
  responseStatus: z.object({ code: z.number() }).optional(),
});

/** Requests of the audited user that were granted, in the order of their arrival. */
export async function auditedRequests({ stack }: E2eHarness): Promise<readonly AuditedRequest[]> {
  const text = await readFile(join(stack.stateDir, 'kube-apiserver', 'audit.log'), 'utf8');
  const requests: AuditedRequest[] = [];
  // What follows the last line break is being written.
  for (const line of text.split('\n').slice(0, -1)) {
    const { verb, requestReceivedTimestamp, objectRef, responseStatus } = lineSchema.parse(JSON.parse(line));
    if (objectRef === undefined || (responseStatus?.code ?? 0) >= 300) continue;
    const { resource, subresource, namespace = '', name = '' } = objectRef;
    requests.push({
      verb,
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
      namespace,
      name,
      at: Date.parse(requestReceivedTimestamp),
    });
  }
  return requests.sort((a, b) => a.at - b.at);
}
