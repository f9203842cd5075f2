import { setTimeout as sleep } from 'node:timers/promises';
import { CertmanError, withOutcomeUnknown } from '../../failures/failure.ts';
import { BatchPace, MAX_ROUND_SIZE } from './batch-pace.ts';
import {
  applyRequests,
  assumeSets,
  isSameSet,
  namesOf,
  packRequests,
  planChanges,
  type SubmittedChange,
  type TxtChange,
  type TxtRecordSet,
  type TxtRecordSets,
  type TxtRequest,
  unverifiedNames,
} from './change-batch.ts';
import { ChangeRefusedError } from './change-refused.ts';
import { type Precedence, queued } from './rate-limiter.ts';
import { RoundLimits } from './round-limits.ts';

/** What the batcher needs of a zone's API. */
export interface ZoneApi {
  /** @param onRequest called for each request that it takes: a zone is listed in pages. */
  readTxtSets(
    names: Iterable<string>,
    precedence: Precedence,
    onRequest: () => void,
  ): Promise<ReadonlyMap<string, TxtRecordSet>>;
  /** @throws ChangeRefusedError when the batch is not acceptable as a whole. */
  change(changes: readonly TxtChange[], precedence: Precedence): Promise<SubmittedChange>;
}

/** Delays of a batcher. */
export interface ZoneBatcherOptions {
  /** From one change to the next at most, see {@link BatchPace}. */
  readonly windowMs: number;
  readonly retryDelaysMs?: readonly number[];
}

/** The change that a request was sent with; absent when nothing had to change. */
export interface BatchOutcome {
  readonly change?: SubmittedChange;
}

/** Waits for a request, or for all parts of one that had to be split. */
interface Caller {
  readonly answer: PromiseWithResolvers<BatchOutcome>;
  /** The last one. */
  change?: SubmittedChange;
  /** The first one. */
  error?: unknown;
  /** A change was sent and not answered: the service may have made it. */
  outcomeUnknown?: boolean;
}

interface QueuedRequest extends TxtRequest {
  readonly caller: Caller;
}

/** Requests of one batch, or of a whole round. */
type Group = readonly QueuedRequest[];

/** How often a group was sent. */
interface Attempts {
  /** Including the one under way. */
  readonly count: number;
  /** Of a request alone: refusals in a row although the zone had what the change was planned on. */
  readonly unexplained: number;
}

const FIRST_ATTEMPT: Attempts = { count: 1, unexplained: 0 };

const RETRY_DELAYS_MS = [300, 800, 2_000, 4_000];
/** A service that asks for a longer wait is asked again after that, by another attempt of the activity. */
const MAX_WAIT_MS = 5_000;

/** Batches with one request that are sent while another program changes the same names. */
const MAX_ATTEMPTS = 7;
/** After one, another program may have changed the names and changed them back, which reads do not show. */
const MAX_UNEXPLAINED_REFUSALS = 2;
const CONFLICT_RETRY_MS = 5_000;

/**
 * How long after it was first sent a change is sent again by this worker. Temporal gives the order of a worker that is cut
 * off to another one after about as long, and a change that arrives after that one's withdrawal would stay in the zone.
 */
const MAX_RESEND_MS = 10_000;

/** How long a set is assumed to be as the last change left it: an order publishes and withdraws within minutes. */
const REMEMBERED_MS = 15 * 60_000;

/**
 * Collects all changes of a worker to one zone, with one set of credentials, into few batches. A round: collect (for how
 * long: {@link BatchPace}), plan on what the zone most likely has, send; one at a time, so that a worker never competes with
 * itself. Only names of which no change would verify the assumption are read first. A refused batch is planned again on
 * what the zone has now, then bisected until the refused request is alone: each caller gets its own answer.
 */
export class ZoneBatcher {
  readonly #api: ZoneApi;
  readonly #options: Required<ZoneBatcherOptions>;
  readonly #queue = new Set<QueuedRequest>();
  readonly #pace: BatchPace;
  /** Ends the wait for more requests, to look again. */
  #wake: () => void = () => undefined;
  #running = false;
  /** What the zone has at the names of the present round, read or assumed. */
  #known: TxtRecordSets = new Map();
  /** What changes have left. */
  readonly #remembered = new Map<string, { readonly set: TxtRecordSet; readonly at: number }>();
  /** Of the next request: a round that is begun goes on before others begin. */
  #precedence: Precedence | undefined;
  #lastChange: SubmittedChange | undefined;
  /** Of the present round. */
  #limits = new RoundLimits();

  constructor(api: ZoneApi, options: ZoneBatcherOptions) {
    this.#api = api;
    this.#options = { retryDelaysMs: RETRY_DELAYS_MS, ...options };
    this.#pace = new BatchPace(options.windowMs);
  }

  get idle(): boolean {
    return !this.#running;
  }

  /** @throws CertmanError with `outcomeUnknown` when the request, or a part of it, is or may be in the zone. */
  async submit(request: TxtRequest, signal: AbortSignal): Promise<BatchOutcome> {
    signal.throwIfAborted();
    if (request.records.length === 0) return {};
    const answer = Promise.withResolvers<BatchOutcome>();
    const entry: QueuedRequest = { ...request, caller: { answer } };
    this.#queue.add(entry);
    this.#pace.add(entry, performance.now());
    this.#wake();
    const dequeue = (): void => {
      // A request under way is finished first, so that a later withdrawal finds all of it.
      if (this.#dequeue(entry)) answer.reject(signal.reason);
    };
    signal.addEventListener('abort', dequeue, { once: true });
    if (!this.#running) void this.#run();
    const outcome = await answer.promise.finally(() => signal.removeEventListener('abort', dequeue));
    signal.throwIfAborted();
    return outcome;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.size > 0) {
      await this.#collect();
      const round = [...this.#queue].slice(0, MAX_ROUND_SIZE);
      for (const request of round) this.#dequeue(request);
      if (round.length === 0) continue;
      this.#pace.sending(performance.now());
      this.#precedence = undefined;
      this.#limits = new RoundLimits();
      await this.#runRound(round);
      for (const { caller } of round) settle(caller);
    }
    this.#running = false;
  }

  /** @returns once what is collected is due, which each further request may bring forward or delay. */
  async #collect(): Promise<void> {
    for (;;) {
      const now = performance.now();
      const wait = this.#pace.dueAt(now) - now;
      if (wait <= 0) return;
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      const timer = setTimeout(woken.resolve, Math.ceil(wait));
      await woken.promise;
      clearTimeout(timer);
    }
  }

  #dequeue(request: QueuedRequest): boolean {
    const isQueued = this.#queue.delete(request);
    if (isQueued) this.#pace.remove(request);
    return isQueued;
  }

  /** Never rejects: each failure goes to the callers that it concerns. */
  async #runRound(round: Group): Promise<void> {
    try {
      this.#known = assumeSets(this.#recall(), round);
      const unverified = unverifiedNames(this.#known, round);
      if (unverified.size > 0) await this.#read(unverified);
      await this.#sendEach(packRequests(this.#known, round));
    } catch (error) {
      if (!(error instanceof ChangeRefusedError) || round.length === 1) return failAll(round, error);
      if (this.#limits.countRefusal()) return failAll(round, postponed(namesOf(round)));
      for (const part of splitBySuspects(round, error)) await this.#runRound(part);
    }
  }

  /** Never rejects. Plans each group on the result of the one before. @returns whether all results are known. */
  async #sendEach(groups: readonly Group[], attempts = FIRST_ATTEMPT): Promise<boolean> {
    let allKnown = true;
    for (const group of groups) {
      if (attempts === FIRST_ATTEMPT && !this.#limits.beginBatch()) {
        // Of these names, what is remembered still holds.
        failAll(group, postponed(namesOf(group)));
        continue;
      }
      try {
        if (!allKnown) await this.#read(namesOf(group));
        const known = await this.#send(group, attempts);
        allKnown &&= known;
      } catch (error) {
        failAll(group, error);
        for (const name of namesOf(group)) this.#remembered.delete(name);
        // Nothing of a refused batch is applied. After any other failure the service may have applied all of it.
        if (!(error instanceof ChangeRefusedError)) allKnown = false;
      }
    }
    return allKnown;
  }

  async #send(group: Group, attempts: Attempts): Promise<boolean> {
    if (this.#limits.isSpent) throw postponed(namesOf(group));
    const changes = planChanges(this.#known, group);
    const change = () => {
      this.#limits.countRequest();
      return this.#api.change(changes, this.#turn('change'));
    };
    const markUnknown = (): void => {
      for (const { caller } of group) caller.outcomeUnknown = true;
    };
    try {
      // Without changes, what the zone has may have come with the last change, which need not be live yet.
      if (changes.length > 0) this.#lastChange = await this.#withRetries(change, markUnknown, MAX_RESEND_MS);
    } catch (error) {
      if (error instanceof ChangeRefusedError) return this.#sendRefused(group, attempts, error);
      throw error;
    }
    for (const { caller } of group) caller.change = this.#lastChange;
    this.#known = applyRequests(this.#known, group);
    this.#remember(group);
    return true;
  }

  async #sendRefused(group: Group, attempts: Attempts, refusal: ChangeRefusedError): Promise<boolean> {
    const alone = group.length === 1;
    const isLast = this.#limits.countRefusal();
    if (isLast && !alone) throw postponed(namesOf(group));
    const split = () => this.#sendEach(splitBySuspects(group, refusal), { count: 2, unexplained: 0 });
    if (!alone && attempts.count > 1) return split();
    const before = this.#known;
    await this.#read(namesOf(group));
    // A zone that has changed explains a refusal. Else the service objects to the records themselves.
    const changed = [...namesOf(group)].some((name) => !isSameSet(before.get(name), this.#known.get(name)));
    // It says nothing of each request: the others are refused for the one.
    if (!alone && !changed) return split();
    const unexplained = changed ? 0 : attempts.unexplained + 1;
    if (unexplained >= MAX_UNEXPLAINED_REFUSALS) throw refusal;
    if (isLast) throw postponed(namesOf(group));
    if (attempts.count === MAX_ATTEMPTS) throw conflict(group);
    // Packed again: what was read may have more values than was assumed.
    return this.#sendEach(packRequests(this.#known, group), { count: attempts.count + 1, unexplained });
  }

  async #read(names: ReadonlySet<string>): Promise<void> {
    if (this.#limits.isSpent) throw postponed(names);
    const onRequest = (): void => this.#limits.countRequest();
    const found = await this.#withRetries(() => this.#api.readTxtSets(names, this.#turn('read'), onRequest));
    this.#known = new Map([...[...this.#known].filter(([name]) => !names.has(name)), ...found]);
  }

  #turn(first: Precedence): Precedence {
    this.#limits.countCall();
    const precedence = this.#precedence ?? first;
    this.#precedence = 'next';
    return precedence;
  }

  #recall(): TxtRecordSets {
    const oldest = performance.now() - REMEMBERED_MS;
    for (const [name, { at }] of this.#remembered) if (at < oldest) this.#remembered.delete(name);
    return new Map([...this.#remembered].map(([name, { set }]) => [name, set]));
  }

  #remember(group: Group): void {
    const at = performance.now();
    for (const name of namesOf(group)) {
      const set = this.#known.get(name);
      if (set === undefined) this.#remembered.delete(name);
      else this.#remembered.set(name, { set, at });
    }
  }

  /**
   * Retries throttling, a change that is still under way, and lost connections, each of which `onLost` notes.
   * @param maxLostMs after which a lost connection is not retried any more.
   */
  async #withRetries<T>(call: () => Promise<T>, onLost?: () => void, maxLostMs = Number.POSITIVE_INFINITY): Promise<T> {
    const begun = performance.now();
    const isTooLate = () => performance.now() - begun > maxLostMs;
    for (let retries = 0; ; retries++) {
      try {
        return await call();
      } catch (error) {
        const code = error instanceof CertmanError ? error.code : undefined;
        if (code === 'dns/unreachable') onLost?.();
        const delay = this.#limits.isSpent ? undefined : this.#options.retryDelaysMs[retries];
        if (delay === undefined || (code !== 'dns/throttled' && code !== 'dns/unreachable')) throw error;
        if (error instanceof CertmanError && waitOf(error) > MAX_WAIT_MS) throw error;
        await sleep(delay * (0.75 + Math.random() / 2));
        // A process that was stopped goes on here, too.
        if (code === 'dns/unreachable' && isTooLate()) throw error;
      }
    }
  }
}

function waitOf({ info: { notBefore } }: CertmanError): number {
  return notBefore === undefined ? 0 : Date.parse(notBefore) - Date.now();
}

function failAll(group: Group, error: unknown): void {
  for (const { caller } of group) caller.error ??= error;
}

function settle({ answer, change, error, outcomeUnknown }: Caller): void {
  if (error === undefined) return answer.resolve({ change });
  const mayBeDone = change !== undefined || outcomeUnknown === true;
  answer.reject(mayBeDone && error instanceof CertmanError ? withOutcomeUnknown(error) : error);
}

function conflict(group: Group): CertmanError {
  return new CertmanError({
    code: 'dns/throttled',
    message: `Another program keeps changing ${[...namesOf(group)].join(', ').slice(0, 300)}.`,
    remedy: 'It is retried in some seconds.',
    notBefore: new Date(Date.now() + CONFLICT_RETRY_MS),
  });
}

/** Nothing of these names is in the zone; the requests that were refused alone are not in the next round. */
function postponed(names: ReadonlySet<string>): CertmanError {
  return queued(
    `The records of others in this zone took as many requests as certman sends in a row; these wait: ${[...names].join(', ').slice(0, 300)}.`,
    CONFLICT_RETRY_MS,
  );
}

/** Splits off the requests that the refusal names; in halves when it names none or all. */
function splitBySuspects(group: Group, refusal: ChangeRefusedError): readonly Group[] {
  const details = refusal.details.toLowerCase();
  const suspects = group.filter(({ records }) => records.some(({ name }) => details.includes(name)));
  const others = group.filter((request) => !suspects.includes(request));
  if (suspects.length > 0 && others.length > 0) return [others, suspects];
  const half = Math.ceil(group.length / 2);
  return [group.slice(0, half), group.slice(half)];
}
