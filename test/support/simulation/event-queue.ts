/** What happens at an instant. */
interface Event {
  readonly at: number;
  readonly run: (at: number) => void;
}

/** Runs events in the order of their instants. A binary heap. */
export class EventQueue {
  readonly #heap: Event[] = [];

  /** @param at not before the instant of the event that runs. */
  add(at: number, run: Event['run']): void {
    const heap = this.#heap;
    let index = heap.push({ at, run }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#at(parent) <= this.#at(index)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  /** Until none is left. */
  run(): void {
    for (let next = this.#take(); next !== undefined; next = this.#take()) next.run(next.at);
  }

  #take(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      const least = this.#at(right) < this.#at(left) ? right : left;
      if (this.#at(least) >= this.#at(index)) return first;
      this.#swap(index, least);
      index = least;
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swap(one: number, other: number): void {
    const heap = this.#heap;
    [heap[one], heap[other]] = [heap[other] as Event, heap[one] as Event];
  }
}
