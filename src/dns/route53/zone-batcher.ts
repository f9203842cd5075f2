/**
 * Collects what all activities of a worker want done in one hosted zone into few changes.
 *
 * A round: wait for some more requests, read the sets concerned, plan, send; then the next round. One round at a time, so
 * that this worker never competes with itself. Every caller gets an answer of its own: a batch that Route 53 refuses is
 * tried again on what is there now, then cut until the request it minds is alone.
 */
import { CertmanError } from '../../failures/failure.ts';
import { sleep } from '../abortable.ts';
import { ChangeRefusedError } from './aws-error.ts';
import { type BatchOutcome, BatchOutcomes, type QueuedRequest } from './batch-outcomes.ts';
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

/** What the batcher needs of a zone's API. */
export interface ZoneApi {
  readTxtSets(names: Iterable<string>): Promise<ReadonlyMap<string, TxtRecordSet>>;
  /** @throws ChangeRefusedError when the batch is not acceptable as a whole. */
  change(changes: readonly TxtChange[]): Promise<SubmittedChange>;
}

export interface ZoneBatcherOptions {
  /** How long requests are collected, from the first one on. */
  readonly windowMs: number;
  /** Waits between attempts at a request that met a passing fault; when they are used up the callers are told. */
  readonly retryDelaysMs?: readonly number[];
}

const RETRY_DELAYS_MS = [300, 800, 2_000, 4_000];

/** Requests of one round, so that a round reads and plans a bounded number of names. */
const MAX_ROUND_SIZE = 400;

/** How often one lone request may find the zone changed between reading and writing. */
const MAX_CONFLICT_RETRIES = 5;

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

  /**
   * @throws CertmanError with `sent` when it, or a part of it, is in the zone or may be.
   * @param signal a request that is aborted while it still waits for its batch leaves it; one whose batch is under way is
   *   carried to its end first, so that whoever withdraws it afterwards finds what there is.
   */
  async submit(request: TxtRequest, signal: AbortSignal): Promise<BatchOutcome> {
    signal.throwIfAborted();
    if (request.records.length === 0) return {};
    let queued: QueuedRequest | undefined;
    const answer = new Promise<BatchOutcome>((resolve, reject) => {
      queued = { ...request, caller: { resolve, reject } };
      this.#queue.push(queued);
    });
    const leave = (): void => {
      const at = queued === undefined ? -1 : this.#queue.indexOf(queued);
      if (at !== -1) this.#queue.splice(at, 1)[0]?.caller.reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    if (!this.#running) {
      this.#running = true;
      void this.#run();
    }
    try {
      const outcome = await answer;
      signal.throwIfAborted();
      return outcome;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      await sleep(this.#windowMs);
      const round = this.#queue.splice(0, MAX_ROUND_SIZE);
      if (round.length > 0) await this.#carryOut(round);
    }
    this.#running = false;
  }

  /** One round. Never rejects: every failure goes to the callers it concerns. */
  async #carryOut(round: readonly QueuedRequest[]): Promise<void> {
    const outcomes = new BatchOutcomes(round);
    await this.#process(round, outcomes);
    outcomes.settle();
  }

  async #process(round: readonly QueuedRequest[], outcomes: BatchOutcomes): Promise<void> {
    let known: TxtRecordSets;
    try {
      known = await this.#read(round);
    } catch (error) {
      if (!(error instanceof ChangeRefusedError) || round.length === 1) return outcomes.fail(round, error);
      for (const part of splitBySuspects(round, error)) await this.#process(part, outcomes);
      return;
    }
    for (const group of packRequests(known, round)) {
      await this.#send(group, known, outcomes);
      known = applyRequests(known, group);
    }
  }

  async #send(group: readonly QueuedRequest[], known: TxtRecordSets, outcomes: BatchOutcomes): Promise<void> {
    try {
      const refusal = await this.#attempt(group, known, 'compare', outcomes);
      if (refusal === undefined) return;
      let fresh = await this.#read(group);
      const mode = modeAfterRefusal(group, known, fresh);
      // Packed again: overwriting counts for more.
      for (const part of packRequests(fresh, group, mode)) {
        const second = await this.#attempt(part, fresh, mode, outcomes);
        if (second !== undefined) await this.#isolate(part, fresh, second, outcomes);
        fresh = applyRequests(fresh, part);
      }
    } catch (error) {
      outcomes.fail(group, error);
    }
  }

  /** @returns why the batch was refused; undefined when it is done. */
  async #attempt(
    group: readonly QueuedRequest[],
    known: TxtRecordSets,
    mode: ChangeMode,
    outcomes: BatchOutcomes,
  ): Promise<ChangeRefusedError | undefined> {
    const changes = planChanges(known, group, mode);
    if (changes.length === 0) {
      // What is there already may have come with a change that is not served everywhere yet.
      outcomes.succeed(group, this.#lastChange === undefined ? {} : { change: this.#lastChange });
      return undefined;
    }
    try {
      this.#lastChange = await this.#patiently(() => this.#change(group, changes, outcomes));
      outcomes.succeed(group, { change: this.#lastChange });
      return undefined;
    } catch (error) {
      if (error instanceof ChangeRefusedError) return error;
      throw error;
    }
  }

  /** A change without an answer may have been carried out, and what fails after it says nothing of that. */
  async #change(
    group: readonly QueuedRequest[],
    changes: readonly TxtChange[],
    outcomes: BatchOutcomes,
  ): Promise<SubmittedChange> {
    try {
      return await this.#api.change(changes);
    } catch (error) {
      if (error instanceof CertmanError && error.code === 'dns/unreachable') outcomes.markOutcomeUnknown(group);
      throw error;
    }
  }

  /** Cuts a refused group until what is refused is one request. */
  async #isolate(
    group: readonly QueuedRequest[],
    found: TxtRecordSets,
    refusal: ChangeRefusedError,
    outcomes: BatchOutcomes,
  ): Promise<void> {
    if (group.length === 1) return this.#insist(group, outcomes);
    let known = found;
    for (const part of splitBySuspects(group, refusal)) {
      try {
        const again = await this.#attempt(part, known, 'compare', outcomes);
        if (again === undefined) known = applyRequests(known, part);
        else await this.#isolate(part, known, again, outcomes);
      } catch (error) {
        outcomes.fail(part, error);
      }
    }
  }

  /** A lone request: as long as somebody else keeps changing the names it is only late, else it is refused for good. */
  async #insist(lone: readonly QueuedRequest[], outcomes: BatchOutcomes): Promise<void> {
    let known: TxtRecordSets = await this.#read(lone);
    let mode: ChangeMode = 'compare';
    for (let race = 0; race < MAX_CONFLICT_RETRIES; race++) {
      const refusal = await this.#attempt(lone, known, mode, outcomes);
      if (refusal === undefined) return;
      const fresh = await this.#read(lone);
      const next = modeAfterRefusal(lone, known, fresh);
      if (next === 'overwrite' && mode === 'overwrite') {
        outcomes.fail(lone, refusal);
        return;
      }
      mode = next;
      known = fresh;
    }
    outcomes.fail(
      lone,
      new CertmanError({
        code: 'dns/throttled',
        message: `Somebody else keeps changing ${[...namesOf(lone)].join(', ').slice(0, 300)}.`,
        remedy: 'It is tried again in some seconds.',
        notBefore: new Date(Date.now() + 5_000),
      }),
    );
  }

  #read(group: readonly TxtRequest[]): Promise<TxtRecordSets> {
    return this.#patiently(() => this.#api.readTxtSets(namesOf(group)));
  }

  /** Passing faults (throttling, a change of somebody else still under way, a lost connection) cost a short wait. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (const delay of this.#retryDelaysMs) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof CertmanError)) throw error;
        if (error.code !== 'dns/throttled' && error.code !== 'dns/unreachable') throw error;
        await sleep(delay * (0.75 + Math.random() / 2));
      }
    }
    return work();
  }
}

/**
 * After a refusal: when the zone has changed meanwhile, that explains it, and comparing again is right. When it has not,
 * the API contradicts its own list (an emulator that remembers withdrawn records does), or minds something else, which
 * the overwriting form shows.
 */
function modeAfterRefusal(group: readonly TxtRequest[], before: TxtRecordSets, now: TxtRecordSets): ChangeMode {
  return [...namesOf(group)].every((name) => hasSameValues(before.get(name), now.get(name))) ? 'overwrite' : 'compare';
}

/** Those that the refusal names apart from the others; halves, when it names none or all. */
function splitBySuspects(
  group: readonly QueuedRequest[],
  refusal: ChangeRefusedError,
): readonly (readonly QueuedRequest[])[] {
  const said = refusal.details.toLowerCase();
  const suspect = (request: QueuedRequest): boolean => request.records.some((record) => said.includes(record.name));
  const suspects = group.filter(suspect);
  if (suspects.length > 0 && suspects.length < group.length) {
    return [group.filter((request) => !suspects.includes(request)), suspects];
  }
  const half = Math.ceil(group.length / 2);
  return [group.slice(0, half), group.slice(half)];
}
