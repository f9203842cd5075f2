import type { Context } from '@temporalio/activity';
import { describe, expect, it } from 'vitest';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import { clusterWorkflowId, issuanceWorkflowId, watchWorkflowId } from '../../../src/contract/ids.ts';
import { createManagementClusterCheck } from '../../../src/worker/management-cluster-check.ts';

const OWN: ClusterIdentity = { managementCluster: 'hive-1', namespace: 'n', name: 'c', uid: 'u' };
const OTHER: ClusterIdentity = { ...OWN, managementCluster: 'hive-2' };

/** Runs an activity behind the check of a worker of hive-1. */
async function run(workflowId: string, args: unknown[]): Promise<unknown> {
  const info = { activityType: 'anActivity', workflowExecution: { workflowId, runId: 'r' } };
  const { inbound } = createManagementClusterCheck('hive-1')({ info } as Context);
  return await inbound?.execute?.({ args, headers: {} }, () => Promise.resolve('ran'));
}

const REFUSED = { type: 'worker/otherManagementCluster', nonRetryable: true };

describe('an activity', () => {
  it.each([
    ['the watch', watchWorkflowId('hive-1'), [{ resumeFrom: {} }]],
    ['a cluster', clusterWorkflowId(OWN), [{ cluster: { identity: OWN }, bundle: {} }]],
    ['an issuance', issuanceWorkflowId(OWN, 'primary', 1), [{ orderUrl: 'https://ca.example/1', dnsNames: ['a'] }]],
  ])("runs for %s of this worker's management cluster", async (_what, workflowId, args) => {
    expect(await run(workflowId, args)).toBe('ran');
  });

  it.each([
    ['the watch of another one', watchWorkflowId('hive-2'), []],
    ['a cluster of another one', clusterWorkflowId(OTHER), [{ cluster: { identity: OTHER } }]],
    ['an issuance of another one', issuanceWorkflowId(OTHER, 'primary', 1), [{ orderUrl: 'https://ca.example/1' }]],
    ['a workflow that a person started', 'by-hand', []],
    ['a view of another one in a workflow of this one', clusterWorkflowId(OWN), [{ cluster: { identity: OTHER } }]],
    ['an identity of another one in a workflow of this one', clusterWorkflowId(OWN), [OTHER, []]],
  ])('is refused for %s', async (_what, workflowId, args) => {
    await expect(run(workflowId, args)).rejects.toMatchObject(REFUSED);
  });
});
