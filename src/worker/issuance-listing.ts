/** The issuances that Temporal completed, from its visibility store. */
import type { Client } from '@temporalio/client';
import { CertNameSet, CertNames, CertReason } from '../../workflows/contract.ts';
import type { ListCompletedIssuances } from '../observability/fleet-counts.ts';

const PAGE_SIZE = 1_000;

/** A listing is given up after this; the next one asks again. */
const LONGEST_LISTING_MS = 60_000;

/** A page at a time, over the worker's own connection. */
export function listCompletedIssuances(client: Client, pageSize = PAGE_SIZE): ListCompletedIssuances {
  return async function* list(closedSince, signal) {
    const since = new Date(closedSince).toISOString();
    const until = Date.now() + LONGEST_LISTING_MS;
    const query = `WorkflowType = 'certificateIssuance' AND ExecutionStatus = 'Completed' AND CloseTime >= '${since}'`;
    for await (const execution of client.workflow.list({ query, pageSize })) {
      signal.throwIfAborted();
      if (Date.now() > until)
        throw new Error(`listing the completed issuances took over ${LONGEST_LISTING_MS / 1000} s`);
      if (execution.closeTime === undefined) continue;
      const attributes = execution.typedSearchAttributes;
      yield {
        runId: execution.runId,
        startTime: execution.startTime.getTime(),
        closeTime: execution.closeTime.getTime(),
        dnsNames: attributes.get(CertNames) ?? [],
        nameSet: attributes.get(CertNameSet),
        reason: attributes.get(CertReason),
      };
    }
  };
}
