/** Kills the worker that makes a given request, at the instant that was asked for. */
import type { ExternalRequest, ExternalResponse, InterceptAction, Interceptor } from '../relays/exchange.ts';
import { deliversTask, kindOf } from '../request-kinds.ts';
import { describeKillPoint, type KillPoint } from './kill-points.ts';
import type { WorkerPool } from './worker-pool.ts';

interface KillTrigger {
  readonly point: KillPoint;
  readonly sprung: (life: string) => void;
}

export class KillTriggers implements Interceptor {
  #workforce: Pick<WorkerPool, 'kill'> | undefined;
  readonly #armed = new Set<KillTrigger>();

  /** Whom they kill: the relays, which ask here, are there before the workers. */
  attach(workforce: Pick<WorkerPool, 'kill'>): void {
    this.#workforce = workforce;
  }

  /** @returns what resolves with the life that it ended, once it has; `disarm` gives it up. */
  arm(point: KillPoint): { readonly sprung: Promise<string>; readonly disarm: () => void } {
    let disarm = (): void => undefined;
    const sprung = new Promise<string>((resolve) => {
      const trap: KillTrigger = { point, sprung: resolve };
      this.#armed.add(trap);
      disarm = () => void this.#armed.delete(trap);
    });
    return { sprung, disarm };
  }

  beforeRequest(request: ExternalRequest): Promise<InterceptAction> {
    return this.#decide(request, 'before');
  }

  afterResponse(request: ExternalRequest, answer: ExternalResponse): Promise<InterceptAction> {
    const isPoll = /\/Poll\w+$/.test(request.path);
    return isPoll && !deliversTask(answer) ? Promise.resolve('pass') : this.#decide(request, 'after');
  }

  async #decide(request: ExternalRequest, moment: KillPoint['moment']): Promise<InterceptAction> {
    if (request.worker === undefined) return 'pass';
    const kind = kindOf(request);
    const trap = [...this.#armed].find(({ point }) => point.moment === moment && point.request === kind);
    if (trap === undefined) return 'pass';
    // At once, so that nothing else springs it while the worker dies.
    this.#armed.delete(trap);
    if ((await this.#workforce?.kill(request.worker, describeKillPoint(trap.point))) === true) {
      trap.sprung(request.worker);
    } else {
      // Another kill came first; this one waits for the next request of its kind.
      this.#armed.add(trap);
    }
    return 'cut';
  }
}
