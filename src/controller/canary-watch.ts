import { CertmanError } from '../failures/failure.ts';
import { reviewCanaries } from '../issuance/canary-places.ts';
import { canaryEnd } from '../issuance/canary-verdict.ts';
import { pause, withJitter } from '../kubernetes/api/backoff.ts';
import type { IssuerRecord, IssuerRecords } from '../kubernetes/objects/issuer-records.ts';
import type { CanarySource, ControllerContext } from './controller-context.ts';
import type { StuckClusterSignals } from './stuck-clusters.ts';

/**
 * Ends canaries by what their clusters serve. Has certificates that wait evaluated again when that, a person, or a cluster that
 * knew the issuer has ended one; at its regular end each comes by itself. Runs until the signal of the context is aborted.
 */
export async function runCanaryWatch(
  { kubernetes, settings, signal, logger, metrics }: ControllerContext,
  { records, rule }: CanarySource,
  { signalWaitingFor }: Pick<StuckClusterSignals, 'signalWaitingFor'>,
): Promise<void> {
  let known: IssuerRecords | undefined;
  for (;;) {
    try {
      await reviewCanaries(kubernetes, records, rule.clusters, Date.now());
      const found = await records.read();
      metrics.issuersInCanary.set([...found.values()].filter(({ state }) => state === 'canary').length);
      const before = known;
      known = found;
      if (hasEndedEarly(before, found, rule.periodMs)) await signalWaitingFor('issuers');
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      logger.warn({ problem: error.message }, 'The issuers of the certificates cannot be read');
    }
    await pause(withJitter(settings.resyncIntervalMs), signal);
  }
}

/** @param before undefined: of what has changed, nothing is known. */
export function hasEndedEarly(before: IssuerRecords | undefined, now: IssuerRecords, periodMs: number): boolean {
  return [...now].some(
    ([id, record]) =>
      record.state !== 'canary' && before?.get(id)?.state !== record.state && !endedByTime(record, periodMs),
  );
}

function endedByTime(record: IssuerRecord, periodMs: number): boolean {
  const end = canaryEnd(record, periodMs);
  return record.state === 'accepted' && end !== undefined && Date.parse(record.decidedAt ?? '') >= end;
}
