import type { Client } from '@temporalio/client';
import { CertCluster, CertNameSet, CertNames } from '../contract/search-attributes.ts';
import { listExecutions } from '../controller/cluster-workflow-client.ts';
import type { IssuanceOfSet, RunawayGuardOptions } from '../issuance/runaway-guard.ts';
import { type ListIssuancesOfSets, SetLookups } from '../issuance/set-lookups.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';

const PAGE_SIZE = 1_000;
const PAGE_TIMEOUT_MS = 10_000;

/** More than the bound allows for the sets of a request; those beyond are older than these. */
const MAX_LISTED = 5_000;

/** Finds certificates for a set of names in Temporal's visibility, of all management clusters, the newest first. */
export function listIssuancesOfSet(client: Client): RunawayGuardOptions['list'] {
  const lookups = new SetLookups(listIssuancesOfSets(client));
  return async function* list(nameSet, closedSince, signal) {
    if (!/^[\w-]{1,64}$/.test(nameSet)) return;
    yield* await lookups.find(nameSet, closedSince, signal);
  };
}

function listIssuancesOfSets(client: Client): ListIssuancesOfSets {
  return async (nameSets, closedSince) => {
    const since = new Date(closedSince).toISOString();
    const sets = nameSets.map((nameSet) => `'${nameSet}'`).join(', ');
    const query = `WorkflowType = 'certificateIssuance' AND ExecutionStatus = 'Completed' AND CertNameSet IN (${sets}) AND CloseTime >= '${since}'`;
    const options = { query, pageSize: PAGE_SIZE };
    const found = new Map<string, IssuanceOfSet[]>();
    let listed = 0;
    for await (const execution of listExecutions(withTolerantMemos(client), options, PAGE_TIMEOUT_MS)) {
      listed += 1;
      if (listed > MAX_LISTED) break;
      const attributes = execution.typedSearchAttributes;
      const nameSet = attributes.get(CertNameSet);
      if (execution.closeTime === undefined || nameSet === undefined) continue;
      const [, managementCluster = ''] = execution.taskQueue.split('/');
      const issuance = {
        closeTime: execution.closeTime.getTime(),
        dnsNames: attributes.get(CertNames) ?? [],
        cluster: `${managementCluster} ${attributes.get(CertCluster) ?? ''}`.trim(),
      };
      found.set(nameSet, [...(found.get(nameSet) ?? []), issuance]);
    }
    return found;
  };
}
