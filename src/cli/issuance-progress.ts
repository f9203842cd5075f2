import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Payload, ProtoFailure } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { clusterStatus } from '../contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../contract/ids.ts';
import { describeIfKept } from '../controller/describe-workflow.ts';
import { oneLine } from '../failures/printable.ts';

/** Of a look at what is done now, which is repeated. */
const PROGRESS_TIMEOUT_MS = 10_000;

/** By activity, and by the steps of those that have several. */
const ACTIVITY_DESCRIPTIONS: Readonly<Record<string, string>> = {
  placeOrder: 'placing the order',
  publishAndVerify: 'publishing the TXT records',
  fulfillOrder: 'publishing the TXT records',
  completeOrder: 'waiting for the CA to validate the names',
  publishTxtRecords: 'publishing the TXT records',
  verifyPropagation: 'verifying the propagation of the TXT records',
  answerChallenges: 'waiting for the CA to validate the names',
  finalizeOrder: 'waiting for the CA to issue the certificate',
  installCertificate: 'writing the certificate into its Secret',
  withdrawTxtRecords: 'removing the TXT records',
};

/** What an issuance does now. @returns undefined when it has no pending activity, has ended or is unknown. */
export async function describeCurrentActivity(client: Client, workflowId: string): Promise<string | undefined> {
  const execution = await describeIfKept(client.workflow.getHandle(workflowId));
  const activities = execution?.raw.pendingActivities ?? [];
  // withdrawTxtRecords runs in parallel with the other activities, which describe the progress better.
  const pending = activities.find(({ activityType }) => activityType?.name !== 'withdrawTxtRecords') ?? activities[0];
  const type = pending?.activityType?.name ?? undefined;
  if (type === undefined) return undefined;
  const step = (await stepIn(client, pending?.heartbeatDetails)) ?? type;
  const description = ACTIVITY_DESCRIPTIONS[step] ?? ACTIVITY_DESCRIPTIONS[type] ?? type;
  const attempt = pending?.attempt ?? 1;
  if (attempt <= 1) return description;
  const failure = await messageOf(client, pending?.lastFailure);
  return `${description} (attempt ${attempt}${failure === undefined ? '' : `; the last one: ${oneLine(failure)}`})`;
}

/** The step that an activity of several steps is at. */
async function stepIn(
  client: Client,
  heartbeat: { readonly payloads?: Payload[] | null } | null | undefined,
): Promise<string | undefined> {
  const [details] = await decodeArrayFromPayloads(client.options.loadedDataConverter, heartbeat?.payloads);
  return typeof details === 'object' && details !== null && 'step' in details ? String(details.step) : undefined;
}

/** With encryption, the message is in a payload. */
async function messageOf(client: Client, failure: ProtoFailure | null | undefined): Promise<string | undefined> {
  const error = await decodeOptionalFailureToOptionalError(client.options.loadedDataConverter, failure);
  return error?.message;
}

/** One line for all of a cluster's bundles; empty while nothing is being issued. @throws what a request throws, after 10 s or at `until` (epoch milliseconds). */
export async function describeProgress(
  client: Client,
  handle: WorkflowHandle,
  until = Number.POSITIVE_INFINITY,
): Promise<string> {
  return await client.withDeadline(Math.min(until, Date.now() + PROGRESS_TIMEOUT_MS), () => progressOf(client, handle));
}

async function progressOf(client: Client, handle: WorkflowHandle): Promise<string> {
  const { cluster, bundles } = await handle.query(clusterStatus);
  const lines = await Promise.all(
    Object.entries(bundles)
      .filter(([, { state }]) => state === 'Issuing' || state === 'Renewing')
      .map(async ([name, { orders }]) => {
        const activity = await describeCurrentActivity(client, issuanceWorkflowId(cluster.identity, name, orders));
        return activity === undefined ? '' : `${name}: ${activity}`;
      }),
  );
  return lines.filter((line) => line !== '').join('; ');
}
