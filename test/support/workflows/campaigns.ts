/** Campaigns over clusters of a workflow harness, each with a certificate that is not due. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import {
  addWave,
  beginCampaign,
  type CampaignItem,
  type CampaignPlan,
  type CampaignStatus,
  campaignStatus,
  campaignWorkflowId,
  type WaveStatus,
  waveStatus,
  waveWorkflowId,
} from '../../../src/contract/renewal-campaign.ts';
import { campaignWave } from '../../../workflows/campaign-wave.ts';
import { renewalCampaign } from '../../../workflows/renewal-campaign.ts';
import { eventually } from '../vitest/eventually.ts';
import { bundleView, clusterView } from './cluster-views.ts';
import { untilNoWorkflowTask } from './harness.ts';
import { untilReady, type WorkflowHarness } from './use-harness.ts';

const DAY_MS = 86_400_000;

/** A cluster of a campaign: its only bundle has a name of its own, by which the doubles know its Secret. */
export interface CampaignCluster {
  readonly view: ClusterView;
  readonly bundle: string;
  readonly item: CampaignItem;
}

/** A cluster whose certificate has the serial number of its index, and is valid for 80 more days. Not started. */
export async function campaignCluster(harness: WorkflowHarness, index: number): Promise<CampaignCluster> {
  const bundle = `b${index}`;
  const name = `api.c${index}.example.com`;
  const { identity } = clusterView();
  const view = clusterView({
    identity: { ...identity, name: `c${index}`, namespace: `ns-c${index}` },
    bundles: [bundleView(bundle, name)],
  });
  const serialNumber = String(index);
  const now = await harness.env.currentTimeMs();
  const certificate: CertificateFacts = {
    serialNumber,
    issuerName: 'Test CA',
    notBefore: new Date(now - 10 * DAY_MS).toISOString(),
    notAfter: new Date(now + 80 * DAY_MS).toISOString(),
    dnsNames: [name],
    fingerprint: `old-${index}`,
    certId: `old.${index}`,
  };
  harness.doubles.secrets.set(`${bundle}-cert`, { kind: 'valid', certificate });
  const item = { workflowId: clusterWorkflowId(view.identity), cluster: `ns-c${index}/c${index}`, bundleName: bundle };
  return { view, bundle, item: { ...item, serialNumber } };
}

/** Started, and at rest. */
export async function startClusters(harness: WorkflowHarness, count: number): Promise<readonly CampaignCluster[]> {
  const clusters: CampaignCluster[] = [];
  for (let index = 1; index <= count; index += 1) clusters.push(await campaignCluster(harness, index));
  await Promise.all(
    clusters.map(async ({ view, bundle }) => {
      await harness.start(view);
      await untilReady(harness, view, bundle);
    }),
  );
  return clusters;
}

/** Starts a campaign with these waves, and begins. */
export async function startCampaign(
  harness: WorkflowHarness,
  waves: readonly (readonly CampaignItem[])[],
  plan: Partial<CampaignPlan> = {},
) {
  const campaign = await prepareCampaign(harness, waves, plan);
  await campaign.handle.executeUpdate(beginCampaign, { args: [{ waves: waves.length }] });
  return campaign;
}

/** Starts a campaign and adds these waves, as a client that dies before it begins. */
export async function prepareCampaign(
  { env, taskQueue }: WorkflowHarness,
  waves: readonly (readonly CampaignItem[])[],
  plan: Partial<CampaignPlan> = {},
) {
  const name = `c-${taskQueue}`;
  const workflowId = campaignWorkflowId('hive', name);
  const deadline = new Date((await env.currentTimeMs()) + DAY_MS).toISOString();
  const { workflow } = env.client;
  const started = await workflow.start(renewalCampaign, {
    workflowId,
    taskQueue,
    args: [
      {
        name,
        canary: true,
        stopAt: { count: 1_000 },
        deadline,
        selection: 'all',
        requestedBy: 'test@test',
        ...plan,
      },
    ],
  });
  const handle = workflow.getHandle<typeof renewalCampaign>(workflowId);
  for (const [number, items] of waves.entries()) await handle.executeUpdate(addWave, { args: [{ number, items }] });
  return {
    handle,
    result: () => started.result(),
    status: () => handle.query(campaignStatus),
    until: (what: string, holds: (status: CampaignStatus) => boolean) =>
      eventually(what, () => handle.query(campaignStatus), holds),
    wave: (number: number): Promise<WaveStatus> =>
      workflow.getHandle(waveWorkflowId(workflowId, number)).query(waveStatus),
  };
}

/** Runs `body` with an item whose workflow runs, and answers no campaign: a wave that waits for its turn. */
export async function withSilentCluster(
  harness: WorkflowHarness,
  body: (item: CampaignItem) => Promise<void>,
): Promise<void> {
  const { env, taskQueue } = harness;
  const workflowId = `cluster/hive/ns/silent/${taskQueue}`;
  const item = { workflowId, cluster: 'ns/silent', bundleName: 'b', serialNumber: '1' };
  const silent = await env.client.workflow.start(campaignWave, {
    workflowId,
    taskQueue,
    args: [{ campaign: 'none', campaignId: 'campaign/hive/none', number: 0, items: [item] }],
  });
  try {
    await body(item);
  } finally {
    await untilNoWorkflowTask(harness, workflowId);
    await silent.terminate('the test is over').catch((error: unknown) => {
      // Its wait is over, where the clock has leapt after the last result.
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
  }
}
