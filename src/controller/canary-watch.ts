import { CertmanError } from '../failures/failure.ts';
import { reviewCanaries } from '../issuance/canary-places.ts';
import { canaryEnd } from '../issuance/canary-verdict.ts';
import { pause, withJitter } from '../kubernetes/api/backoff.ts';
import type { IssuerRecord, IssuerRecords } from '../kubernetes/objects/issuer-records.ts';
import type { CanarySource, ControllerContext } from './controller-context.ts';
import type { StuckClusterSignals } from './stuck-clusters.ts';

/** While an issuer is in a canary or refused: a person may decide at any moment. One read of one object. */
const OPEN_INTERVAL_MS = 10_000;
/** Until a new issuer is noticed. */
const REST_INTERVAL_MS = 60_000;

/**
 * Ends canaries by what their clusters serve. Has certificates that wait evaluated again when that, a person, or a cluster that
 * knew the issuer has ended one; at its regular end each comes by itself. Runs until the signal of the context is aborted.
 */
export async function runCanaryWatch(
  { kubernetes, settings, signal, logger, metrics }: ControllerContext,
  { records, rule }: CanarySource,
  { signalWaitingFor }: Pick<StuckClusterSignals, 'signalWaitingFor'>,
): Promise<void> {
  const { resyncIntervalMs } = settings;
  let known: IssuerRecords | undefined;
  let reviewAt = performance.now();
  const look = async (): Promise<void> => {
    if (performance.now() >= reviewAt) {
      await reviewCanaries(kubernetes, records, rule.clusters, Date.now());
      reviewAt = performance.now() + withJitter(resyncIntervalMs);
    }
    const found = await records.read();
    metrics.issuersInCanary.set([...found.values()].filter(({ state }) => state === 'canary').length);
    if (hasEndedEarly(known, found, rule.periodMs)) await signalWaitingFor('issuers');
    // Not before: an end that could not be signalled is found again.
    known = found;
  };
  try {
    for (;;) {
      try {
        await look();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof CertmanError)) throw error;
        logger.warn({ problem: error.message }, 'The canaries of new issuers cannot be followed');
      }
      const intervalMs = isOpen(known) ? OPEN_INTERVAL_MS : REST_INTERVAL_MS;
      await pause(withJitter(Math.min(intervalMs, resyncIntervalMs)), signal);
    }
  } finally {
    metrics.issuersInCanary.set(0);
  }
}

/** Whether an issuer waits for a decision, or has one that may be changed for those that wait. */
function isOpen(known: IssuerRecords | undefined): boolean {
  return [...(known ?? [])].some(([, { state }]) => state !== 'accepted');
}

/** @param before undefined: of what has changed, nothing is known. */
export function hasEndedEarly(before: IssuerRecords | undefined, now: IssuerRecords, periodMs: number): boolean {
  return [...now].some(([id, record]) => {
    const state = before?.get(id)?.state;
    if (record.state === 'canary' || record.state === state) return false;
    // A refusal has no regular end: what it holds waits for its next attempt.
    return state === 'refused' || !endedByTime(record, periodMs);
  });
}

function endedByTime(record: IssuerRecord, periodMs: number): boolean {
  const end = canaryEnd(record, periodMs);
  return record.state === 'accepted' && end !== undefined && Date.parse(record.decidedAt ?? '') >= end;
}
