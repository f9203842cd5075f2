import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string };
}

/** A request as `verb resource`; without a namespace it concerns the whole management cluster. */
export interface AuditedRequest {
  readonly what: string;
  readonly namespace: string | undefined;
}

/** Lines are written within milliseconds after the response. */
const SETTLE_MS = 500;

/** Reads the API server's audit log (audit.k8s.io/v1). @returns requests in the order of their responses; a watch is one request. */
export async function auditedRequests(logFile: string): Promise<readonly AuditedRequest[]> {
  await sleep(SETTLE_MS);
  const byId = new Map<string, AuditedRequest>();
  for (const line of (await readFile(logFile, 'utf8')).split('\n')) {
    if (line === '') continue;
    const { auditID, verb, objectRef } = JSON.parse(line) as AuditEvent;
    const { resource = 'other', subresource } = objectRef ?? {};
    if (byId.has(auditID)) continue;
    byId.set(auditID, {
      what: `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`,
      namespace: objectRef?.namespace,
    });
  }
  return [...byId.values()];
}
