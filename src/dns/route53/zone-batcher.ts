import { CertmanError, type FailureCode } from '../../failures/failure.ts';
import { sleep } from '../abortable.ts';
import { ChangeRefusedError } from './aws-error.ts';
import {
  applyRequests,
  type ChangeMode,
  hasSameValues,
  namesOf,
  packRequests,
  planChanges,
  type SubmittedChange,
  type TxtChange,
  type TxtRecordSet,
  type TxtRecordSets,
  type TxtRequest,
} from './change-batch.ts';
import { type BatchOutcome, Caller, type QueuedRequest } from './queued-request.ts';

/** What the batcher needs of a zone's API. */
export interface ZoneApi {
  readTxtSets(names: Iterable<string>): Promise<ReadonlyMap<string, TxtRecordSet>>;
  /** @throws ChangeRefusedError when the batch is not acceptable as a whole. */
  change(changes: readonly TxtChange[]): Promise<SubmittedChange>;
}

/** Delays of a batcher. */
export interface ZoneBatcherOptions {
  /** From the first request on. */
  readonly windowMs: number;
  readonly retryDelaysMs?: readonly number[];
}

const RETRY_DELAYS_MS = [300, 800, 2_000, 4_000];

/** Requests of one round, so that it reads and plans a bounded number of names. */
const MAX_ROUND_SIZE = 400;

/** Batches with one request that are sent while another program changes the same names. */
const MAX_ATTEMPTS = 7;
const CONFLICT_RETRY_MS = 5_000;

/**
 * Collects all changes of a worker to one zone, with one set of credentials, into few batches. A round: collect, read
 * the record sets concerned, plan, send; one at a time, so that a worker never competes with itself. A refused batch is
 * planned again on what the zone has now, then bisected until the refused request is alone: each caller gets its own
 * answer.
 */
export class ZoneBatcher {
  readonly #api: ZoneApi;
  readonly #windowMs: number;
  readonly #retryDelaysMs: readonly number[];
  #queue: QueuedRequest[] = [];
  #running = false;
  #lastChange: SubmittedChange | undefined;

  constructor(api: ZoneApi, options: ZoneBatcherOptions) {
    this.#api = api;
    this.#windowMs = options.windowMs;
    this.#retryDelaysMs = options.retryDelaysMs ?? RETRY_DELAYS_MS;
  }

  get idle(): boolean {
    return !this.#running;
  }

  /** @throws CertmanError with `outcomeUnknown` when the request, or a part of it, is or may be in the zone. */
  async submit(request: TxtRequest, signal: AbortSignal): Promise<BatchOutcome> {
    signal.throwIfAborted();
    if (request.records.length === 0) return {};
    const caller = new Caller();
    const queued: QueuedRequest = { ...request, caller };
    this.#queue.push(queued);
    const dequeue = (): void => {
      const at = this.#queue.indexOf(queued);
      // Under way: finished first, so that a later withdrawal finds all of it.
      if (at === -1) return;
      this.#queue.splice(at, 1);
      caller.fail(signal.reason);
      caller.settle();
    };
    signal.addEventListener('abort', dequeue, { once: true });
    if (!this.#running) void this.#run();
    try {
      const outcome = await caller.answer;
      signal.throwIfAborted();
      return outcome;
    } finally {
      signal.removeEventListener('abort', dequeue);
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      await sleep(this.#windowMs);
      const round = this.#queue.splice(0, MAX_ROUND_SIZE);
      if (round.length > 0) await this.#runRound(round);
      for (const { caller } of round) caller.settle();
    }
    this.#running = false;
  }

  /** Never rejects: each failure goes to the callers that it concerns. */
  async #runRound(round: readonly QueuedRequest[]): Promise<void> {
    try {
      const known = await this.#read(round);
      await this.#sendEach(packRequests(known, round), known);
    } catch (error) {
      if (!(error instanceof ChangeRefusedError) || round.length === 1) return failAll(round, error);
      for (const part of splitBySuspects(round, error)) await this.#runRound(part);
    }
  }

  /** Never rejects. Plans each group on the result of the one before. @returns the sets; undefined: read them again. */
  async #sendEach(
    groups: readonly (readonly QueuedRequest[])[],
    known: TxtRecordSets,
    mode: ChangeMode = 'compare',
    attempt = 1,
  ): Promise<TxtRecordSets | undefined> {
    let current: TxtRecordSets | undefined = known;
    for (const group of groups) {
      try {
        const before: TxtRecordSets = current ?? (await this.#read(group));
        const after = await this.#send(group, before, mode, attempt);
        current = current && after;
      } catch (error) {
        failAll(group, error);
        // Route 53 applies nothing of a refused batch. After any other failure it may have applied all of it.
        if (!(error instanceof ChangeRefusedError)) current = undefined;
      }
    }
    return current;
  }

  async #send(
    group: readonly QueuedRequest[],
    known: TxtRecordSets,
    mode: ChangeMode,
    attempt: number,
  ): Promise<TxtRecordSets | undefined> {
    const refusal = await this.#trySend(group, known, mode);
    if (refusal === undefined) return applyRequests(known, group);
    const alone = group.length === 1;
    if (!alone && attempt > 1) return this.#sendEach(splitBySuspects(group, refusal), known, 'compare', attempt);
    const now = await this.#read(group);
    const next = modeAfterRefusal(group, known, now);
    if (alone && mode === 'overwrite' && next === 'overwrite') throw refusal;
    if (attempt === MAX_ATTEMPTS) throw conflict(group);
    // Packed again: overwriting counts for more.
    const after = await this.#sendEach(packRequests(now, group, next), now, next, attempt + 1);
    return after && replaceSets(known, namesOf(group), after);
  }

  /** @returns why the batch was refused; undefined when it was accepted or had nothing to change. */
  async #trySend(
    group: readonly QueuedRequest[],
    known: TxtRecordSets,
    mode: ChangeMode,
  ): Promise<ChangeRefusedError | undefined> {
    const changes = planChanges(known, group, mode);
    try {
      // Without changes, what the zone has may have come with the last change, which need not be live yet.
      if (changes.length > 0) this.#lastChange = await this.#withRetries(() => this.#change(group, changes));
    } catch (error) {
      if (error instanceof ChangeRefusedError) return error;
      throw error;
    }
    for (const { caller } of group) caller.succeed(this.#lastChange);
    return undefined;
  }

  async #change(group: readonly QueuedRequest[], changes: readonly TxtChange[]): Promise<SubmittedChange> {
    try {
      return await this.#api.change(changes);
    } catch (error) {
      if (isFailure(error, 'dns/unreachable')) for (const { caller } of group) caller.markOutcomeUnknown();
      throw error;
    }
  }

  #read(group: readonly TxtRequest[]): Promise<TxtRecordSets> {
    return this.#withRetries(() => this.#api.readTxtSets(namesOf(group)));
  }

  /** Retries throttling, a change that is still under way, and lost connections. */
  async #withRetries<T>(call: () => Promise<T>): Promise<T> {
    for (const delay of this.#retryDelaysMs) {
      try {
        return await call();
      } catch (error) {
        if (!isFailure(error, 'dns/throttled') && !isFailure(error, 'dns/unreachable')) throw error;
        await sleep(delay * (0.75 + Math.random() / 2));
      }
    }
    return call();
  }
}

function isFailure(error: unknown, code: FailureCode): boolean {
  return error instanceof CertmanError && error.code === code;
}

function failAll(group: readonly QueuedRequest[], error: unknown): void {
  for (const { caller } of group) caller.fail(error);
}

function replaceSets(known: TxtRecordSets, names: ReadonlySet<string>, current: TxtRecordSets): TxtRecordSets {
  return new Map([...[...known].filter(([name]) => !names.has(name)), ...current]);
}

function conflict(group: readonly TxtRequest[]): CertmanError {
  return new CertmanError({
    code: 'dns/throttled',
    message: `Another program keeps changing ${[...namesOf(group)].join(', ').slice(0, 300)}.`,
    remedy: 'It is retried in some seconds.',
    notBefore: new Date(Date.now() + CONFLICT_RETRY_MS),
  });
}

/**
 * A zone that has changed explains a refusal. Else the API contradicts its own list (an emulator that remembers
 * withdrawn records does), or objects to something else, which overwriting shows.
 */
function modeAfterRefusal(group: readonly TxtRequest[], before: TxtRecordSets, now: TxtRecordSets): ChangeMode {
  return [...namesOf(group)].every((name) => hasSameValues(before.get(name), now.get(name))) ? 'overwrite' : 'compare';
}

/** Splits off the requests that the refusal names; in halves when it names none or all. */
function splitBySuspects(
  group: readonly QueuedRequest[],
  refusal: ChangeRefusedError,
): readonly (readonly QueuedRequest[])[] {
  const details = refusal.details.toLowerCase();
  const isSuspect = ({ records }: QueuedRequest): boolean => records.some(({ name }) => details.includes(name));
  const suspects = group.filter(isSuspect);
  if (suspects.length > 0 && suspects.length < group.length) {
    return [group.filter((request) => !isSuspect(request)), suspects];
  }
  const half = Math.ceil(group.length / 2);
  return [group.slice(0, half), group.slice(half)];
}
