import { CancellationScope, condition } from '@temporalio/workflow';
import type { BundleView } from '../../src/clusters/cluster-view.ts';

/** How an attempt finished. */
export type AttemptOutcome = 'issued' | 'renewed' | 'failed';

/** The attempts at one bundle's certificate in this run, one at a time. */
export class Attempts {
  /** Whether an operator's request for a renewal waits for its first attempt to finish; the record keeps it for others. */
  requested = false;
  /** Whether that request is to exceed the limit of orders for exactly these names. */
  exceedLimit = false;
  finished = 0;
  lastOutcome: AttemptOutcome | undefined;
  renewals = 0;
  /** Whether the withdrawal of the request has to be shown. */
  isWithdrawalUnshown = false;
  /** Whether {@link cancelIfOutdated} cancelled the last order. If not, a person did. */
  outdated = false;
  #underWay: { readonly names: string; readonly scope: CancellationScope } | undefined;

  /** Requests a renewal. An attempt under way fulfils it. @returns whether a new attempt is needed. */
  request(exceedLimit = false): boolean {
    this.requested = true;
    this.exceedLimit ||= exceedLimit;
    return this.#underWay === undefined;
  }

  finish(how: AttemptOutcome): void {
    this.requested = false;
    this.exceedLimit = false;
    this.finished += 1;
    this.lastOutcome = how;
    if (how === 'renewed') this.renewals += 1;
  }

  /** Fails the update that requested a renewal, which cannot be attempted now. */
  rejectRequest(): void {
    if (this.requested) this.finish('failed');
  }

  /** The request is withdrawn: its update fails, unless an order is under way. */
  withdrawRequest(): void {
    this.isWithdrawalUnshown = true;
    if (this.#underWay === undefined) this.rejectRequest();
  }

  async run<T>(view: BundleView, order: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    this.outdated = false;
    this.#underWay = { names: namesKey(view), scope };
    try {
      return await scope.run(order);
    } finally {
      this.#underWay = undefined;
    }
  }

  /** Until an order ends, it is unknown whether its certificate is in the Secret, and so which is the present one. */
  async waitUntilIdle(): Promise<void> {
    await condition(() => this.#underWay === undefined);
  }

  /** Cancels an order for other names. @param wanted undefined: nothing is to be ordered now. */
  cancelIfOutdated(wanted: BundleView | undefined): void {
    if (this.#underWay === undefined) return;
    if (wanted !== undefined && namesKey(wanted) === this.#underWay.names) return;
    this.outdated = true;
    this.#underWay.scope.cancel();
  }
}

function namesKey({ names }: BundleView): string {
  return names.kind === 'valid' ? names.dnsNames.join(' ') : names.code;
}
