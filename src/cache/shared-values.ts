/** Beyond so many, all are forgotten: who may create objects decides on their texts. */
const MAX_VALUES = 5_000;
/** Longer ones are not shared: they would stay in memory when their objects are gone. */
const DEFAULT_MAX_KEY_LENGTH = 256;

/**
 * One value for equal keys: what cached objects have in common is in memory once: a host all of them, the name of their
 * cluster two that follow one another in a list.
 */
export class SharedValues<Value> {
  readonly #values = new Map<string, Value>();
  readonly #maxKeyLength: number;

  constructor({ maxKeyLength = DEFAULT_MAX_KEY_LENGTH }: { readonly maxKeyLength?: number } = {}) {
    this.#maxKeyLength = maxKeyLength;
  }

  /** As {@link get}, by the values of all its fields, in their order. */
  getByFields(value: Value & object): Value {
    return this.get(JSON.stringify(Object.values(value)), value);
  }

  /** The value that was first given for this key, or the given one for a long key. */
  get(key: string, value: Value): Value {
    if (key.length > this.#maxKeyLength) return value;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    if (this.#values.size >= MAX_VALUES) this.#values.clear();
    this.#values.set(key, value);
    return value;
  }
}

const texts = new SharedValues<string>();

/** The same string for equal texts. */
export function sharedText(text: string): string;
export function sharedText(text: string | undefined): string | undefined;
export function sharedText(text: string | undefined): string | undefined {
  return text === undefined ? undefined : texts.get(text, text);
}

/** The known text where it is equal, so that a cache has it once. */
export function knownText(text: string, known: string | undefined): string {
  return known === text ? known : text;
}
