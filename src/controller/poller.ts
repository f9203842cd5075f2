import pLimit from 'p-limit';
import { CertmanError } from '../failures/failure.ts';
import { backoffDelay, pause, withJitter } from '../kubernetes/api/backoff.ts';
import type { Acceptance } from './due-turns.ts';
import { inSlices } from './in-slices.ts';
import { type ControllerLogger, type OutageLog, outageLog } from './outage-log.ts';
import { type Pace, type PollPlan, PollSchedule } from './poll-schedule.ts';

const ROUND_INTERVAL_MS = 5_000;
const MAX_PER_ROUND = 500;
/** Of one round: the subjects of one namespace cannot hold up those of others. */
const MAX_PER_NAMESPACE = 10;
/** Polled at once: a host that answers slowly holds up no other. */
const MAX_CONCURRENT_HOSTS = 8;
/** How often a poller looks for what is due at a pace. */
const PACED_INTERVAL_MS = 1_000;
/** What is in the background is not held longer than this; it may be held again for as long as it was not. */
const MAX_BACKGROUND_HOLD_MS = 3_600_000;
/** From the start of one batch to the next. */
const BATCH_INTERVAL_MS = 200;
/** A longer Retry-After is cut to this. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * `responded`: the host works but has nothing usable; `skipped`: not asked. `nextPollAt` in epoch milliseconds: polled
 * then or later by up to a tenth of the wait.
 */
export type PollResult =
  | { readonly kind: 'answered' | 'responded' | 'skipped'; readonly nextPollAt: number }
  | { readonly kind: 'failed'; readonly nextPollAt: number; readonly failure: CertmanError };

/** Subjects that nothing waits for, and that are many: they are polled one by one, beside the others. */
export interface BackgroundPolls<Subject> {
  /** Started in a second, over all subjects. */
  readonly perSecond: number;
  /** @param now epoch milliseconds. */
  includes(subject: Subject, now: number): boolean;
  /** Whether something else goes first; they are held for an hour at most. */
  isHeld(): boolean;
}

/** What is polled, and how. */
export interface PollClient<Subject> {
  /** Subjects per batch, all of one host. */
  readonly concurrency: number;
  /** Pauses after failures, randomly reduced by up to half. */
  readonly failurePauseMs: { readonly first: number; readonly max: number };
  readonly outageMessages: { readonly failing: string; readonly recovered: string };
  /** Keys of the subjects that began to be in use since the last call; one that ceased to may be missing, and is polled no more. */
  changes(): Iterable<string>;
  /** @returns undefined when it is not in use any more. */
  find(key: string): Subject | undefined;
  keyOf(subject: Subject): string;
  /** Of what is polled about a key: another version is due at once. Absent: there are no versions. */
  versionOf?(subject: Subject): string | number;
  /** The server that is asked; while it is failing, one subject at a time is tried. */
  hostOf(subject: Subject): string;
  /** Hosts polled at once; default 8. */
  readonly concurrentHosts?: number;
  /** When a new subject is polled first (epoch milliseconds); absent: at once. */
  firstPollAt?(subject: Subject, now: number): number;
  /** Not before this, whatever makes it due (epoch milliseconds); absent: at once. */
  earliestPollAt?(subject: Subject, now: number): number;
  /** When the change of a subject makes it due at the latest (epoch milliseconds); undefined, or absent: it does not. */
  changeDueAt?(subject: Subject, now: number): number | undefined;
  /** Absent: none is in the background. */
  readonly background?: BackgroundPolls<Subject>;
  /** Of those that are not in the background, so many are started in a second at most; absent: they are polled in rounds. */
  readonly foregroundPerSecond?: number;
  /** Whose users can choose the subject's host; absent: none can. */
  namespacesOf?(subject: Subject): readonly string[];
  /** @returns a result for each subject. @throws CertmanError when the host fails for any subject: all stay due. */
  poll(batch: readonly Subject[]): Promise<readonly PollResult[]>;
}

/** What is polled at one pace. */
interface PacedPolls {
  readonly pace: Pace;
  readonly perSecond: number;
  readonly isHeld: () => boolean;
  /** Hosts: one after the other of each, as in a round, so that an older probe of a cluster does not end after a newer one. */
  readonly polled: Set<string>;
  /** As a bucket that leaks: what is held with short pauses is held no longer than without. */
  heldMs: number;
}

interface HostOutage {
  readonly log: OutageLog;
  failures: number;
  /** Epoch milliseconds. */
  nextAttemptAt: number;
}

/** Polls external servers about subjects when they are due: in batches by host, with pauses after failures. */
export class Poller<Subject> {
  readonly #client: PollClient<Subject>;
  readonly #context: { readonly logger: ControllerLogger; readonly signal: AbortSignal };
  readonly #schedule = new PollSchedule();
  /** By host; none while it answers. */
  readonly #outages = new Map<string, HostOutage>();

  constructor(client: PollClient<Subject>, context: { logger: ControllerLogger; signal: AbortSignal }) {
    this.#client = client;
    this.#context = context;
  }

  get failing(): boolean {
    return this.#outages.size > 0;
  }

  get answeredCount(): number {
    return this.#schedule.answeredCount;
  }

  /** Runs until the signal, whose reason it throws. @throws what `poll` throws beside failures of hosts. */
  async run(): Promise<never> {
    const { background, foregroundPerSecond } = this.#client;
    const paced = [
      ...(foregroundPerSecond === undefined ? [] : [pacedPolls('foreground', foregroundPerSecond, () => false)]),
      ...(background === undefined ? [] : [pacedPolls('background', background.perSecond, () => background.isHeld())]),
    ];
    const [ended] = await Promise.all([this.#runRounds(), paced.length > 0 && this.#runPaced(paced)]);
    return ended;
  }

  async #runRounds(): Promise<never> {
    for (;;) {
      await pause(ROUND_INTERVAL_MS, this.#context.signal);
      await this.#updateSchedule();
      const hosts = Map.groupBy(this.#takeDue(), (subject) => this.#client.hostOf(subject));
      await pLimit(this.#client.concurrentHosts ?? MAX_CONCURRENT_HOSTS).map(hosts, ([host, subjects]) =>
        this.#pollHost(host, subjects),
      );
      this.#forgetUnusedHosts();
    }
  }

  async #updateSchedule(): Promise<void> {
    // Each once: to find what all certificates of a CA share takes as long as they are many.
    const changed = new Set<string>();
    for await (const keys of inSlices(this.#client.changes())) for (const key of keys) changed.add(key);
    for await (const keys of inSlices(changed)) {
      for (const key of keys) {
        const subject = this.#client.find(key);
        const now = Date.now();
        if (subject === undefined) {
          this.#schedule.delete(key);
          continue;
        }
        const plan = this.#planOf(subject);
        const earliest = this.#client.earliestPollAt?.(subject, now) ?? now;
        if (!this.#schedule.has(key)) {
          const first = this.#client.firstPollAt?.(subject, now);
          this.#schedule.add(key, first === undefined ? earliest : wholeSecond(first), plan);
          continue;
        }
        const dueAt = this.#schedule.isReplaced(key, plan) ? now : this.#client.changeDueAt?.(subject, now);
        if (dueAt !== undefined) this.#schedule.bringForward(key, Math.max(dueAt, earliest), plan);
      }
    }
  }

  /** Some each second instead of all in a round: a host that does not answer holds up neither the others nor a round. */
  async #runPaced(all: readonly PacedPolls[]): Promise<never> {
    const maxPolled = this.#client.concurrentHosts ?? MAX_CONCURRENT_HOSTS;
    let checkedAt = Date.now();
    let failed: { readonly error: unknown } | undefined;
    const pollOne = async (subject: Subject, polled: Set<string>): Promise<void> => {
      const host = this.#client.hostOf(subject);
      polled.add(host);
      try {
        await this.#pollHost(host, [subject]);
      } catch (error) {
        failed ??= { error };
      } finally {
        polled.delete(host);
      }
    };
    for (;;) {
      await pause(PACED_INTERVAL_MS, this.#context.signal);
      if (failed !== undefined) throw failed.error;
      const sinceCheck = Date.now() - checkedAt;
      checkedAt += sinceCheck;
      for (const paced of all) {
        const { pace, perSecond, polled } = paced;
        const isHeld = paced.isHeld();
        paced.heldMs = Math.min(
          MAX_BACKGROUND_HOLD_MS,
          Math.max(0, paced.heldMs + (isHeld ? sinceCheck : -sinceCheck)),
        );
        if (isHeld && paced.heldMs < MAX_BACKGROUND_HOLD_MS) continue;
        const max = Math.min((perSecond * PACED_INTERVAL_MS) / 1000, maxPolled - polled.size);
        for (const subject of this.#takeInTurn(pace, max, polled)) void pollOne(subject, polled);
      }
    }
  }

  /** @param polled hosts that are polled at the moment. */
  #takeInTurn(pace: Pace, max: number, polled: ReadonlySet<string>): readonly Subject[] {
    const due = new Map<string, Subject>();
    const accept = (key: string): Acceptance => {
      if (due.size >= max) return 'full';
      const subject = this.#client.find(key);
      if (subject === undefined) return 'forget';
      const host = this.#client.hostOf(subject);
      if (polled.has(host) || due.has(host)) return 'later';
      // The next round plans this version: until then no answer would count, and it would be polled again each second.
      if (this.#schedule.isReplaced(key, this.#planOf(subject))) return 'later';
      due.set(host, subject);
      return 'accepted';
    };
    this.#schedule.offerInTurn(pace, Date.now(), accept);
    return [...due.values()];
  }

  #planOf(subject: Subject): PollPlan {
    const { background, foregroundPerSecond } = this.#client;
    const isBackground = background?.includes(subject, Date.now()) === true;
    const pace = isBackground ? 'background' : foregroundPerSecond === undefined ? undefined : 'foreground';
    const version = this.#client.versionOf?.(subject) ?? '';
    return pace === undefined ? { version } : { pace, turnOf: this.#client.namespacesOf?.(subject)[0], version };
  }

  /** The subjects of one round, in the order in which they are asked for. */
  #takeDue(): readonly Subject[] {
    const due: Subject[] = [];
    const accepted = new Map<string, number>();
    this.#schedule.offerDue(Date.now(), (key) => {
      const subject = this.#client.find(key);
      if (subject === undefined) return 'forget';
      const namespaces = this.#client.namespacesOf?.(subject);
      // A subject of several namespaces is taken from the share of one that has some left.
      const payer = namespaces?.find((namespace) => (accepted.get(namespace) ?? 0) < MAX_PER_NAMESPACE);
      if (namespaces !== undefined && payer === undefined) return 'later';
      if (payer !== undefined) accepted.set(payer, (accepted.get(payer) ?? 0) + 1);
      due.push(subject);
      return due.length < MAX_PER_ROUND ? 'accepted' : 'full';
    });
    return due;
  }

  /** Hosts come from certificates: one whose subjects are all gone is never tried again. */
  #forgetUnusedHosts(): void {
    for (const [host, { nextAttemptAt }] of this.#outages) {
      if (Date.now() - nextAttemptAt > MAX_RETRY_AFTER_MS) this.#outages.delete(host);
    }
  }

  async #pollHost(host: string, due: readonly Subject[]): Promise<void> {
    const waiting = [...due];
    while (waiting.length > 0) {
      const outage = this.#outages.get(host);
      if (outage !== undefined && outage.nextAttemptAt > Date.now()) {
        for (const subject of waiting)
          this.#schedule.postpone(
            this.#client.keyOf(subject),
            wholeSecond(outage.nextAttemptAt),
            this.#planOf(subject),
          );
        return;
      }
      // Of a failing host any one is tried: the same one could be the cause each time.
      const batch =
        outage === undefined
          ? waiting.splice(0, this.#client.concurrency)
          : waiting.splice(Math.floor(Math.random() * waiting.length), 1);
      await Promise.all([this.#pollBatch(host, batch), pause(BATCH_INTERVAL_MS, this.#context.signal)]);
    }
  }

  async #pollBatch(host: string, batch: readonly Subject[]): Promise<void> {
    let failure: CertmanError | undefined;
    let responded = false;
    try {
      for (const [index, result] of (await this.#client.poll(batch)).entries()) {
        const subject = batch[index] as Subject;
        const key = this.#client.keyOf(subject);
        if (result.kind === 'failed') failure ??= result.failure;
        if (result.kind === 'answered' || result.kind === 'responded') responded = true;
        const now = Date.now();
        const nextPollAt = wholeSecond(now + withJitter(Math.max(0, result.nextPollAt - now)));
        const plan = this.#planOf(subject);
        if (result.kind === 'answered') this.#schedule.answered(key, nextPollAt, plan);
        else this.#schedule.postpone(key, nextPollAt, plan);
      }
    } catch (error) {
      this.#context.signal.throwIfAborted();
      // Without Temporal, no result could be signalled.
      if (!(error instanceof CertmanError) || error.code === 'temporal/unreachable') throw error;
      failure = error;
    }
    if (failure !== undefined) this.#recordFailure(host, failure);
    else if (responded) {
      this.#outages.get(host)?.log.recovered();
      this.#outages.delete(host);
    }
  }

  #recordFailure(host: string, failure: CertmanError): void {
    const { failurePauseMs, outageMessages } = this.#client;
    const outage = this.#outages.get(host) ?? {
      log: outageLog(this.#context.logger, { host }, outageMessages),
      failures: 0,
      nextAttemptAt: 0,
    };
    this.#outages.set(host, outage);
    outage.failures += 1;
    const pauseMs = withJitter(pauseAfterFailure(backoffDelay(outage.failures, failurePauseMs), failure, Date.now()));
    outage.nextAttemptAt = Date.now() + pauseMs;
    outage.log.failed(failure, pauseMs);
  }
}

function pacedPolls(pace: Pace, perSecond: number, isHeld: () => boolean): PacedPolls {
  return { pace, perSecond, isHeld, polled: new Set(), heldMs: 0 };
}

/** Not before it: a CA may have said when. A plan is kept for each subject, and one for a whole second takes the least memory. */
function wholeSecond(at: number): number {
  return Math.ceil(at / 1000) * 1000;
}

/** Milliseconds to wait: the back-off, or a longer Retry-After of up to a day. @param now epoch milliseconds. */
export function pauseAfterFailure(backoffMs: number, { info }: CertmanError, now: number): number {
  const retryAfterMs = info.notBefore === undefined ? 0 : Date.parse(info.notBefore) - now;
  return Math.max(backoffMs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
}
