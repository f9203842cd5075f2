import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { renewalCampaign } from '../../../workflows/renewal-campaign.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { taskQueueOf } from '../../contract/ids.ts';
import {
  addWave,
  beginCampaign,
  type CampaignItem,
  type CampaignPlan,
  campaignStatus,
  campaignWorkflowId,
} from '../../contract/renewal-campaign.ts';
import { CertState } from '../../contract/search-attributes.ts';
import { counted } from '../../failures/counted.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { askWorker } from '../ask-worker.ts';
import { type ConfirmOptions, confirmWithin } from '../confirm.ts';
import { DEFAULT_TIMEOUT, type TimeoutOptions } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { requireSameManagementCluster } from '../management-cluster.ts';
import { commandLine } from '../program-name.ts';
import { sendUpdate } from '../send-update.ts';
import { isUnavailable, withTemporal } from '../temporal-client.ts';
import { TimeBound } from '../time-bound.ts';
import { TimedRequest } from '../timed-request.ts';
import {
  type CampaignCommand,
  deadlineOf,
  defaultName,
  type PlanOptions,
  parseCampaignName,
  parseThreshold,
  revocationOf,
  wavePlanOf,
  waveSizesOf,
  wavesOf,
} from './plan.ts';
import { type SelectedCertificate, type SelectedCertificates, selectCertificates } from './select-certificates.ts';
import {
  type CertificateSelectionOptions,
  certificateSelectionOf,
  describeCertificateSelection,
} from './selection-options.ts';

/** Flags of `certman campaign start`. */
export interface StartOptions extends CertificateSelectionOptions, PlanOptions, ConfirmOptions, TimeoutOptions {
  readonly name?: string;
}

/** What is, or with `--dry-run` would be, started. */
export interface PlannedCampaign extends Omit<SelectedCertificates, 'certificates'> {
  readonly plan: CampaignPlan;
  /** Sizes; the first is the canary if the plan has one. */
  readonly waves: readonly number[];
  readonly certificates: readonly SelectedCertificate[];
  readonly started: boolean;
}

/** @throws UsageError; CertmanError `kubernetes/notFound` where the selection is empty; `temporal/unreachable` */
export async function startCampaign(action: CampaignCommand, options: StartOptions): Promise<PlannedCampaign> {
  const bound = TimeBound.of(options.timeout ?? DEFAULT_TIMEOUT);
  const request = new TimedRequest(bound, commandLine('campaign list'));
  return await request.run(() => selectAndBegin(action, options, bound, request));
}

async function selectAndBegin(
  action: CampaignCommand,
  options: StartOptions,
  bound: TimeBound,
  request: TimedRequest,
): Promise<PlannedCampaign> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const now = Date.now();
  const selection = await certificateSelectionOf(options, now);
  const name = options.name === undefined ? defaultName(action, now) : parseCampaignName(options.name);
  const deadlineAt = deadlineOf(action, options, now);
  const deadline = new Date(deadlineAt).toISOString();
  const revocation = revocationOf(action, options, deadlineAt);
  const stopAt = parseThreshold(options.stopAt);
  const sizes = waveSizesOf(options);
  const select = (api: KubernetesApi) => selectCertificates(api, managementCluster, selection);
  const found = await withKubernetes(select, options, bound.signal());
  const described = describeCertificateSelection(selection);
  if (found.certificates.length === 0) throw nothingSelected(described);
  const wavePlan = wavePlanOf(sizes, found.certificates.length);
  const waves = wavesOf(found.certificates, wavePlan);
  return await withTemporal(async (client) => {
    await requireSameManagementCluster(client, managementCluster, options, bound);
    const requestedBy = client.options.identity;
    const plan: CampaignPlan = {
      name,
      revocation,
      canary: wavePlan.canary > 0 && waves.length > 1,
      stopAt,
      deadline,
      selection: `${action}, ${described}`,
      requestedBy,
    };
    const planned = { ...found, plan, waves: waves.map(({ length }) => length) };
    if (options.dryRun === true) return { ...planned, started: false };
    await confirmWithin(bound, questionOf(planned), options);
    await begin(client, managementCluster, plan, waves, request);
    return { ...planned, started: true };
  }, bound);
}

function questionOf({ plan, certificates, waves }: Omit<PlannedCampaign, 'started'>): string {
  const revoked = plan.revocation === undefined ? '' : ', and revoke the old ones';
  return `This would order new certificates in place of ${certificates.length} in ${counted(waves.length, 'wave')}${revoked}; a new certificate of its API restarts a cluster's kube-apiserver.`;
}

async function begin(
  client: Client,
  managementCluster: string,
  plan: CampaignPlan,
  waves: readonly (readonly SelectedCertificate[])[],
  request: TimedRequest,
): Promise<void> {
  const { bound } = request;
  const workflowId = campaignWorkflowId(managementCluster, plan.name);
  request.follow = commandLine(`campaign status ${plan.name}`);
  request.state = 'sent';
  try {
    await client.workflow.start<typeof renewalCampaign>('renewalCampaign', {
      workflowId,
      taskQueue: taskQueueOf(managementCluster),
      args: [plan],
      // A name is that of one campaign, for as long as Temporal keeps it.
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      memo: { campaign: plan.name, selection: plan.selection, requestedBy: plan.requestedBy, deadline: plan.deadline },
      typedSearchAttributes: [{ key: CertState, value: 'Preparing' }],
      staticSummary: `Campaign ${plan.name}`.slice(0, 200),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `There is, or was, a campaign ${plan.name}. Nothing was started.`,
      remedy: `Name another one with --name, or see that one: ${commandLine(`campaign status ${plan.name}`)}`,
    });
  }
  const handle = client.workflow.getHandle<typeof renewalCampaign>(workflowId);
  const answers = () => askWorker(client, () => handle.query(campaignStatus), bound?.leftMs);
  try {
    for (const [number, wave] of waves.entries())
      await sendUpdate(
        client,
        workflowId,
        (run, sent) => run.startUpdate(addWave, { ...sent, args: [{ number, items: wave.map(itemOf) }] }),
        answers,
        { request },
      );
    await sendUpdate(
      client,
      workflowId,
      (run, sent) => run.startUpdate(beginCampaign, { ...sent, args: [{ waves: waves.length }] }),
      answers,
      { request },
    );
  } catch (error) {
    // Without all of its waves it orders nothing, and ends within an hour. Where it has begun, that is reported.
    if (!isUnavailable(error)) throw error;
    const isOver = bound?.isOver === true;
    const why = isOver ? `the time of --timeout (${bound.flag}) is over` : 'Temporal or the worker does not answer';
    throw new CertmanError({
      code: isOver ? 'internal/unexpected' : 'temporal/unreachable',
      message: `The campaign ${plan.name} could not be given all of its waves: ${why}.`,
      remedy: `Whether it has begun: ${commandLine(`campaign status ${plan.name}`)}. One that has not orders nothing, and ends within an hour.`,
      cause: error,
    });
  }
}

/** What the workflow needs: the rest is not for a history. */
function itemOf({ workflowId, cluster, bundleName, serialNumber }: SelectedCertificate): CampaignItem {
  return { workflowId, cluster, bundleName, serialNumber };
}

function nothingSelected(described: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/notFound',
    message: `No certificate in use is selected ${described}.`,
    remedy: `Those that are in use: ${commandLine('status -o wide')}`,
  });
}
