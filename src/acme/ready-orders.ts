/** Orders remembered at most: more are never between their validation and their finalization in one process. */
const CAPACITY = 2_000;

/**
 * Orders that this process saw become ready, with what finalizing them needs. It spares the one request that would only ask
 * for what was answered a moment ago; whoever finds nothing here asks the CA.
 */
export class ReadyOrders {
  readonly #finalizeUrls = new Map<string, string>();

  record(order: { readonly url: string; readonly status: string; readonly finalize: string }): void {
    this.#finalizeUrls.delete(order.url);
    if (order.status !== 'ready') return;
    this.#finalizeUrls.set(order.url, order.finalize);
    if (this.#finalizeUrls.size <= CAPACITY) return;
    const oldest = this.#finalizeUrls.keys().next();
    if (oldest.done !== true) this.#finalizeUrls.delete(oldest.value);
  }

  /** The finalize URL of an order last seen ready; it is given once. */
  take(orderUrl: string): string | undefined {
    const finalizeUrl = this.#finalizeUrls.get(orderUrl);
    this.#finalizeUrls.delete(orderUrl);
    return finalizeUrl;
  }
}
