import { keyOf, type NamespacedName } from './namespaced-name.ts';

/** A Map of so few values takes more memory than a list, and finds none faster. */
const MAX_LIST_LENGTH = 8;

/** What a {@link NamespacedMap} does beside keeping values. */
export interface NamespacedMapOptions<Value> {
  /** @returns what is kept of a value: the same in less memory. Default: the value. */
  readonly compact?: (value: Value) => Value;
  /** Called with the `namespace/name` of what was set or deleted. */
  readonly onChange?: (key: string) => void;
}

/** Finds the values of one namespace without a scan. Compact where a namespace has a few, as in nearly every fleet. */
export class NamespacedMap<Value extends NamespacedName> {
  /** By namespace: the only value, or a list; of many, by name. */
  readonly #namespaces = new Map<string, Values<Value>>();
  readonly #options: NamespacedMapOptions<Value>;

  constructor(options: NamespacedMapOptions<Value> = {}) {
    this.#options = options;
  }

  /** @param key `namespace/name`. */
  find(key: string): Value | undefined {
    const slash = key.indexOf('/');
    return this.get({ namespace: key.slice(0, slash), name: key.slice(slash + 1) });
  }

  get({ namespace, name }: NamespacedName): Value | undefined {
    const values = this.#namespaces.get(namespace);
    if (values instanceof Map) return values.get(name);
    if (isList(values)) return values.find((value) => value.name === name);
    return values?.name === name ? values : undefined;
  }

  set(value: Value): void {
    const { namespace, name } = value;
    const kept = this.#options.compact?.(value) ?? value;
    const values = this.#namespaces.get(namespace);
    if (values instanceof Map) values.set(name, kept);
    else this.#namespaces.set(namespace, compactList(withValue(listOf(values), kept)));
    this.#options.onChange?.(keyOf(value));
  }

  delete({ namespace, name }: NamespacedName): void {
    const values = this.#namespaces.get(namespace);
    if (values instanceof Map) {
      values.delete(name);
      if (values.size === 0) this.#namespaces.delete(namespace);
    } else {
      const left = listOf(values).filter((value) => value.name !== name);
      if (left.length === 0) this.#namespaces.delete(namespace);
      else this.#namespaces.set(namespace, compactList(left));
    }
    this.#options.onChange?.(keyOf({ namespace, name }));
  }

  in(namespace: string): Iterable<Value> {
    return valuesOf(this.#namespaces.get(namespace));
  }

  *all(): Generator<Value> {
    for (const values of this.#namespaces.values()) yield* valuesOf(values);
  }
}

/** Values of one namespace, in the form that takes the least memory. */
type Values<Value> = Value | readonly Value[] | Map<string, Value>;

function isList<Value>(values: Values<Value> | undefined): values is readonly Value[] {
  return Array.isArray(values);
}

function listOf<Value>(values: Value | readonly Value[] | undefined): readonly Value[] {
  if (values === undefined) return [];
  return isList(values) ? values : [values as Value];
}

function withValue<Value extends NamespacedName>(list: readonly Value[], value: Value): readonly Value[] {
  const at = list.findIndex(({ name }) => name === value.name);
  return at === -1 ? list.toSpliced(list.length, 0, value) : list.with(at, value);
}

/** @param list not empty. */
function compactList<Value extends NamespacedName>(list: readonly Value[]): Values<Value> {
  if (list.length > MAX_LIST_LENGTH) return new Map(list.map((one) => [one.name, one]));
  return list.length === 1 ? (list[0] as Value) : list;
}

function valuesOf<Value>(values: Values<Value> | undefined): Iterable<Value> {
  return values instanceof Map ? values.values() : listOf(values);
}
