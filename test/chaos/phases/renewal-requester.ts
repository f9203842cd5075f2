import { renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import type { ChaosCluster, ChaosContext } from '../context.ts';

/** Requests renewals as `certman renew` does, and records the answers. */
export class RenewalRequester {
  readonly #context: Pick<ChaosContext, 'client'>;
  readonly #signal: AbortSignal;
  readonly #asked = new Map<string, number>();
  readonly #waiting = new Set<string>();
  readonly #rejections = new Map<string, number>();

  constructor(context: Pick<ChaosContext, 'client'>, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  /** Number of requests by name of the cluster. */
  get requested(): ReadonlyMap<string, number> {
    return this.#asked;
  }

  /** Names of the clusters whose request is not answered yet. */
  get pending(): ReadonlySet<string> {
    return this.#waiting;
  }

  /** @returns which requests are not answered yet; undefined when all are. */
  unanswered(): string | undefined {
    return this.#waiting.size === 0
      ? undefined
      : `requested renewals are not answered: ${[...this.#waiting].join(', ')}`;
  }

  /** Number of rejections by message. */
  get declined(): ReadonlyMap<string, number> {
    return this.#rejections;
  }

  /** Requests a renewal. Never throws: a rejection is recorded. */
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
      this.#rejections.set(answer, (this.#rejections.get(answer) ?? 0) + 1);
    } finally {
      this.#waiting.delete(name);
    }
  }
}

/** Removes the parts that differ between clusters, so that equal messages can be counted. */
function normalizeMessage(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replaceAll(/chaos-\d+/g, '…').replaceAll(/"[0-9a-f-]{36}"/g, '"…"');
}
