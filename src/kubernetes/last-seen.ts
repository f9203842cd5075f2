/**
 * What this process last saw of an object, kept to spare a read before a write. Never trusted alone: the write carries the
 * resourceVersion, so one based on something old is refused (409) and the object is read after all.
 */
export class LastSeen<Value> {
  readonly #held = new Map<string, Value>();
  readonly #most: number;

  /** @param most objects kept; the longest untouched one goes first. */
  constructor(most: number) {
    this.#most = most;
  }

  get(uid: string): Value | undefined {
    return this.#held.get(uid);
  }

  set(uid: string, value: Value): void {
    this.#held.delete(uid);
    this.#held.set(uid, value);
    if (this.#held.size <= this.#most) return;
    const oldest = this.#held.keys().next();
    if (oldest.done !== true) this.#held.delete(oldest.value);
  }

  forget(uid: string): void {
    this.#held.delete(uid);
  }
}
