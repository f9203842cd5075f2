/**
 * What this process last saw of an object, kept to spare a read before a write. Never trusted alone: the write carries the
 * resourceVersion, so one based on something old is refused (409) and the object is read after all.
 */
export class ObjectCache<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #maxEntries: number;

  /** @param most objects kept; the longest untouched one goes first. */
  constructor(most: number) {
    this.#maxEntries = most;
  }

  get(uid: string): Value | undefined {
    return this.#entries.get(uid);
  }

  set(uid: string, value: Value): void {
    this.#entries.delete(uid);
    this.#entries.set(uid, value);
    if (this.#entries.size <= this.#maxEntries) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  delete(uid: string): void {
    this.#entries.delete(uid);
  }
}
