import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { uniqueRecords } from '../src/certificates/dns-name.ts';
import type {
  CompletedOrder,
  CompleteOrderInput,
  OrderActivities,
  PublishAndVerifyInput,
  SealedTxtRecord,
  UnfinishedStep,
  VerifiedPropagation,
} from '../src/contract/activities.ts';
import { NotVisibleError } from '../src/dns/propagation-check.ts';
import { CertmanError, type FailureCode, isFailure } from '../src/failures/failure.ts';
import { answerChallenges } from '../src/issuance/answer-challenges.ts';
import { type CaOfOrder, withCaOfOrder } from '../src/issuance/ca-of-order.ts';
import type { AttemptContext, IssuanceContext } from '../src/issuance/context.ts';
import { finalizeOrder } from '../src/issuance/finalize-order.ts';
import { installCertificate } from '../src/issuance/install-certificate.ts';
import { type AcmeActivityDeps, currentAttempt } from './acme.ts';
import type { DnsSteps, VerifyPropagation, VerifyStanding } from './dns.ts';
import { currentDnsAttempt, type DnsAttempt } from './dns-attempt.ts';
import { ErrorWithDetails, heartbeat, heartbeatFrom, wrapActivity } from './wrap-activity.ts';

/** What the activities of several steps are made of. */
export interface OrderActivityDeps {
  readonly acme: AcmeActivityDeps;
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

/** Values that the zone's own servers have not shown for so long are published again: another writer may have removed them. */
const MAX_UNSEEN_MS = 60_000;

const orderProgressSchema = z.object({
  step: z.enum(['answerChallenges', 'finalizeOrder', 'installCertificate']),
  /** Attempt in which the step began. */
  since: z.int().min(1),
  /** By the step itself; validated there. */
  recorded: z.unknown(),
  certificateUrl: z.string().max(2_048).optional(),
  withdrawn: z.boolean(),
  /** Attempt that ended by itself before it finalized, as did all before. Of one whose worker died, none is recorded. */
  notFinalizedUntil: z.int().min(1).optional(),
});

type OrderProgress = z.infer<typeof orderProgressSchema>;

/**
 * How long a withdrawal is waited for once all else is done: it takes seconds, unless the DNS service is slow. With it, the
 * attempt would time out, and an order whose certificate is in its Secret would fail.
 */
const MAX_WITHDRAWAL_WAIT_MS = 10_000;

/** After these, the order is known to be unfinished or invalid: nothing was issued. */
const NOT_FINALIZED_CODES: readonly FailureCode[] = [
  'acme/pending',
  'acme/challengeFailed',
  'acme/orderInvalid',
  'acme/orderGone',
];

/** Creates the activities that take an order through several steps. Progress through heartbeats is not trusted. */
export function createOrderActivities(deps: OrderActivityDeps): OrderActivities {
  const { dns } = deps;
  return {
    publishAndVerify: wrapActivity((input) => publishAndVerify(currentDnsAttempt(), dns, deps, input)),
    completeOrder: wrapActivity((input) => new OrderCompletion(deps, input).run()),
  };
}

async function publishAndVerify(
  attempt: DnsAttempt,
  dns: DnsSteps,
  { verifyPropagation, verifyStanding }: Pick<OrderActivityDeps, 'verifyPropagation' | 'verifyStanding'>,
  { ownershipOf, ...input }: PublishAndVerifyInput,
): Promise<VerifiedPropagation> {
  const { cluster, records, zone } = input;
  const earlier = publishedSchema.safeParse(attempt.recorded).data;
  const standing = earlier === undefined ? await standingRecords(attempt, verifyStanding, input) : undefined;
  const missing = records.filter((record) => standing?.records.includes(record) !== true);
  if (standing !== undefined && missing.length === 0) return { seenBy: standing.seenBy };
  const { nameServers, seal, challengeZone } =
    earlier ?? (await dns.publishTxtRecords(attempt, { ...input, records: missing }));
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
    return await verifyPropagation(step, { cluster, zoneName, ...servers, records, ownershipOf });
  } catch (error) {
    const published: UnfinishedStep = { published: true };
    const gone = removedByOther(error, progress);
    if (gone !== undefined) {
      // The next attempt publishes.
      heartbeat({});
      throw new ErrorWithDetails(gone, published);
    }
    const isSeen = error instanceof NotVisibleError && error.ownServers === 'seen';
    heartbeat({ ...progress, seen: progress.seen === true || isSeen });
    throw new ErrorWithDetails(error, published);
  }
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
function removedByOther(
  error: unknown,
  { seen, publishedAt }: { readonly seen: boolean | undefined; readonly publishedAt: number },
): CertmanError | undefined {
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

/** An attempt at completing an order. */
class OrderCompletion {
  readonly #acme: AcmeActivityDeps;
  readonly #dns: DnsSteps;
  readonly #input: CompleteOrderInput;
  readonly #attempt: AttemptContext;
  /** Whether the attempts before have certainly not finalized. */
  readonly #noneFinalized: boolean;
  #progress: OrderProgress;

  constructor({ acme, dns }: OrderActivityDeps, input: CompleteOrderInput) {
    this.#acme = acme;
    this.#dns = dns;
    this.#input = input;
    this.#attempt = currentAttempt(acme);
    const step = input.challenges.length > 0 ? 'answerChallenges' : 'finalizeOrder';
    this.#progress = orderProgressSchema.safeParse(this.#attempt.recorded).data ?? {
      step,
      since: 1,
      recorded: undefined,
      withdrawn: false,
    };
    this.#noneFinalized = this.#attempt.attempt === (this.#progress.notFinalizedUntil ?? 0) + 1;
    this.#heartbeatFromNow();
  }

  /** @throws ErrorWithDetails of an {@link UnfinishedStep}, and what the steps throw. */
  async run(): Promise<CompletedOrder> {
    try {
      const { ca: cas } = this.#acme;
      return await withCaOfOrder(cas, this.#input, (at) => this.#complete(at), this.#attempt.signal);
    } catch (error) {
      const isNotFinalized = this.#isNotFinalized(error);
      if (isNotFinalized) this.#advance({ notFinalizedUntil: this.#attempt.attempt });
      heartbeat(this.#progress);
      if (!isNotFinalized) throw error;
      throw new ErrorWithDetails(error, { notFinalized: true } satisfies UnfinishedStep);
    }
  }

  async #complete(at: CaOfOrder): Promise<CompletedOrder> {
    const input = this.#input;
    if (this.#progress.step === 'answerChallenges') {
      await answerChallenges(this.#inStep(at), input);
      this.#enter('finalizeOrder');
    }
    // It need not delay the certificate.
    const abandoned = new AbortController();
    const withdrawal = this.#withdraw(AbortSignal.any([this.#attempt.signal, abandoned.signal]));
    let completed: Omit<CompletedOrder, 'withdrawn'>;
    try {
      if (this.#progress.certificateUrl === undefined) {
        const { certificateUrl } = await finalizeOrder(this.#inStep(at), input);
        this.#enter('installCertificate', certificateUrl);
      }
      const { certificateUrl = '' } = this.#progress;
      completed = {
        certificateUrl,
        installed: await installCertificate(this.#inStep(at), { ...input, certificateUrl }),
      };
    } finally {
      const longEnough = Promise.withResolvers<void>();
      const timer = setTimeout(longEnough.resolve, MAX_WITHDRAWAL_WAIT_MS);
      await Promise.race([withdrawal, longEnough.promise]);
      clearTimeout(timer);
      abandoned.abort();
    }
    return { ...completed, withdrawn: this.#progress.withdrawn };
  }

  /** Never throws: the workflow withdraws what this does not, in an activity of its own. */
  async #withdraw(signal: AbortSignal): Promise<void> {
    if (this.#progress.withdrawn) return;
    const { challenges, otherRecords, cluster, zone } = this.#input;
    const passing = challenges.map(({ record }) => record).filter(({ persistent }) => persistent !== true);
    const records = uniqueRecords([...passing, ...otherRecords]);
    try {
      if (records.length > 0) await this.#dns.withdrawTxtRecords({ signal }, { cluster, zone, records });
      this.#advance({ withdrawn: true });
    } catch (error) {
      Context.current().log.debug('TXT records are not withdrawn yet', { error });
    }
  }

  /** The context of the step under way, as in an activity of its own. */
  #inStep(at: CaOfOrder): IssuanceContext {
    const { since, recorded } = this.#progress;
    const record = (found: unknown): void => {
      this.#advance({ recorded: found });
      heartbeat(this.#progress);
      this.#heartbeatFromNow();
    };
    return { ...this.#attempt, ...at, attempt: this.#attempt.attempt - since + 1, recorded, record };
  }

  #enter(step: OrderProgress['step'], certificateUrl?: string): void {
    this.#advance({ step, since: this.#attempt.attempt, recorded: undefined, certificateUrl });
  }

  #advance(change: Partial<OrderProgress>): void {
    this.#progress = { ...this.#progress, ...change };
  }

  #heartbeatFromNow(): void {
    heartbeatFrom(() => this.#progress);
  }

  /** An attempt before, of a worker that died, may have come further than it recorded. */
  #isNotFinalized(error: unknown): boolean {
    if (this.#progress.step !== 'answerChallenges') return false;
    return this.#noneFinalized || NOT_FINALIZED_CODES.some((code) => isFailure(error, code));
  }
}
