import type { KubernetesClient } from '../../kubernetes/api/client.ts';
import { TimeLimit } from '../../network/time-limit.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withSlowNote } from '../slow-note.ts';

/** Milliseconds. */
interface ApiServerLimits {
  /** As for Temporal. */
  readonly slowMs: number;
  /** Once it has not answered in that time: a command that watches asks again and again, and its report is complete without. */
  readonly againMs: number;
}

const LIMITS: ApiServerLimits = { slowMs: 20_000, againMs: 3_000 };

let wasTooSlow = false;

/**
 * What the API server adds to a report of Temporal, at the same time as Temporal answers.
 * @returns undefined where it does not answer in time or refuses, or there is no kubeconfig.
 */
export async function askApiServer<Result>(
  read: (kubernetes: KubernetesClient, signal: AbortSignal) => Promise<Result>,
  connection: KubeConnection,
  { slowMs, againMs } = LIMITS,
): Promise<Result | undefined> {
  const limit = new TimeLimit(wasTooSlow ? againMs : slowMs);
  try {
    const { withKubernetes } = await import('../kubernetes-client.ts');
    return await withSlowNote(
      `The API server does not respond yet; waiting up to ${slowMs / 1_000} seconds.`,
      async () => await withKubernetes((kubernetes) => read(kubernetes, limit.signal), connection),
    );
  } catch {
    wasTooSlow ||= limit.signal.aborted;
    return undefined;
  } finally {
    limit.end();
  }
}
