import { conditionReason } from '../certificates/status-messages.ts';
import { type FailureCode, isFailure } from '../failures/failure.ts';
import { backoffDelay, pause } from '../kubernetes/api/backoff.ts';
import { KeyedRateLimiter } from '../rate-limit/gcra.ts';
import { STUCK_CLUSTER_ROUNDS } from '../rate-limit/limits.ts';
import type { ControllerContext } from './controller-context.ts';

/** Visibility is about a second behind: a second pass finds the clusters that began to wait before the change. */
const SECOND_PASS_DELAY_MS = 5_000;
const LIST_RETRY_MS = { first: 2_000, max: 30_000 };

/** What a certificate depends on beside its own objects, with the failures that a change to it can end. */
const DEPENDENCIES = {
  Secrets: [
    'acme/accountMissing',
    'acme/accountInvalid',
    'acme/accountUnknown',
    'acme/caChanged',
    'acme/unauthorized',
    'dns/credentialsMissing',
    'dns/credentialsMalformed',
    'dns/accessDenied',
  ],
  settings: ['configuration/invalid'],
  issuers: ['certificate/waitsForCanary', 'certificate/issuerRefused'],
  DNSZones: ['dns/zoneNotFound', 'dns/zoneAmbiguous', 'dns/notDelegated'],
} as const satisfies Readonly<Record<string, readonly FailureCode[]>>;

/** Signals to the clusters that wait or fail. */
export interface StuckClusterSignals {
  /** Of a change that may affect all of them, at a limited rate. Changes that arrive while a round waits share it. */
  readonly signalAll: (what: string) => Promise<void>;
  /** Once, after a list without a position, which does not show what changed before it. */
  readonly signalWaitingFor: (dependency: keyof typeof DEPENDENCIES) => Promise<void>;
}

/** For a change to what many clusters depend on. */
export function stuckClusterSignals(context: ControllerContext): StuckClusterSignals {
  const { signal, logger } = context;
  let latestRound = Promise.resolve();
  /** Waits for the running round. */
  let nextRound: Promise<void> | undefined;
  /** Aborted to end the running round without its second pass. */
  let superseded = new AbortController();
  const rounds = new KeyedRateLimiter(STUCK_CLUSTER_ROUNDS);
  const useRound = (): number => rounds.tryAcquire('', performance.now());

  const runRound = async (what: string, previous: Promise<void>): Promise<void> => {
    await previous;
    for (let waitMs = useRound(); waitMs > 0; waitMs = useRound()) await pause(waitMs, signal);
    nextRound = undefined;
    superseded = new AbortController();
    const aborted = AbortSignal.any([signal, superseded.signal]);
    logger.info({ what }, 'Signalling the clusters that wait or fail');
    await runPasses(context, what, aborted);
  };

  return {
    signalAll: async (what) => {
      if (nextRound === undefined) {
        superseded.abort();
        nextRound = runRound(what, latestRound);
        latestRound = nextRound;
      }
      await nextRound;
    },
    signalWaitingFor: async (dependency) => {
      const what = `The ${dependency} may have changed while they were not watched.`;
      await runPasses(context, what, signal, DEPENDENCIES[dependency].map(conditionReason));
    },
  };
}

/** @param aborted ends it without the second pass. @param reasons of their failure; default: any. */
async function runPasses(
  context: ControllerContext,
  what: string,
  aborted: AbortSignal,
  reasons?: readonly string[],
): Promise<void> {
  // Not signalled again in the second pass: each signal to a failing cluster makes one more attempt.
  const signalled = new Set<string>();
  const runPass = async (): Promise<void> => {
    const missed = (await listStuck(context, reasons)).filter(({ uid }) => !signalled.has(uid));
    for (const { uid } of missed) signalled.add(uid);
    await Promise.all(missed.map((cluster) => context.signaller.reevaluate(cluster, what)));
  };
  await runPass();
  await pause(SECOND_PASS_DELAY_MS, aborted).catch(() => undefined);
  if (!aborted.aborted) await runPass();
}

/** Until visibility answers: the change would otherwise be lost to those that wait for it. */
async function listStuck({ workflows, logger, signal }: ControllerContext, reasons?: readonly string[]) {
  for (let failures = 1; ; failures += 1) {
    try {
      return await workflows.listWaitingOrFailing(reasons);
    } catch (error) {
      if (!isFailure(error, 'temporal/visibilityUnavailable')) throw error;
      const retryInMs = Math.round(backoffDelay(failures, LIST_RETRY_MS));
      logger.warn({ problem: error.message, retryInMs }, 'The clusters that wait or fail cannot be listed');
      await pause(retryInMs, signal);
    }
  }
}
