/** Kills the worker that sends a given request, before or after the server acts on it. */
import type { ExternalRequest, ExternalResponse, InterceptAction, Interceptor } from '../relays/exchange.ts';
import { deliversTask, kindOf } from '../request-kinds.ts';
import { describeKillPoint, type KillPoint } from './kill-points.ts';
import type { WorkerPool } from './worker-pool.ts';

interface KillTrigger {
  readonly point: KillPoint;
  readonly fired: (incarnation: string) => void;
}

export class KillTriggers implements Interceptor {
  #workers: Pick<WorkerPool, 'kill'> | undefined;
  readonly #armed = new Set<KillTrigger>();

  /** The workers to kill. Set later, because the relays that use the triggers start before the workers. */
  attach(workers: Pick<WorkerPool, 'kill'>): void {
    this.#workers = workers;
  }

  /** @returns a promise of the incarnation that was killed; `disarm` removes the trigger. */
  arm(point: KillPoint): { readonly fired: Promise<string>; readonly disarm: () => void } {
    let disarm = (): void => undefined;
    const fired = new Promise<string>((resolve) => {
      const trigger: KillTrigger = { point, fired: resolve };
      this.#armed.add(trigger);
      disarm = () => void this.#armed.delete(trigger);
    });
    return { fired, disarm };
  }

  beforeRequest(request: ExternalRequest): Promise<InterceptAction> {
    return this.#decide(request, 'before');
  }

  afterResponse(request: ExternalRequest, response: ExternalResponse): Promise<InterceptAction> {
    const isPoll = /\/Poll\w+$/.test(request.path);
    return isPoll && !deliversTask(response) ? Promise.resolve('pass') : this.#decide(request, 'after');
  }

  async #decide(request: ExternalRequest, moment: KillPoint['moment']): Promise<InterceptAction> {
    if (request.worker === undefined) return 'pass';
    const kind = kindOf(request);
    const trigger = [...this.#armed].find(({ point }) => point.moment === moment && point.request === kind);
    if (trigger === undefined) return 'pass';
    // Removed at once, so that no other request triggers it while the worker dies.
    this.#armed.delete(trigger);
    if ((await this.#workers?.kill(request.worker, describeKillPoint(trigger.point))) === true) {
      trigger.fired(request.worker);
    } else {
      // Another kill came first; this one waits for the next request of its kind.
      this.#armed.add(trigger);
    }
    return 'cut';
  }
}
