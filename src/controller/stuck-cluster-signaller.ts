import { pause } from '../kubernetes/api/backoff.ts';
import type { ControllerContext } from './controller-context.ts';

/** Visibility is about a second behind: a second pass finds the clusters that began to wait before the change. */
const SECOND_PASS_DELAY_MS = 5_000;

/** Signals the clusters that wait or fail when something changed that may affect all of them. */
export class StuckClusterSignaller {
  readonly #context: ControllerContext;
  #latestRound: Promise<void> = Promise.resolve();
  /** Waits for the running round. */
  #nextRound: Promise<void> | undefined;
  /** Aborted to end the running round without its second pass. */
  #superseded = new AbortController();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** Changes that arrive while a round waits share it. */
  async signal(what: string): Promise<void> {
    if (this.#nextRound === undefined) {
      this.#superseded.abort();
      this.#nextRound = this.#runRound(what, this.#latestRound);
      this.#latestRound = this.#nextRound;
    }
    await this.#nextRound;
  }

  async #runRound(what: string, previous: Promise<void>): Promise<void> {
    const { logger, signal } = this.#context;
    await previous;
    this.#nextRound = undefined;
    this.#superseded = new AbortController();
    const aborted = AbortSignal.any([signal, this.#superseded.signal]);
    logger.info({ what }, 'Signalling the clusters that wait or fail');
    const signalled = new Set<string>();
    await this.#runPass(what, signalled);
    await pause(SECOND_PASS_DELAY_MS, aborted).catch(() => undefined);
    if (!aborted.aborted) await this.#runPass(what, signalled);
  }

  /** @param signalled uids to skip: each signal to a failing cluster counts one more failed attempt. */
  async #runPass(what: string, signalled: Set<string>): Promise<void> {
    const stuck = await this.#context.workflows.listWaitingOrFailing();
    const missed = stuck.filter(({ uid }) => !signalled.has(uid));
    for (const { uid } of missed) signalled.add(uid);
    await Promise.all(missed.map((cluster) => this.#context.signaller.reevaluate(cluster, what)));
  }
}
