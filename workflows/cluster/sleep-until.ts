import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { nextExpiryLevelChange } from '../../src/certificates/expiry-level.ts';
import { expiryMessage } from '../../src/certificates/status-messages.ts';
import { isRelocating } from '../../src/clusters/gate.ts';
import { type BundleFacts, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import type { Bundle } from './bundle.ts';
import type { Changes, SleepTimer } from './changes.ts';

/** When a bundle is evaluated next, unless it changes before. Epoch milliseconds. */
export type Wake = number;

/** At once. */
export const NOW: Wake = 0;

/** Only at a change. */
export const ON_CHANGE: Wake = Number.POSITIVE_INFINITY;

/** The first wake of a run: a bundle that slept when the previous run ended sleeps on. */
export function initialWake({ record }: Bundle): Wake {
  if (record.state === 'Ready') return readyWake(record, Date.parse(record.renewalTime));
  const at = nextAttemptOf(record);
  return at === undefined ? NOW : Date.parse(at);
}

/** The renewal, or sooner: when the certificate becomes valid, or when a write is due that an evaluation repeats. */
export function readyWake({ certificate, objectWriteError }: BundleFacts, renewal: Wake): Wake {
  const validFrom = certificate === undefined ? 0 : Date.parse(certificate.notBefore);
  return Math.min(
    renewal,
    validFrom > Date.now() ? validFrom : ON_CHANGE,
    objectWriteError === undefined ? ON_CHANGE : Date.parse(objectWriteError.nextAttempt),
  );
}

/** Sleeps until `wake` or a change after the count `seen`. While a renewal is prevented, reports new expiry levels. */
export async function sleepUntil(bundle: Bundle, seen: number, wake: Wake): Promise<void> {
  const { changes, name } = bundle;
  if (wake <= Date.now()) return;
  while (changes.count === seen) {
    const report = nextExpiryReport(bundle, wake);
    if (report === undefined) {
      const timer = wake === ON_CHANGE ? undefined : { until: wake, summary: timerSummary(bundle, wake) };
      await sleepAndRewriteStatus(changes, seen, timer, bundle);
      return;
    }
    const timer = { until: report.at, summary: `${name}: report that the expiry is near` };
    await sleepAndRewriteStatus(changes, seen, timer, bundle);
    if (changes.count === seen && Date.now() >= report.at) await reportExpiry(bundle, report.certificate);
  }
}

/** Sleeps as {@link Changes.sleep}. Meanwhile a status of the bundle that could not be written is written again. */
export async function sleepAndRewriteStatus(
  changes: Changes,
  seen: number,
  timer: SleepTimer | undefined,
  bundle: Bundle | undefined,
): Promise<void> {
  for (;;) {
    const until = bundle?.statusRetryAt;
    if (until === undefined || (timer !== undefined && timer.until <= until)) return await changes.sleep(seen, timer);
    await changes.sleep(seen, { until, summary: `${bundle?.name}: write the status again` });
    if (changes.count !== seen) return;
    await bundle?.show();
  }
}

/** Undefined: the bundle is evaluated before its next expiry level is reached. */
function nextExpiryReport(
  { record, cluster }: Bundle,
  wake: Wake,
): { readonly at: number; readonly certificate: CertificateFacts } | undefined {
  const { certificate, renewBeforeDays } = record;
  if (certificate === undefined || isRelocating(cluster.gate())) return undefined;
  const at = nextExpiryLevelChange(certificate, Date.now(), renewBeforeDays);
  return at !== undefined && at < wake ? { at, certificate } : undefined;
}

async function reportExpiry(bundle: Bundle, certificate: CertificateFacts): Promise<void> {
  const isExpired = Date.parse(certificate.notAfter) <= Date.now();
  await bundle.show({
    type: 'Warning',
    reason: isExpired ? 'Expired' : 'ExpiryNear',
    message: `${expiryMessage(certificate, Date.now())} ${bundle.record.message}`,
  });
}

function timerSummary({ name, record }: Bundle, at: number): string {
  const instant = new Date(at).toISOString();
  return nextAttemptOf(record) === undefined ? `${name}: renew at ${instant}` : `${name}: try again at ${instant}`;
}
