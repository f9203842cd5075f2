/** Attempts at certificates: those asked for by an operator, those under way, and how the ended ones ended. */
import { CancellationScope, condition } from '@temporalio/workflow';
import type { BundleView } from '../../src/clusters/cluster-view.ts';

export interface FinishedAttempts {
  readonly count: number;
  readonly last: 'none' | 'issued' | 'failed';
}

export class Attempts {
  /** Bundles whose renewal was asked for, until an attempt has ended: one that is cut short is begun anew. */
  readonly #requested = new Set<string>();
  /** Orders under way, to be cut short when what they were placed for is no longer wanted. */
  readonly #underWay = new Map<string, { readonly names: string; readonly scope: CancellationScope }>();
  /** Bundles whose last order was ended by {@link cancelOutdated}. */
  readonly #cutShort = new Set<string>();
  readonly #ended = new Map<string, FinishedAttempts>();

  /** @returns whether an attempt has to be begun for it; one that is under way is the one that was asked for. */
  request(bundleName: string): boolean {
    this.#requested.add(bundleName);
    return !this.#underWay.has(bundleName);
  }

  isRequested(bundleName: string): boolean {
    return this.#requested.has(bundleName);
  }

  hasRequests(): boolean {
    return this.#requested.size > 0;
  }

  /** How many have ended in this run, and how the last one did. */
  finishedOf(bundleName: string): FinishedAttempts {
    return this.#ended.get(bundleName) ?? { count: 0, last: 'none' };
  }

  /** Whoever asked for a renewal is answered by it. */
  finish(bundleName: string, how: 'issued' | 'failed'): void {
    this.#requested.delete(bundleName);
    this.#ended.set(bundleName, { count: this.finishedOf(bundleName).count + 1, last: how });
  }

  /** What was asked for cannot be attempted now: who asked is told so, and it is not kept for later. */
  rejectRequest(bundleName: string): void {
    if (this.isRequested(bundleName)) this.finish(bundleName, 'failed');
  }

  forget(bundleName: string): void {
    this.#requested.delete(bundleName);
  }

  /** Runs an order that {@link cancelOutdated} may end early. */
  async run<T>(bundle: BundleView, order: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    this.#cutShort.delete(bundle.name);
    this.#underWay.set(bundle.name, { names: namesKey(bundle), scope });
    try {
      return await scope.run(order);
    } finally {
      this.#underWay.delete(bundle.name);
    }
  }

  /**
   * Waits while an order is under way. Nobody here knows then whether its certificate is in the Secret already, and so whether
   * what is said of a certificate is said of the one in place.
   */
  async waitUntilIdle(bundleName: string): Promise<void> {
    await condition(() => !this.#underWay.has(bundleName));
  }

  /** Ends every order whose bundle is not as it was when it was placed. @param bundleOf undefined: it is not wanted now. */
  cancelOutdated(bundleOf: (name: string) => BundleView | undefined): void {
    for (const [name, { names, scope }] of this.#underWay) {
      const bundle = bundleOf(name);
      if (bundle !== undefined && namesKey(bundle) === names) continue;
      this.#cutShort.add(name);
      scope.cancel();
    }
  }

  /** Whether the last order was ended from here; one that was cancelled all the same was cancelled by somebody. */
  wasOutdated(bundleName: string): boolean {
    return this.#cutShort.has(bundleName);
  }
}

/** What an order was made for: another set of names makes it pointless. */
function namesKey(bundle: BundleView): string {
  return bundle.names.kind === 'valid' ? bundle.names.dnsNames.join(' ') : bundle.names.code;
}
