import { renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import type { ChaosCluster, ChaosContext } from '../context.ts';

/** A person who asks for renewals now, as `certman renew` does, and notes what they are told. */
export class RenewalRequester {
  readonly #context: Pick<ChaosContext, 'client'>;
  readonly #signal: AbortSignal;
  readonly #asked = new Map<string, number>();
  readonly #waiting = new Set<string>();
  readonly #told = new Map<string, number>();

  constructor(context: Pick<ChaosContext, 'client'>, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  /** How often, by the cluster's name. */
  get requested(): ReadonlyMap<string, number> {
    return this.#asked;
  }

  /** Names of the clusters for which there is no answer yet. */
  get pending(): ReadonlySet<string> {
    return this.#waiting;
  }

  /** For whom there is no answer yet, in words; undefined when all were answered. */
  unanswered(): string | undefined {
    return this.#waiting.size === 0
      ? undefined
      : `renewals asked for are not answered: ${[...this.#waiting].join(', ')}`;
  }

  /** What the answer was instead of a new certificate, and how often. */
  get declined(): ReadonlyMap<string, number> {
    return this.#told;
  }

  /** Never rejects: who is told why not asks again another time. */
  async requestRenewal({ name, identity }: ChaosCluster): Promise<void> {
    this.#waiting.add(name);
    this.#asked.set(name, (this.#asked.get(name) ?? 0) + 1);
    const { client } = this.#context;
    try {
      await client.withAbortSignal(this.#signal, () =>
        client.workflow.getHandle(clusterWorkflowId(identity)).executeUpdate(renew, { args: [{}] }),
      );
    } catch (error) {
      const answer = normalizeMessage(error);
      this.#told.set(answer, (this.#told.get(answer) ?? 0) + 1);
    } finally {
      this.#waiting.delete(name);
    }
  }
}

/** Without what differs from cluster to cluster, so that it can be counted. */
function normalizeMessage(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replaceAll(/chaos-\d+/g, '…').replaceAll(/"[0-9a-f-]{36}"/g, '"…"');
}
