/** What the API server says that a user asked of it (audit.k8s.io/v1, level Metadata). */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string };
}

/** A request as `verb resource`, and whether it was about objects of one namespace or of the whole hub. */
export interface AuditedRequest {
  readonly what: string;
  readonly namespace: string | undefined;
}

/** Lines are written within milliseconds after the answer. */
const SETTLE_MS = 500;

/** @returns requests in the order in which they were answered; the begin and the end of a watch are one. */
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
