/** One line on what a cluster's issuances are doing at this moment. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { clusterStatus } from '../contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../contract/ids.ts';
import { describeCurrentActivity } from './current-activity.ts';

/** Empty while nothing is being issued. */
export async function describeProgress(client: Client, handle: WorkflowHandle): Promise<string> {
  const { cluster, bundles } = await handle.query(clusterStatus);
  const steps = await Promise.all(
    Object.entries(bundles)
      .filter(([, { state }]) => state === 'Issuing' || state === 'Renewing')
      .map(async ([name, { orders }]) => {
        const step = await describeCurrentActivity(client, issuanceWorkflowId(cluster.identity, name, orders));
        return step === undefined ? '' : `${name}: ${step}`;
      }),
  );
  return steps.filter((step) => step !== '').join('; ');
}
