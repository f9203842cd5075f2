import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { VerifiedPropagation } from '../src/contract/activities/dns.ts';
import type { PublishAndVerifyInput, UnfinishedStep } from '../src/contract/activities/order.ts';
import type { SealedTxtRecord } from '../src/contract/activities/txt-records.ts';
import { NotVisibleError } from '../src/dns/propagation-check.ts';
import { CertmanError } from '../src/failures/failure.ts';
import type { DnsSteps, VerifyPropagation, VerifyStanding } from './dns.ts';
import type { DnsAttempt } from './dns-attempt.ts';
import { type StepObserver, secondsSince } from './step-observer.ts';
import { ErrorWithDetails, heartbeat, heartbeatFrom } from './wrap-activity.ts';

/** The steps on DNS. */
export interface DnsProofDeps extends StepObserver {
  readonly dns: DnsSteps;
  readonly verifyPropagation: VerifyPropagation;
  readonly verifyStanding: VerifyStanding;
}

const zoneSchema = z.object({
  nameServers: z.array(z.string().max(255)).max(32),
  seal: z.string().max(64).optional(),
});

/** An attempt that has published records this; of an earlier one, see `publishTxtRecords`. */
const publishedSchema = z.object({
  step: z.literal('verifyPropagation'),
  /** Attempt in which the step began. */
  since: z.int().min(1),
  ...zoneSchema.shape,
  challengeZone: zoneSchema.optional(),
  /** Epoch milliseconds. */
  publishedAt: z.number().optional(),
  /** The zone's own servers had all values. */
  seen: z.boolean().optional(),
});

/** Longest wait for DNS inside a worker; after that the activity is retried, which takes Temporal longer than a look. */
const MAX_WAIT_MS = 1_400;
/** Of each wait to the one before it. */
const WAIT_GROWTH = 1.3;

/** Values that the zone's own servers have not shown for so long are published again: another writer may have removed them. */
const MAX_UNSEEN_MS = 60_000;

/**
 * Publishes and verifies, or resumes there. @throws ErrorWithDetails of an {@link UnfinishedStep} once published; it has then
 * recorded its progress, and `ended`.
 */
export async function publishAndVerify(
  attempt: DnsAttempt,
  { dns, verifyPropagation, verifyStanding, onStep }: DnsProofDeps,
  { ownershipOf, ...input }: PublishAndVerifyInput,
  ended: object = {},
): Promise<VerifiedPropagation> {
  const { cluster, records, zone } = input;
  const earlier = publishedSchema.safeParse(attempt.recorded).data;
  const standing = earlier === undefined ? await standingRecords(attempt, verifyStanding, input) : undefined;
  const missing = records.filter((record) => standing?.records.includes(record) !== true);
  if (standing !== undefined && missing.length === 0) return { seenBy: standing.seenBy };
  const { nameServers, seal, challengeZone } =
    earlier ?? (await dns.publishTxtRecords(attempt, { ...input, records: missing }));
  if (earlier === undefined) onStep?.('publishTxtRecords', secondsSince(attempt.scheduledAt));
  const since = earlier?.since ?? attempt.attempt;
  const publishedAt = earlier?.publishedAt ?? Date.now();
  const progress = {
    step: 'verifyPropagation',
    since,
    nameServers,
    seal,
    challengeZone,
    publishedAt,
    seen: earlier?.seen,
  };
  heartbeatFrom(() => progress);
  try {
    const step = { ...attempt, attempt: attempt.attempt - since + 1 };
    const { zoneName } = zone;
    const servers = { nameServers, seal, challengeZone };
    const look = () => verifyPropagation(step, { cluster, zoneName, ...servers, records, ownershipOf });
    const verified = await lookForAWhile(look, progress, attempt.signal);
    onStep?.('verifyPropagation', secondsSince(publishedAt));
    return verified;
  } catch (error) {
    const published: UnfinishedStep = { published: true };
    const gone = removedByOther(error, progress);
    if (gone !== undefined) {
      // The next attempt publishes.
      heartbeat(ended);
      throw new ErrorWithDetails(gone, published);
    }
    heartbeat({ ...progress, ...ended });
    throw new ErrorWithDetails(error, published);
  }
}

/** Looks until all is visible, or for as long as the next look is near. @throws what the last look throws. */
async function lookForAWhile(
  look: () => Promise<VerifiedPropagation>,
  progress: PropagationProgress,
  signal: AbortSignal,
): Promise<VerifiedPropagation> {
  const giveUpAt = performance.now() + MAX_WAIT_MS;
  for (let stretch = 1; ; stretch *= WAIT_GROWTH) {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof NotVisibleError) || removedByOther(error, progress) !== undefined) throw error;
      if (error.ownServers === 'seen') progress.seen = true;
      const waitMs = error.delayMs * stretch;
      if (performance.now() + waitMs > giveUpAt) throw error;
      await sleep(waitMs, undefined, { signal });
    }
  }
}

/** What is known of the records. */
interface PropagationProgress {
  /** The zone's own servers had all values. */
  seen: boolean | undefined;
  /** Epoch milliseconds. */
  readonly publishedAt: number;
}

/** Which records an earlier order has published, and DNS still has: no resolver is asked for any other, see `AliasLookup`. */
async function standingRecords(
  { signal }: DnsAttempt,
  verifyStanding: VerifyStanding,
  { cluster, zone, records }: Omit<PublishAndVerifyInput, 'ownershipOf'>,
): Promise<{ readonly records: readonly SealedTxtRecord[]; readonly seenBy: readonly string[] } | undefined> {
  const published = records.filter((record) => record.published === true && record.persistent === true);
  if (published.length === 0) return undefined;
  const seenBy = await verifyStanding(signal, { cluster, zoneName: zone.zoneName, records: published });
  return seenBy && { records: published, seenBy };
}

/** The failure of a check that shows that published values are not there any more. */
function removedByOther(error: unknown, { seen, publishedAt }: PropagationProgress): CertmanError | undefined {
  if (!(error instanceof NotVisibleError) || error.ownServers !== 'missing') return undefined;
  if (seen !== true && Date.now() - publishedAt <= MAX_UNSEEN_MS) return undefined;
  const why =
    seen === true
      ? 'They were there before: another writer has removed them.'
      : 'Another writer may have removed them.';
  return new CertmanError({
    code: 'dns/notVisible',
    message: `${error.message} ${why}`,
    remedy: 'They are published again; find out who else writes to the zone.',
    notBefore: new Date(),
    cause: error,
  });
}
