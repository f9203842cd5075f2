/** Turns of renewals that restart a kube-apiserver: a ConfigMap in certman's namespace, which all workers share. */
import pLimit from 'p-limit';
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
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
  readonly #key: { readonly namespace: string; readonly name: string };

  /** @param namespace certman's. */
  constructor(namespace: string, limit: RestartLimit) {
    this.#key = { namespace, name: RESTARTS_CONFIG_MAP };
    this.limit = limit;
  }

  /**
   * Takes the next turn, unless it is refused.
   * @param accept whether a turn (epoch milliseconds) is of use. Called again after a conflict.
   * @returns the next turn, taken or not. @throws CertmanError `configuration/invalid` without the ConfigMap; `kubernetes/…`.
   */
  async take(kubernetes: KubernetesApi, now: number, accept: (turn: number) => boolean): Promise<number> {
    return await this.#oneAtATime(() => this.#take(kubernetes, now, accept));
  }

  async #take(kubernetes: KubernetesApi, now: number, accept: (turn: number) => boolean): Promise<number> {
    return await retryOnConflict(MAX_ATTEMPTS, async () => {
      const found = await kubernetes.get(CONFIG_MAPS, this.#key);
      if (found === undefined) throw this.#missing();
      const turns = turnsIn(dataSchema.parse(found['data'])[TURNS_ENTRY]);
      const turn = nextTurn(turns, this.limit, now);
      if (!accept(turn)) return turn;
      const kept = [...turns, turn].sort((one, other) => one - other).slice(-this.limit.atOnce);
      const data = { [TURNS_ENTRY]: JSON.stringify(kept.map((at) => new Date(at).toISOString())) };
      const written = await patchIfUnchanged(kubernetes, CONFIG_MAPS, found.metadata, { '/data': data });
      if (written === undefined) throw this.#missing();
      return turn;
    });
  }

  #missing(): CertmanError {
    const { namespace, name } = this.#key;
    return new CertmanError({
      code: 'configuration/invalid',
      message: `ConfigMap ${namespace}/${name} does not exist, in which certman records the turns of renewals that restart a kube-apiserver.`,
      remedy: `Create it: kubectl create configmap ${name} -n ${namespace}. Or set CERTMAN_RESTARTS_AT_ONCE=0: renewals then have no turns.`,
    });
  }
}

/** What cannot be read counts as no turns: the worst is that too many renewals start once. */
function turnsIn(text: unknown): readonly number[] {
  if (typeof text !== 'string') return [];
  try {
    const parsed = turnsSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.map((at) => Date.parse(at)).sort((one, other) => one - other) : [];
  } catch {
    return [];
  }
}
