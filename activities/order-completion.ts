import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { uniqueRecords } from '../src/certificates/dns-name.ts';
import type { InstalledCertificate } from '../src/contract/activities/acme.ts';
import type { CompletedOrder, CompleteOrderInput, UnfinishedStep } from '../src/contract/activities/order.ts';
import { type FailureCode, isFailure } from '../src/failures/failure.ts';
import { answerChallenges } from '../src/issuance/answer-challenges.ts';
import { type CaOfOrder, withCaOfOrder } from '../src/issuance/ca-of-order.ts';
import type { AttemptContext, IssuanceContext, StagedKeyObject } from '../src/issuance/context.ts';
import { finalizeOrder } from '../src/issuance/finalize-order.ts';
import { installCertificate } from '../src/issuance/install-certificate.ts';
import { type AcmeActivityDeps, currentAttempt } from './acme.ts';
import type { DnsSteps } from './dns.ts';
import { type StepObserver, secondsSince } from './step-observer.ts';
import { ErrorWithDetails, heartbeat, heartbeatFrom } from './wrap-activity.ts';

const orderProgressSchema = z.object({
  step: z.enum(['answerChallenges', 'finalizeOrder', 'installCertificate']),
  /** Attempt in which the step began. */
  since: z.int().min(1),
  /** Epoch milliseconds of its begin; for metrics only. */
  begunAt: z.number().optional(),
  /** By the step itself; validated there. */
  recorded: z.unknown().optional(),
  certificateUrl: z.string().max(2_048).optional(),
  withdrawn: z.boolean(),
  /** Attempt that ended by itself before it finalized, as did all before. Of one whose worker died, none is recorded. */
  notFinalizedUntil: z.int().min(0).optional(),
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

/** What an order is completed with. */
export interface OrderCompletionDeps extends StepObserver {
  readonly acme: AcmeActivityDeps;
  readonly dns: DnsSteps;
}

/** For an activity that does more than complete an order. */
export interface CompletionBegin {
  /** Default: that of the activity. */
  readonly attempt?: Pick<AttemptContext, 'attempt' | 'recorded'>;
  /** The attempt in which the first step begins, unless an earlier one has recorded more. Default 1. */
  readonly since?: number;
  /** The last of the attempts before that have certainly not finalized. Default 0. */
  readonly notFinalizedUntil?: number;
  /** Never throws, and is bounded: the withdrawal runs beside it. */
  readonly onInstalled?: (installed: InstalledCertificate) => Promise<void>;
}

/** Whether an attempt of such an activity had come so far. */
export function isCompleting(recorded: unknown): boolean {
  return orderProgressSchema.safeParse(recorded).success;
}

/** An attempt at completing an order. Progress through heartbeats is not trusted. */
export class OrderCompletion {
  readonly #acme: AcmeActivityDeps;
  readonly #dns: DnsSteps;
  readonly #input: CompleteOrderInput;
  readonly #attempt: AttemptContext;
  readonly #staged = new Map<string, StagedKeyObject>();
  /** Whether the attempts before have certainly not finalized. */
  readonly #noneFinalized: boolean;
  readonly #onInstalled: CompletionBegin['onInstalled'];
  readonly #onStep: StepObserver['onStep'];
  #progress: OrderProgress;

  constructor({ acme, dns, onStep }: OrderCompletionDeps, input: CompleteOrderInput, begin: CompletionBegin = {}) {
    const { attempt, since = 1, notFinalizedUntil, onInstalled } = begin;
    this.#onInstalled = onInstalled;
    this.#onStep = onStep;
    this.#acme = acme;
    this.#dns = dns;
    this.#input = input;
    this.#attempt = {
      ...currentAttempt(acme),
      ...(attempt && { attempt: attempt.attempt, recorded: attempt.recorded }),
    };
    const step = input.challenges.length > 0 ? 'answerChallenges' : 'finalizeOrder';
    this.#progress = orderProgressSchema.safeParse(this.#attempt.recorded).data ?? {
      step,
      since,
      begunAt: Date.now(),
      recorded: undefined,
      withdrawn: false,
      notFinalizedUntil,
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
      const installed = await installCertificate(this.#inStep(at), { ...input, certificateUrl });
      this.#observeStep();
      await this.#onInstalled?.(installed);
      completed = { certificateUrl, installed };
    } finally {
      const longEnough = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        abandoned.abort();
        longEnough.resolve();
      }, MAX_WITHDRAWAL_WAIT_MS);
      await Promise.race([withdrawal, longEnough.promise]);
      clearTimeout(timer);
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
    const note = (found: unknown): void => this.#advance({ recorded: found });
    const record = (found: unknown): void => {
      note(found);
      heartbeat(this.#progress);
      this.#heartbeatFromNow();
    };
    return {
      ...this.#attempt,
      ...at,
      staged: this.#staged,
      attempt: this.#attempt.attempt - since + 1,
      recorded,
      record,
      note,
    };
  }

  #enter(step: OrderProgress['step'], certificateUrl?: string): void {
    this.#observeStep();
    this.#advance({ step, since: this.#attempt.attempt, begunAt: Date.now(), recorded: undefined, certificateUrl });
  }

  #observeStep(): void {
    const { step, begunAt } = this.#progress;
    if (begunAt !== undefined) this.#onStep?.(step, secondsSince(begunAt));
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
