/** What an issuance is doing at this moment, from its pending activities. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';

const ACTIVITY_DESCRIPTIONS: Readonly<Record<string, string>> = {
  placeOrder: 'placing the order',
  publishTxtRecords: 'publishing the TXT records',
  verifyPropagation: 'waiting until the TXT records are seen from outside',
  answerChallenges: 'the CA is looking at the TXT records',
  finalizeOrder: 'the CA is issuing the certificate',
  installCertificate: 'writing the certificate into its Secret',
  withdrawTxtRecords: 'withdrawing the TXT records',
};

/** @returns undefined when the issuance does nothing, has ended or is not known. */
export async function describeCurrentActivity(client: Client, workflowId: string): Promise<string | undefined> {
  try {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    // The records are withdrawn beside the other steps: the other step is the news.
    const pending = [...(raw.pendingActivities ?? [])].sort(
      (a, b) =>
        Number(a.activityType?.name === 'withdrawTxtRecords') - Number(b.activityType?.name === 'withdrawTxtRecords'),
    )[0];
    const type = pending?.activityType?.name;
    if (type === undefined || type === null) return undefined;
    const attempt = pending?.attempt ?? 1;
    const failure = pending?.lastFailure?.message;
    const words = ACTIVITY_DESCRIPTIONS[type] ?? type;
    if (attempt <= 1) return words;
    return `${words} (attempt ${attempt}${failure === undefined || failure === null ? '' : `; the last one: ${failure}`})`;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
