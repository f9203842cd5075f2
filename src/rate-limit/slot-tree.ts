/** Smallest capacity; a power of two. */
const MIN_CAPACITY = 8;

/** No order: the key of a slot that is free. */
export const FREE = Number.POSITIVE_INFINITY;
/** The key of a slot that was used: no order takes it. */
export const USED = -1;

/**
 * Numbered slots, each free, used, or held by an order with a key (0 or more), whose searches take O(log n): a segment
 * tree of the largest keys. Slots before `start` do not exist; there is no last one.
 */
export class SlotTree {
  #start = 0;
  #capacity = MIN_CAPACITY;
  #keys = emptyTree(MIN_CAPACITY);
  /** Orders that hold slots, below each node. */
  #held = new Uint32Array(2 * MIN_CAPACITY);

  /** Orders that hold a slot. */
  get held(): number {
    return this.#held[1] ?? 0;
  }

  /** @returns the key of a slot; `FREE` beyond the last that was set, `USED` before the first. */
  key(index: number): number {
    const leaf = index - this.#start;
    if (leaf < 0) return USED;
    return leaf < this.#capacity ? this.#node(this.#capacity + leaf) : FREE;
  }

  /** A slot before the first is ignored. */
  set(index: number, key: number): void {
    const leaf = index - this.#start;
    if (leaf < 0) return;
    if (leaf >= this.#capacity) {
      this.#resize(this.#start, leaf + 1);
      this.set(index, key);
      return;
    }
    let node = this.#capacity + leaf;
    this.#keys[node] = key;
    this.#held[node] = isHeld(key) ? 1 : 0;
    for (node >>= 1; node >= 1; node >>= 1) {
      this.#keys[node] = Math.max(this.#node(2 * node), this.#node(2 * node + 1));
      this.#held[node] = (this.#held[2 * node] ?? 0) + (this.#held[2 * node + 1] ?? 0);
    }
  }

  /** @returns the first slot from `from` that is free or has a larger key. */
  firstAbove(from: number, key: number): number {
    const leaf = Math.max(0, from - this.#start);
    if (leaf >= this.#capacity) return from;
    let node = this.#capacity + leaf;
    while (this.#node(node) <= key) {
      // Up until there is a right neighbour, then to it.
      while (node % 2 === 1) {
        node >>= 1;
        if (node <= 1) return this.#start + this.#capacity;
      }
      node += 1;
    }
    while (node < this.#capacity) node = this.#node(2 * node) > key ? 2 * node : 2 * node + 1;
    return this.#start + node - this.#capacity;
  }

  /** @returns how many orders hold slots before this one. */
  heldBefore(index: number): number {
    const leaf = Math.min(index - this.#start, this.#capacity);
    if (leaf <= 0) return 0;
    let count = leaf === this.#capacity ? (this.#held[1] ?? 0) : 0;
    if (count > 0) return count;
    for (let node = this.#capacity + leaf; node > 1; node >>= 1) {
      if (node % 2 === 1) count += this.#held[node - 1] ?? 0;
    }
    return count;
  }

  /** Forgets the slots before `index`, some of them later: rebuilding for each would not be O(log n). */
  forgetBefore(index: number): void {
    if (index - this.#start >= this.#capacity / 2) this.#resize(index, MIN_CAPACITY);
  }

  /** Forgets every slot. @param start the first that exists now. */
  reset(start: number): void {
    this.#start = start;
    this.#capacity = MIN_CAPACITY;
    this.#keys = emptyTree(MIN_CAPACITY);
    this.#held = new Uint32Array(2 * MIN_CAPACITY);
  }

  /** Slots that were used, as runs: first slot, number of slots, and so on. */
  usedRuns(): number[] {
    const runs: number[] = [];
    for (let leaf = 0; leaf < this.#capacity; leaf += 1) {
      if (this.#node(this.#capacity + leaf) !== USED) continue;
      let length = 1;
      while (leaf + length < this.#capacity && this.#node(this.#capacity + leaf + length) === USED) length += 1;
      runs.push(this.#start + leaf, length);
      leaf += length;
    }
    return runs;
  }

  #node(node: number): number {
    return this.#keys[node] ?? FREE;
  }

  #resize(start: number, atLeast: number): void {
    const { keys, first } = { keys: this.#keys.slice(this.#capacity), first: this.#start };
    let last = keys.length - 1;
    while (last >= 0 && keys[last] === FREE) last -= 1;
    const needed = Math.max(atLeast, first + last + 1 - start);
    this.reset(start);
    while (this.#capacity < needed) this.#capacity *= 2;
    const kept = emptyTree(this.#capacity);
    const held = new Uint32Array(2 * this.#capacity);
    for (let leaf = 0; leaf < this.#capacity; leaf += 1) {
      const key = keys[start + leaf - first] ?? FREE;
      kept[this.#capacity + leaf] = key;
      held[this.#capacity + leaf] = isHeld(key) ? 1 : 0;
    }
    for (let node = this.#capacity - 1; node >= 1; node -= 1) {
      kept[node] = Math.max(kept[2 * node] ?? FREE, kept[2 * node + 1] ?? FREE);
      held[node] = (held[2 * node] ?? 0) + (held[2 * node + 1] ?? 0);
    }
    this.#keys = kept;
    this.#held = held;
  }
}

function emptyTree(capacity: number): Float64Array {
  return new Float64Array(2 * capacity).fill(FREE);
}

function isHeld(key: number): boolean {
  return key !== USED && key !== FREE;
}
