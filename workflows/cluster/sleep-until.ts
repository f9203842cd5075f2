/** How a bundle sleeps: until the exact instant, or until something unseen happens; and tells when its expiry comes near. */
import { condition } from '@temporalio/workflow';
import { nextExpiryLevelChange } from '../../src/certificates/expiry-level.ts';
import { expiryMessage } from '../../src/certificates/status-messages.ts';
import type { ClusterState } from './cluster-state.ts';
import { reportBundle } from './status-reporting.ts';

/** A run that continues an earlier one goes back to sleep without looking; a new one looks at once (0). */
export function initialWakeTime(cluster: ClusterState, name: string): number | undefined {
  const { renewalTime, nextAttempt } = cluster.record(name);
  const wake = nextAttempt ?? renewalTime;
  return wake === undefined ? 0 : Date.parse(wake);
}

/**
 * Sleeps until `until` (epoch milliseconds; undefined: for ever), or until more has happened to the bundle than `seen`.
 * A certificate whose renewal is held up expires while nobody looks at it: each step nearer is told on the resource when it
 * comes, in the middle of the sleep.
 */
export async function sleepUntil(
  cluster: ClusterState,
  name: string,
  seen: number,
  until: number | undefined,
): Promise<void> {
  const awake = () => cluster.changeCount(name) !== seen;
  while (!awake()) {
    const telling = nextExpiryReport(cluster, name, until);
    const wake = telling ?? until;
    cluster.loops.setSleeping(name, true);
    try {
      if (wake === undefined) await condition(awake);
      else {
        const summary = telling === undefined ? timerSummary(cluster, name, wake) : `${name}: its expiry comes near`;
        await condition(awake, Math.max(1, wake - Date.now()), { summary });
      }
    } finally {
      cluster.loops.setSleeping(name, false);
    }
    if (telling === undefined) return;
    if (!awake() && Date.now() >= telling) await reportExpiry(cluster, name);
  }
}

/** The instant of the next step nearer to the expiry, when it comes before the bundle is looked at anyway. */
function nextExpiryReport(cluster: ClusterState, name: string, until: number | undefined): number | undefined {
  const { certificate, renewBeforeDays } = cluster.record(name);
  const gate = cluster.gate();
  // Another hub writes the resources of a cluster that is moving out.
  const silent = gate.kind !== 'serve' && 'reason' in gate && gate.reason === 'RelocatingOut';
  if (certificate === undefined || silent) return undefined;
  const next = nextExpiryLevelChange(certificate, Date.now(), renewBeforeDays);
  return next !== undefined && (until === undefined || next < until) ? next : undefined;
}

async function reportExpiry(cluster: ClusterState, name: string): Promise<void> {
  const { certificate, message } = cluster.record(name);
  if (certificate === undefined) return;
  const expired = Date.parse(certificate.notAfter) <= Date.now();
  cluster.publishSearchAttributes();
  await reportBundle(cluster, name, {
    type: 'Warning',
    reason: expired ? 'Expired' : 'ExpiryNear',
    message: `${expiryMessage(certificate, Date.now())} ${message}`,
  });
}

function timerSummary(cluster: ClusterState, name: string, until: number): string {
  const at = new Date(until).toISOString();
  return cluster.record(name).nextAttempt === undefined ? `${name}: renew at ${at}` : `${name}: try again at ${at}`;
}
