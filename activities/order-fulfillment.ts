import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { InstalledCertificate } from '../src/contract/activities/acme.ts';
import type { FulfilledOrder, FulfillOrderInput, UnfinishedStep } from '../src/contract/activities/order.ts';
import { clusterWorkflowId } from '../src/contract/ids.ts';
import { issuedReport } from '../src/contract/issued.ts';
import { CertmanError, isFailureCode } from '../src/failures/failure.ts';
import { isValidationOver } from '../src/issuance/answer-challenges.ts';
import { withCaOfOrder } from '../src/issuance/ca-of-order.ts';
import { TimeLimit } from '../src/network/time-limit.ts';
import { currentDnsAttempt, type DnsAttempt } from './dns-attempt.ts';
import { isCompleting, OrderCompletion, type OrderCompletionDeps } from './order-completion.ts';
import { type DnsProofDeps, publishAndVerify } from './publish-and-verify.ts';
import type { StatusReporter } from './status-reporter.ts';
import {
  ErrorWithDetails,
  frameHeartbeats,
  heartbeat,
  heartbeatDetails,
  heartbeatFrom,
  toApplicationFailure,
} from './wrap-activity.ts';

/** What an order is fulfilled with. */
export interface OrderFulfillmentDeps extends OrderCompletionDeps, DnsProofDeps {
  readonly statuses: Pick<StatusReporter, 'report'>;
}

const MAX_MESSAGE_LENGTH = 64 * 1024;

/** Added to the progress of an attempt that ended by itself before it finalized, as did all before. */
const endedSchema = z.object({ notFinalizedUntil: z.int().min(1) });

/** Like all inputs of activities, it may be anyone's. */
const begunFailureSchema = z.object({
  code: z.string().refine(isFailureCode),
  message: z.string().max(MAX_MESSAGE_LENGTH),
  remedy: z.string().max(MAX_MESSAGE_LENGTH).optional(),
  notBefore: z.iso.datetime({ offset: true }).max(64).optional(),
  outcomeUnknown: z.literal(true).optional(),
  neverSent: z.literal(true).optional(),
});

/** From the activity's start: after that, values that are still not visible are a fault to report. */
const MAX_PROOF_MS = 20 * 60_000;

/** The workflow writes a status that takes longer. */
const STATUS_TIMEOUT_MS = 10_000;

/**
 * The attempt of the activity `fulfillOrder` that it is called in: of one that `placeOrder` has begun, that was the first.
 * @throws what the attempt of `placeOrder` ended with, in the first attempt: Temporal then waits as long as for any other.
 */
export function fulfillmentAttempt({ begun, challenges }: Pick<FulfillOrderInput, 'begun' | 'challenges'>): DnsAttempt {
  const attempt = currentDnsAttempt();
  frameHeartbeats((recorded) => withStep(challenges, recorded));
  if (begun === undefined) return attempt;
  const recorded = attempt.recorded ?? begun.recorded;
  // The next attempt finds those of this one instead of what `placeOrder` has recorded.
  heartbeatFrom(() => recorded);
  if (begun.failure === undefined) return { ...attempt, attempt: attempt.attempt + 1, recorded };
  if (attempt.attempt > 1) return { ...attempt, recorded };
  const { code, message, remedy, notBefore, outcomeUnknown, neverSent } = begunFailureSchema.parse(begun.failure);
  const { info } = new CertmanError({ code, message, remedy, notBefore, outcomeUnknown, neverSent });
  // People would see the first step until the next attempt.
  if (begun.unfinished?.published === true || isCompleting(recorded)) heartbeat(recorded);
  const unfinished = begun.unfinished ?? {};
  // Of `placeOrder`, which has logged it.
  throw new ErrorWithDetails(toApplicationFailure(info, [unfinished], begun.isFinal), unfinished);
}

/**
 * What an attempt has recorded, with its step, for people. While it publishes, it records none of its own; an order without
 * challenges publishes nothing.
 */
export function withStep(
  challenges: FulfillOrderInput['challenges'],
  recorded: unknown,
): object & { readonly step: string } {
  const first = challenges.length > 0 ? 'publishTxtRecords' : 'finalizeOrder';
  return { step: first, ...(typeof recorded === 'object' ? recorded : {}) };
}

/** An attempt at publishing, verifying and completing an order. Progress through heartbeats is not trusted. */
export async function fulfillOrder(
  attempt: DnsAttempt,
  deps: OrderFulfillmentDeps,
  input: FulfillOrderInput,
): Promise<FulfilledOrder> {
  const { notFinalizedUntil = 0 } = endedSchema.safeParse(attempt.recorded).data ?? {};
  // Of an attempt before, whose worker died, it is not known how far it came.
  const isKnown = notFinalizedUntil === attempt.attempt - 1;
  if (input.challenges.length > 0 && !isCompleting(attempt.recorded)) {
    const isProved = !isKnown && (await isProvedAlready(deps, input, attempt.signal));
    if (!isProved) await proveControl(attempt, deps, input, isKnown);
  }
  let installedAt = '';
  let isReported = false;
  const completion = new OrderCompletion(deps, input, {
    attempt,
    since: notFinalizedUntil + 1,
    notFinalizedUntil,
    onInstalled: async (installed) => {
      installedAt = new Date().toISOString();
      isReported = await reportIssued(deps, input, installed, installedAt);
    },
  });
  try {
    return { ...(await completion.run()), installedAt, reported: isReported ? true : undefined };
  } catch (error) {
    throw input.challenges.length === 0 ? error : withDetails(error, { published: true });
  }
}

/** An attempt whose worker died may have withdrawn its records once they were validated: DNS does not show them again. */
async function isProvedAlready(
  { acme }: Pick<OrderFulfillmentDeps, 'acme'>,
  input: FulfillOrderInput,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await withCaOfOrder(acme.ca, input, ({ ca }) => isValidationOver(ca, input), signal);
  } catch (error) {
    // What is wrong with the CA or the order fails the attempt once the names are proved.
    const problem = error instanceof Error ? error.message : String(error);
    Context.current().log.debug('It is not known whether the names of an order are validated', { problem });
    return false;
  }
}

/** @param isKnown whether all attempts before ended by themselves, before they finalized. */
async function proveControl(
  attempt: DnsAttempt,
  deps: DnsProofDeps,
  { cluster, zone, challenges, waitingSince }: FulfillOrderInput,
  isKnown: boolean,
): Promise<void> {
  const records = challenges.map(({ record }) => record);
  const ended = isKnown ? { notFinalizedUntil: attempt.attempt } : {};
  try {
    await publishAndVerify(attempt, deps, { cluster, zone, records, waitingSince }, ended);
  } catch (error) {
    if (isKnown && !(error instanceof ErrorWithDetails)) heartbeat({ ...heartbeatDetails(), ...ended });
    const isFinal = Date.now() - attempt.scheduledAt > MAX_PROOF_MS;
    throw withDetails(error, isKnown ? { notFinalized: true } : {}, isFinal);
  }
}

function withDetails(error: unknown, details: UnfinishedStep, isFinal = false): ErrorWithDetails {
  const [cause, others] = error instanceof ErrorWithDetails ? [error.cause, error.details] : [error, {}];
  return new ErrorWithDetails(cause, { ...others, ...details }, isFinal);
}

/** @returns false where the workflow has to report. Never throws. */
async function reportIssued(
  { statuses }: Pick<OrderFulfillmentDeps, 'statuses'>,
  { cluster, bundleName, request, secretName, caHost, failover, reportTerms }: FulfillOrderInput,
  certificate: InstalledCertificate,
  installedAt: string,
): Promise<boolean> {
  if (reportTerms === undefined) return false;
  const { cancellationSignal, log } = Context.current();
  const { isRenewal, ...terms } = reportTerms;
  const { seal: _seal, replaced: _replaced, suggestedWindow, ...facts } = certificate;
  const limit = new TimeLimit(STATUS_TIMEOUT_MS, cancellationSignal);
  try {
    const report = issuedReport({
      bundleName,
      secretName,
      observation: { ...terms, request },
      outcome: { certificate: facts, caHost, installedAt, suggestedWindow, failover },
      isRenewal,
      workflowId: clusterWorkflowId(cluster),
      now: Date.now(),
    });
    await statuses.report({ cluster, report }, limit.signal);
    return true;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log.warn('A status could not be written with the certificate; the workflow writes it', { problem });
    return false;
  } finally {
    limit.end();
  }
}
