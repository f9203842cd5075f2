import type { DnsTarget } from '../dns/provider.ts';
import { challengeZoneTarget, type SweptZone, sweepZones } from '../dns/txt-sweep.ts';
import { CertmanError } from '../failures/failure.ts';
import { pause, withJitter } from '../kubernetes/api/backoff.ts';
import { listServedZones } from '../kubernetes/objects/served-zones.ts';
import type { ControllerContext, SweepSource } from './controller-context.ts';

/** A start is when there is most to do, and what a crash has left hinders nothing. */
const FIRST_DELAY_MS = 10 * 60_000;
const INTERVAL_MS = 24 * 3_600_000;
const RETRY_MS = 3_600_000;
/** For each cluster, so that a sweep costs no burst either where many share a zone. */
const LOOK_UP_INTERVAL_MS = 1_000;
/** While the clusters of a list are signalled, a sweep waits, but not longer than this. */
const MAX_HOLD_MS = 3_600_000;
const HOLD_INTERVAL_MS = 60_000;
/** Of one log line. */
const MAX_RECORDS_LOGGED = 50;

/**
 * Sweeps the zones of the management cluster for TXT records that a crash left behind, some minutes after the start and then
 * once a day. Runs until the signal, whose reason it throws.
 */
export async function runTxtJanitor(
  context: Pick<ControllerContext, 'kubernetes' | 'queue' | 'settings' | 'metrics' | 'logger' | 'signal'>,
  options: SweepSource,
): Promise<never> {
  const { queue, logger, signal } = context;
  for (let waitMs = options.firstDelayMs ?? FIRST_DELAY_MS; ; ) {
    await pause(withJitter(waitMs), signal);
    for (let heldMs = 0; queue.hasBackgroundWork && heldMs < MAX_HOLD_MS; heldMs += HOLD_INTERVAL_MS)
      await pause(HOLD_INTERVAL_MS, signal);
    try {
      await sweepOnce(context, options);
      waitMs = INTERVAL_MS;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      waitMs = RETRY_MS;
      logger.warn({ problem: error.message, retryInMs: waitMs }, 'The zones could not be swept for TXT records');
    }
  }
}

async function sweepOnce(
  { kubernetes, settings, metrics, logger, signal }: Parameters<typeof runTxtJanitor>[0],
  { dns, tags: tagsOf, challengeZone, requestIntervalMs }: SweepSource,
): Promise<void> {
  const tags = await tagsOf();
  if (tags === undefined) {
    logger.info({}, 'Without a usable ACME account no zone is swept: nothing shows which TXT records are its own');
    return;
  }
  const targets = targetsOf(challengeZone, await listServedZones(kubernetes, settings));
  const total = { swept: 0, gone: 0, failed: 0, removed: 0, inUse: 0 };
  const failures = new Map<string, { count: number; readonly example: string }>();
  const sweep = { dns, tags, signal, requestIntervalMs, lookUpIntervalMs: requestIntervalMs ?? LOOK_UP_INTERVAL_MS };
  for await (const zone of sweepZones(targets, sweep)) {
    total[zone.outcome] += 1;
    metrics.sweptZones.inc({ outcome: zone.outcome });
    if (zone.outcome === 'swept') {
      total.removed += zone.removed.length;
      total.inUse += zone.inUse;
      metrics.removedRecords.inc(zone.removed.length);
      if (zone.removed.length > 0) logger.info(describe(zone), 'TXT records that a crash left behind are removed');
    }
    if (zone.outcome === 'failed') {
      const { code, message } = zone.failure;
      const known = failures.get(code) ?? { count: 0, example: message };
      failures.set(code, { ...known, count: known.count + 1 });
    }
  }
  const failed = failures.size === 0 ? {} : { failures: Object.fromEntries(failures) };
  logger[failures.size === 0 ? 'info' : 'warn']({ ...total, ...failed }, 'Swept the zones for TXT records');
}

/** Empties the list of zones: a sweep takes an hour for 3,600 clusters, and keeps only what is left to do. */
function* targetsOf(challengeZone: string | undefined, zones: DnsTarget[]): Generator<DnsTarget> {
  if (challengeZone !== undefined) yield challengeZoneTarget(challengeZone);
  zones.reverse();
  for (let next = zones.pop(); next !== undefined; next = zones.pop()) yield next;
}

function describe({ zoneName, removed, inUse }: Extract<SweptZone, { outcome: 'swept' }>): object {
  const records = removed.slice(0, MAX_RECORDS_LOGGED).map(({ name, value }) => `${name} ${value}`);
  return { zone: zoneName, removed: removed.length, inUse, records };
}
