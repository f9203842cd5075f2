import { CertmanError } from '../failures/failure.ts';
import { canaryEnd } from '../issuance/canary-verdict.ts';
import { pause, withJitter } from '../kubernetes/api/backoff.ts';
import type { IssuerRecord, IssuerRecords } from '../kubernetes/objects/issuer-records.ts';
import type { CanarySource, ControllerContext } from './controller-context.ts';
import type { StuckClusterSignals } from './stuck-clusters.ts';

/**
 * Has certificates that wait for a canary evaluated again when a person, or a cluster that knew the issuer, has ended it. At
 * its regular end each comes by itself. Runs until the signal of the context is aborted.
 */
export async function runCanaryWatch(
  { settings, signal, logger, metrics }: ControllerContext,
  { records, periodMs }: CanarySource,
  { signalWaitingFor }: Pick<StuckClusterSignals, 'signalWaitingFor'>,
): Promise<void> {
  let known: IssuerRecords | undefined;
  for (;;) {
    try {
      const found = await records.read();
      metrics.issuersInCanary.set([...found.values()].filter(({ state }) => state === 'canary').length);
      const before = known;
      known = found;
      if (hasEndedEarly(before, found, periodMs)) await signalWaitingFor('issuers');
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
