import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ApplicationFailure,
  type Client,
  WorkflowUpdateFailedError,
  type WorkflowUpdateHandle,
} from '@temporalio/client';
import { CertmanError } from '../failures/failure.ts';
import { askWorker } from './ask-worker.ts';
import { isUnavailable, unreachable } from './temporal-client.ts';

/** A poll of the server ends after 20 s. */
const POLL_MS = 60_000;
const PAUSE_MS = 1_000;

/** Polls in a row that end before their time, although a worker answers. */
const MAX_FAILED_POLLS = 5;

/** Sends it, with the SDK's `startUpdate`: `(options) => handle.startUpdate(renew, { ...options, args })`. */
export type StartUpdate<Result> = (options: {
  readonly updateId: string;
  readonly waitForStage: 'ACCEPTED';
}) => Promise<WorkflowUpdateHandle<Result>>;

/** What to do about a failure of that type. */
export type RemedyFor = (type: string) => string | undefined;

/**
 * Sends an update and waits for its result, which may take long: as long as workers answer. One that no worker answers is not sent,
 * because it would be carried out later.
 * @param answers asks the same workflow something that a worker answers. @throws CertmanError `temporal/unreachable` as {@link askWorker}; with the message of the workflow's rejection or failure.
 */
export async function sendUpdate<Result>(
  client: Pick<Client, 'withDeadline'>,
  start: StartUpdate<Result>,
  answers: () => Promise<unknown>,
  remedyFor: RemedyFor = () => undefined,
): Promise<Result> {
  await answers();
  const updateId = randomUUID();
  // Its handle names the run: the SDK's executeUpdate polls the latest one, which may be the run after a renewal.
  const accepted = await askWorker(client, () => start({ updateId, waitForStage: 'ACCEPTED' })).catch((error) => {
    throw isUnavailable(error) ? unknownOutcome(error, 'The request was sent, and may still be carried out.') : error;
  });
  try {
    return await resultOf(client, accepted, answers);
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

async function resultOf<Result>(
  client: Pick<Client, 'withDeadline'>,
  accepted: WorkflowUpdateHandle<Result>,
  answers: () => Promise<unknown>,
): Promise<Result> {
  for (let failed = 0; ; ) {
    const until = Date.now() + POLL_MS;
    try {
      return await client.withDeadline(until, () => accepted.result());
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      failed = Date.now() < until ? failed + 1 : 0;
      if (failed >= MAX_FAILED_POLLS) throw unknownOutcome(error, GOES_ON);
    }
    try {
      await answers();
    } catch (error) {
      throw isUnavailable(error) ? unknownOutcome(error, GOES_ON) : error;
    }
    if (failed > 0) await sleep(PAUSE_MS);
  }
}

const GOES_ON = 'The workflow has accepted the request, and goes on with it.';

/** @param what of the request, in a sentence. */
function unknownOutcome(error: unknown, what: string): CertmanError {
  const { message, info } = unreachable(error);
  return new CertmanError({
    code: 'temporal/unreachable',
    message: `${message} ${what}`,
    remedy: info.remedy,
    cause: error,
  });
}
