import type { KeyObject } from 'node:crypto';
import { type PayloadKeys, readPayloadKeys } from './payload-keys.ts';

/** How old the keys may be: a new active key encrypts after this time. */
const MAX_AGE_MS = 5_000;
/** Between two readings for a key that is not known. */
const MIN_AGE_MS = 250;

/** A key and its id. */
export interface PayloadKey {
  readonly id: string;
  readonly secret: KeyObject;
}

/** What is reported of the folder. */
export interface PayloadKeyEvents {
  /** The keys have changed. */
  readonly onChange?: (active: string, ids: readonly string[]) => void;
  /** The folder cannot be read any more: the keys before stay in use. Once per reason. */
  readonly onError?: (reason: string) => void;
}

/** The keys of a folder as it is now: it is read again when it is used, so that at rest nothing happens. */
export class PayloadKeyStore {
  readonly #folder: string;
  readonly #events: PayloadKeyEvents;
  #keys: PayloadKeys;
  #readAt = performance.now();
  #reported: string | undefined;

  /** @throws Error of {@link readPayloadKeys}. */
  constructor(folder: string, events: PayloadKeyEvents = {}) {
    this.#folder = folder;
    this.#events = events;
    this.#keys = readPayloadKeys(folder);
  }

  /** The key that encrypts. */
  active(): PayloadKey {
    this.#readIfOlderThan(MAX_AGE_MS);
    const { active, byId } = this.#keys;
    return { id: active, secret: byId.get(active) as KeyObject };
  }

  /** A key that decrypts; undefined when there is none of this id. */
  find(id: string): PayloadKey | undefined {
    this.#readIfOlderThan(this.#keys.byId.has(id) ? MAX_AGE_MS : MIN_AGE_MS);
    const secret = this.#keys.byId.get(id);
    return secret && { id, secret };
  }

  #readIfOlderThan(ageMs: number): void {
    if (performance.now() - this.#readAt < ageMs) return;
    this.#readAt = performance.now();
    try {
      const keys = readPayloadKeys(this.#folder);
      const changed = fingerprintOf(keys) !== fingerprintOf(this.#keys);
      this.#keys = keys;
      this.#reported = undefined;
      if (changed) this.#events.onChange?.(keys.active, [...keys.byId.keys()]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#reported) this.#events.onError?.(reason);
      this.#reported = reason;
    }
  }
}

function fingerprintOf({ active, byId }: PayloadKeys): string {
  const keys = [...byId].map(([id, key]) => `${id} ${key.export().toString('base64')}`);
  return [active, ...keys.toSorted()].join('\n');
}
