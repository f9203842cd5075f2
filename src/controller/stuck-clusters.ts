import { pause } from '../kubernetes/api/backoff.ts';
import type { ControllerContext } from './controller-context.ts';

/** Visibility is about a second behind: a second pass finds the clusters that began to wait before the change. */
const SECOND_PASS_DELAY_MS = 5_000;

/** Signals `what` to the clusters that wait or fail. Changes that arrive while a round waits share it. */
export type SignalStuckClusters = (what: string) => Promise<void>;

/** For a change that may affect all clusters that wait or fail. */
export function stuckClusterSignaller({
  workflows,
  signaller,
  logger,
  signal,
}: ControllerContext): SignalStuckClusters {
  let latestRound = Promise.resolve();
  /** Waits for the running round. */
  let nextRound: Promise<void> | undefined;
  /** Aborted to end the running round without its second pass. */
  let superseded = new AbortController();

  const runRound = async (what: string, previous: Promise<void>): Promise<void> => {
    await previous;
    nextRound = undefined;
    superseded = new AbortController();
    const aborted = AbortSignal.any([signal, superseded.signal]);
    logger.info({ what }, 'Signalling the clusters that wait or fail');
    // Not signalled again in the second pass: each signal to a failing cluster counts one more failed attempt.
    const signalled = new Set<string>();
    const runPass = async (): Promise<void> => {
      const missed = (await workflows.listWaitingOrFailing()).filter(({ uid }) => !signalled.has(uid));
      for (const { uid } of missed) signalled.add(uid);
      await Promise.all(missed.map((cluster) => signaller.reevaluate(cluster, what)));
    };
    await runPass();
    await pause(SECOND_PASS_DELAY_MS, aborted).catch(() => undefined);
    if (!aborted.aborted) await runPass();
  };

  return async (what) => {
    if (nextRound === undefined) {
      superseded.abort();
      nextRound = runRound(what, latestRound);
      latestRound = nextRound;
    }
    await nextRound;
  };
}
