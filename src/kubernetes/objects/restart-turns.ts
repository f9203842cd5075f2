/** Turns of renewals that restart a kube-apiserver: a ConfigMap in certman's namespace, which all workers share. */
import pLimit from 'p-limit';
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import { patchIfUnchanged } from '../api/patch-if-unchanged.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import { CONFIG_MAPS } from './resources.ts';

/** Name of the ConfigMap; deploy/base creates it, so that certman needs no right to create any. */
export const RESTARTS_CONFIG_MAP = 'certman-restarts';

const TURNS_ENTRY = 'turns';

/** Of workers at the same moment: a worker asks for one turn at a time. */
const MAX_ATTEMPTS = 20;
/** The most that a setting allows at once. */
const MAX_TURNS = 1_000;

/** How many kube-apiservers may restart at once. */
export interface RestartLimit {
  readonly atOnce: number;
  /** For how long a renewal counts, from its turn (milliseconds). */
  readonly durationMs: number;
}

const dataSchema = z.record(z.string(), z.unknown()).catch({});
const turnsSchema = z.array(z.iso.datetime({ offset: true })).max(MAX_TURNS);

/** The earliest turn at which no more than `atOnce` of the turns are within `durationMs`. Epoch milliseconds, ascending. */
export function nextTurn(turns: readonly number[], { atOnce, durationMs }: RestartLimit, now: number): number {
  const before = turns[turns.length - atOnce];
  return before === undefined ? now : Math.max(now, before + durationMs);
}

/** Gives turns. */
export class RestartTurns {
  readonly limit: RestartLimit;
  readonly #oneAtATime = pLimit(1);
  readonly #namespace: string;
  readonly #onFailure: (failure: CertmanError) => void;

  /** @param namespace certman's. @param onFailure of {@link take}; the end of an activity is none. */
  constructor(namespace: string, limit: RestartLimit, onFailure: (failure: CertmanError) => void = () => undefined) {
    this.#namespace = namespace;
    this.limit = limit;
    this.#onFailure = onFailure;
  }

  /**
   * Takes the next turn, unless it is refused.
   * @param accept whether a turn (epoch milliseconds) is of use. Called again after a conflict.
   * @returns the next turn, taken or not. @throws CertmanError `configuration/invalid` without the ConfigMap; `kubernetes/…`.
   */
  async take(kubernetes: KubernetesApi, now: number, accept: (turn: number) => boolean): Promise<number> {
    try {
      return await this.#oneAtATime(() => this.#take(kubernetes, now, accept));
    } catch (error) {
      if (error instanceof CertmanError) this.#onFailure(error);
      throw error;
    }
  }

  async #take(kubernetes: KubernetesApi, now: number, accept: (turn: number) => boolean): Promise<number> {
    return await retryOnConflict(MAX_ATTEMPTS, async () => {
      const { turns = [], metadata } = await readTurns(kubernetes, this.#namespace);
      const turn = nextTurn(turns, this.limit, now);
      if (!accept(turn)) return turn;
      const kept = [...turns, turn].sort((one, other) => one - other).slice(-this.limit.atOnce);
      const data = { [TURNS_ENTRY]: JSON.stringify(kept.map((at) => new Date(at).toISOString())) };
      const written = await patchIfUnchanged(kubernetes, CONFIG_MAPS, metadata, { '/data': data });
      if (written === undefined) throw missing(this.#namespace);
      return turn;
    });
  }
}

/** The ConfigMap with the turns. */
export interface FoundTurns {
  /** Epoch milliseconds, ascending; undefined: the entry is not a list of instants. */
  readonly turns: readonly number[] | undefined;
  readonly metadata: KubernetesObject['metadata'];
}

/**
 * Reads the turns. What is not a list of instants counts as none: the worst is that too many renewals start once.
 * @param namespace certman's. @throws CertmanError `configuration/invalid` without the ConfigMap; `kubernetes/…`.
 */
export async function readTurns(kubernetes: KubernetesApi, namespace: string): Promise<FoundTurns> {
  const found = await kubernetes.get(CONFIG_MAPS, { namespace, name: RESTARTS_CONFIG_MAP });
  if (found === undefined) throw missing(namespace);
  return { turns: turnsIn(dataSchema.parse(found['data'] ?? {})[TURNS_ENTRY]), metadata: found.metadata };
}

function missing(namespace: string): CertmanError {
  return new CertmanError({
    code: 'configuration/invalid',
    message: `ConfigMap ${namespace}/${RESTARTS_CONFIG_MAP} does not exist, in which certman records the turns of renewals that restart a kube-apiserver.`,
    remedy: `Create it: kubectl create configmap ${RESTARTS_CONFIG_MAP} -n ${namespace}. Or set CERTMAN_RESTARTS_AT_ONCE=0: renewals then have no turns.`,
  });
}

function turnsIn(entry: unknown): readonly number[] | undefined {
  if (entry === undefined) return [];
  if (typeof entry !== 'string') return undefined;
  try {
    const parsed = turnsSchema.safeParse(JSON.parse(entry));
    return parsed.success ? parsed.data.map((at) => Date.parse(at)).sort((one, other) => one - other) : undefined;
  } catch {
    return undefined;
  }
}
