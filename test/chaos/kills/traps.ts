/** Kills the worker that makes a given request, at the instant that was asked for. */
import type { Fate, Fates, OutsideAnswer, OutsideRequest } from '../relays/exchange.ts';
import { handsOutTask, kindOf } from '../request-kinds.ts';
import { describeKillPoint, type KillPoint } from './kill-points.ts';
import type { Workforce } from './workforce.ts';

interface Trap {
  readonly point: KillPoint;
  readonly sprung: (life: string) => void;
}

export class Traps implements Fates {
  #workforce: Pick<Workforce, 'kill'> | undefined;
  readonly #armed = new Set<Trap>();

  /** Whom they kill: the relays, which ask here, are there before the workers. */
  guard(workforce: Pick<Workforce, 'kill'>): void {
    this.#workforce = workforce;
  }

  /** @returns what resolves with the life that it ended, once it has; `disarm` gives it up. */
  arm(point: KillPoint): { readonly sprung: Promise<string>; readonly disarm: () => void } {
    let disarm = (): void => undefined;
    const sprung = new Promise<string>((resolve) => {
      const trap: Trap = { point, sprung: resolve };
      this.#armed.add(trap);
      disarm = () => void this.#armed.delete(trap);
    });
    return { sprung, disarm };
  }

  beforeServer(request: OutsideRequest): Promise<Fate> {
    return this.#decide(request, 'before');
  }

  afterServer(request: OutsideRequest, answer: OutsideAnswer): Promise<Fate> {
    const isPoll = /\/Poll\w+$/.test(request.path);
    return isPoll && !handsOutTask(answer) ? Promise.resolve('pass') : this.#decide(request, 'after');
  }

  async #decide(request: OutsideRequest, moment: KillPoint['moment']): Promise<Fate> {
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
