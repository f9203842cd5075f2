import { type Client, type WorkflowHandleWithFirstExecutionRunId, WorkflowNotFoundError } from '@temporalio/client';
import type { campaignWave } from '../../../workflows/campaign-wave.ts';
import type { renewalCampaign } from '../../../workflows/renewal-campaign.ts';
import { isSettled } from '../../campaigns/expectation.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { taskQueueOf } from '../../contract/ids.ts';
import {
  type CampaignStatus,
  campaignStatus,
  campaignWorkflowId,
  type WaveStatus,
  waveStatus,
  waveWorkflowId,
} from '../../contract/renewal-campaign.ts';
import { CertState } from '../../contract/search-attributes.ts';
import { listExecutions } from '../../controller/cluster-workflow-client.ts';
import { describeIfKept } from '../../controller/describe-workflow.ts';
import { CertmanError } from '../../failures/failure.ts';
import { withTolerantMemos } from '../../payloads/data-converter.ts';
import { askWorker } from '../ask-worker.ts';
import { PAGE_TIMEOUT_MS } from '../cluster-workflow.ts';
import { commandLine } from '../program-name.ts';
import { withTemporal } from '../temporal-client.ts';
import type { TimeBound } from '../time-bound.ts';

/** Waves that are asked at once. */
const WAVES_AT_ONCE = 10;

/** A campaign as a list shows it. Instants are RFC 3339. */
export interface CampaignRow {
  readonly name: string;
  readonly phase: string;
  readonly progress?: string;
  readonly selection?: string;
  readonly requestedBy?: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly late: boolean;
}

/** A campaign with each certificate. */
export interface CampaignReport extends CampaignStatus {
  readonly certificates: readonly (WaveStatus['items'][number] & { readonly wave: number })[];
  /** Waves that Temporal no longer has. */
  readonly missingWaves: readonly number[];
}

/** Those of the management cluster, the newest first: from visibility, so that no worker is needed. */
export async function listCampaigns(): Promise<readonly CampaignRow[]> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  return await withTemporal(async (client) => {
    const query = `TaskQueue = '${taskQueueOf(managementCluster)}' AND WorkflowType = 'renewalCampaign'`;
    const rows = new Map<string, CampaignRow>();
    for await (const execution of listExecutions(withTolerantMemos(client), { query }, PAGE_TIMEOUT_MS)) {
      const { workflowId, memo = {}, startTime, closeTime, status, typedSearchAttributes } = execution;
      const text = (key: string): string | undefined => (typeof memo[key] === 'string' ? memo[key] : undefined);
      if (status.name === 'CONTINUED_AS_NEW') continue;
      const ended = status.name === 'TERMINATED' || status.name === 'FAILED' ? status.name.toLowerCase() : undefined;
      rows.set(workflowId, {
        name: workflowId.slice(campaignWorkflowId(managementCluster, '').length),
        phase: ended ?? typedSearchAttributes.get(CertState) ?? 'Preparing',
        progress: text('progress'),
        selection: text('selection'),
        requestedBy: text('requestedBy'),
        startedAt: startTime.toISOString(),
        endedAt: closeTime?.toISOString(),
        late: memo['late'] === true,
      });
    }
    return [...rows.values()].sort((one, other) => (one.startedAt < other.startedAt ? 1 : -1));
  });
}

/** Runs `work` with a campaign. @param bound of all that it waits for at Temporal. @throws CertmanError `kubernetes/notFound` where Temporal has none of this name. */
export async function withCampaign<Result>(
  name: string,
  work: (campaign: Campaign, client: Client) => Promise<Result>,
  bound?: TimeBound,
): Promise<Result> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  return await withTemporal(async (client) => {
    const handle = client.workflow.getHandle<typeof renewalCampaign>(campaignWorkflowId(managementCluster, name));
    try {
      return await work(handle, client);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      // An update finds one that has ended no more.
      if (await isKept(handle)) {
        throw new CertmanError({
          code: 'internal/unexpected',
          message: `The campaign ${name} has ended.`,
          remedy: `What it came to: ${commandLine(`campaign status ${name}`)}`,
        });
      }
      throw new CertmanError({
        code: 'kubernetes/notFound',
        message: `Temporal has no campaign ${name} of the management cluster ${managementCluster}, or has kept it no longer.`,
        remedy: `Those that it has: ${commandLine('campaign list')}. CERTMAN_MANAGEMENT_CLUSTER selects another management cluster.`,
      });
    }
  }, bound);
}

async function isKept(campaign: Campaign): Promise<boolean> {
  return (await describeIfKept(campaign))?.closeTime !== undefined;
}

/** A handle of a campaign. */
export type Campaign = Pick<
  WorkflowHandleWithFirstExecutionRunId<typeof renewalCampaign>,
  'describe' | 'startUpdate' | 'query' | 'result' | 'workflowId'
>;

/** How far it is, or was at its end. @param bound of the question to its workflow. */
export async function readStatus(
  campaign: Campaign,
  client: Pick<Client, 'withDeadline'>,
  bound?: TimeBound,
): Promise<CampaignStatus> {
  const { status, closeTime } = await campaign.describe();
  if (status.name === 'COMPLETED') return await campaign.result();
  const found = await askWorker(client, () => campaign.query(campaignStatus), bound?.leftMs);
  if (closeTime === undefined) return found;
  const reason = `Its workflow ended in Temporal (${status.name.toLowerCase()}), and its waves end with it.`;
  return { ...found, phase: 'Aborted', reason, endedAt: closeTime.toISOString(), expectedEnd: undefined };
}

/** Whether a campaign that has ended did what it was for. */
export function isSuccess({ phase, counts }: CampaignStatus): boolean {
  return phase === 'Completed' && isSettled(counts);
}

/** Every certificate of a campaign, wave by wave. */
export async function readReport(campaign: Campaign, client: Client): Promise<CampaignReport> {
  const status = await readStatus(campaign, client);
  const numbers = status.waves.map((_, number) => number);
  const waves: (WaveStatus | undefined)[] = [];
  while (numbers.length > 0) {
    const read = numbers.splice(0, WAVES_AT_ONCE).map((number) => readWave(campaign, client, number));
    waves.push(...(await Promise.all(read)));
  }
  return {
    ...status,
    certificates: waves.flatMap((wave, number) => (wave?.items ?? []).map((item) => ({ ...item, wave: number }))),
    missingWaves: waves.flatMap((wave, number) => (wave === undefined ? [number] : [])),
  };
}

async function readWave(campaign: Campaign, client: Client, number: number): Promise<WaveStatus | undefined> {
  const handle = client.workflow.getHandle<typeof campaignWave>(waveWorkflowId(campaign.workflowId, number));
  try {
    const { status } = await handle.describe();
    return status.name === 'COMPLETED'
      ? await handle.result()
      : await askWorker(client, () => handle.query(waveStatus));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
