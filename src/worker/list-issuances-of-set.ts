import type { Client } from '@temporalio/client';
import { CertCluster, CertNames } from '../contract/search-attributes.ts';
import { listExecutions } from '../controller/cluster-workflow-client.ts';
import type { RunawayGuardOptions } from '../issuance/runaway-guard.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';

/** More than any bound counts. */
const PAGE_SIZE = 20;
const PAGE_TIMEOUT_MS = 10_000;

/** Lists certificates for a set of names in Temporal's visibility, of all management clusters, the newest first. */
export function listIssuancesOfSet(client: Client): RunawayGuardOptions['list'] {
  return async function* list(nameSet, closedSince, signal) {
    if (!/^[\w-]{1,64}$/.test(nameSet)) return;
    const since = new Date(closedSince).toISOString();
    const query = `WorkflowType = 'certificateIssuance' AND ExecutionStatus = 'Completed' AND CertNameSet = '${nameSet}' AND CloseTime >= '${since}'`;
    const options = { query, pageSize: PAGE_SIZE };
    for await (const execution of listExecutions(withTolerantMemos(client), options, PAGE_TIMEOUT_MS)) {
      signal.throwIfAborted();
      if (execution.closeTime === undefined) continue;
      const attributes = execution.typedSearchAttributes;
      const [, managementCluster = ''] = execution.taskQueue.split('/');
      yield {
        closeTime: execution.closeTime.getTime(),
        dnsNames: attributes.get(CertNames) ?? [],
        cluster: `${managementCluster} ${attributes.get(CertCluster) ?? ''}`.trim(),
      };
    }
  };
}
