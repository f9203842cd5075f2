/** Things by namespace and name, so that those of one namespace are found without looking at all. */
import type { NamespacedName } from './controller-cache.ts';

export class NamespacedMap<Thing> {
  readonly #things = new Map<string, Map<string, Thing>>();

  get({ namespace, name }: NamespacedName): Thing | undefined {
    return this.#things.get(namespace)?.get(name);
  }

  set({ namespace, name }: NamespacedName, thing: Thing): void {
    const there = this.#things.get(namespace) ?? new Map<string, Thing>();
    there.set(name, thing);
    this.#things.set(namespace, there);
  }

  delete({ namespace, name }: NamespacedName): void {
    const there = this.#things.get(namespace);
    there?.delete(name);
    if (there?.size === 0) this.#things.delete(namespace);
  }

  in(namespace: string): Iterable<Thing> {
    return this.#things.get(namespace)?.values() ?? [];
  }

  namesIn(namespace: string): Iterable<string> {
    return this.#things.get(namespace)?.keys() ?? [];
  }

  *all(): Generator<Thing> {
    for (const there of this.#things.values()) yield* there.values();
  }

  *names(): Generator<NamespacedName> {
    for (const [namespace, there] of this.#things) for (const name of there.keys()) yield { namespace, name };
  }
}
