import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ApplicationFailure,
  type Client,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type WorkflowUpdateHandle,
} from '@temporalio/client';
import { CertmanError } from '../failures/failure.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';
import { askWorker } from './ask-worker.ts';
import { isUnavailable, unreachable } from './temporal-client.ts';
import { TimedRequest } from './timed-request.ts';

/** A poll of the server ends after 20 s. */
const POLL_MS = 60_000;
const PAUSE_MS = 1_000;
/** Of what Temporal answers without a worker. */
const REQUEST_MS = 20_000;

/** Polls in a row that end before their time, although a worker answers. */
const MAX_FAILED_POLLS = 5;

/** Sends it to a run, with the SDK's `startUpdate`: `(run, options) => run.startUpdate(renew, { ...options, args })`. */
export type StartUpdate<Result> = (
  run: Pick<WorkflowHandle, 'startUpdate'>,
  options: { readonly updateId: string; readonly waitForStage: 'ACCEPTED' },
) => Promise<WorkflowUpdateHandle<Result>>;

/** What to do about a failure of that type. */
export type RemedyFor = (type: string) => string | undefined;

/** Options of {@link sendUpdate}. */
export interface UpdateOptions {
  readonly remedyFor?: RemedyFor | undefined;
  readonly request?: TimedRequest | undefined;
}

/**
 * Sends an update and waits for its result, which may take long: as long as workers answer. One that no worker answers is not sent,
 * because it would be carried out later.
 * @param request what it is part of: it waits no longer than that, and says there how far it has come.
 * @param start is called again where an attempt has no answer, with the same id of the update, or where its run has ended without it.
 * @param answers asks the same workflow something that a worker answers. @throws CertmanError `temporal/unreachable` as {@link askWorker}; with the message of the workflow's rejection or failure.
 */
export async function sendUpdate<Result>(
  client: Client,
  workflowId: string,
  start: StartUpdate<Result>,
  answers: () => Promise<unknown>,
  { remedyFor = () => undefined, request = new TimedRequest(undefined, '') }: UpdateOptions = {},
): Promise<Result> {
  await answers();
  const runId = await latestRun(client, workflowId);
  request.state = 'sent';
  const accepted = await untilAccepted(client, workflowId, runId, start, request).catch((error) => {
    throw unknownOutcome(error, 'The request was sent, and may still be carried out.', request);
  });
  request.state = 'accepted';
  try {
    return await resultOf(client, accepted, answers, request);
  } catch (error) {
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    const type = error.cause instanceof ApplicationFailure ? (error.cause.type ?? '') : '';
    throw new CertmanError({
      code: 'internal/unexpected',
      message: error.cause?.message ?? error.message,
      remedy: remedyFor(type),
      cause: error,
    });
  }
}

/**
 * Sends it to a run by its id, and to the next run only where that one has ended without it: the server knows the id of an update
 * within its run only. Where an acceptance was lost, the next run would carry it out once more.
 */
async function untilAccepted<Result>(
  client: Client,
  workflowId: string,
  firstRunId: string,
  start: StartUpdate<Result>,
  { bound }: TimedRequest,
): Promise<WorkflowUpdateHandle<Result>> {
  const updateId = randomUUID();
  for (let runId = firstRunId; ; ) {
    const run = client.workflow.getHandle(workflowId, runId);
    try {
      return await askWorker(client, () => start(run, { updateId, waitForStage: 'ACCEPTED' }), bound?.leftMs);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      const update = run.getUpdateHandle<Result>(updateId);
      if (await isKnown(client, update)) return update;
      const next = await latestRun(client, workflowId);
      if (next === runId) throw error;
      runId = next;
    }
  }
}

/** @throws WorkflowNotFoundError */
async function latestRun(client: Client, workflowId: string): Promise<string> {
  const handle = withTolerantMemos(client).workflow.getHandle(workflowId);
  return (await client.withDeadline(Date.now() + REQUEST_MS, () => handle.describe())).runId;
}

/** Whether a run that has ended had accepted it: then it has its result. */
async function isKnown(client: Client, update: WorkflowUpdateHandle<unknown>): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + REQUEST_MS, () => update.result());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
  }
  return true;
}

async function resultOf<Result>(
  client: Pick<Client, 'withDeadline'>,
  accepted: WorkflowUpdateHandle<Result>,
  answers: () => Promise<unknown>,
  request: TimedRequest,
): Promise<Result> {
  const { bound } = request;
  for (let failed = 0; ; ) {
    const until = Math.min(Date.now() + POLL_MS, bound?.until ?? Number.POSITIVE_INFINITY);
    try {
      return await client.withDeadline(until, () => accepted.result());
    } catch (error) {
      if (!isUnavailable(error) || bound?.isOver === true) throw error;
      failed = Date.now() < until ? failed + 1 : 0;
      if (failed >= MAX_FAILED_POLLS) throw unknownOutcome(error, GOES_ON, request);
    }
    try {
      await answers();
    } catch (error) {
      throw unknownOutcome(error, GOES_ON, request);
    }
    if (failed > 0) await sleep(PAUSE_MS);
  }
}

const GOES_ON = 'The workflow has accepted the request, and goes on with it.';

/** Of a request whose time is over, the request itself says the same. @param what of the request, in a sentence. */
function unknownOutcome(error: unknown, what: string, { bound }: TimedRequest): unknown {
  if (!isUnavailable(error) || bound?.isOver === true) return error;
  const { message, info } = unreachable(error);
  return new CertmanError({
    code: 'temporal/unreachable',
    message: `${message} ${what}`,
    remedy: info.remedy,
    cause: error,
  });
}
