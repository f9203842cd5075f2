import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeClient } from './client.ts';
import type { AcmeClientSource } from './client-source.ts';
import type { Seals } from './seals.ts';

/** A failed read is not cached, and every step of every order would repeat it. */
const UNUSABLE_MS = 10_000;

/**
 * The CAs in the order in which certificates are ordered from them. Each has an account, whose seals say which orders and
 * certificates are its own. Only the first account has to be usable. A staging CA proves orders, and issues nothing that is used.
 */
export class CaList {
  readonly first: AcmeClientSource;
  readonly fallbacks: readonly AcmeClientSource[];
  readonly staging: AcmeClientSource | undefined;
  /** Epoch milliseconds. */
  readonly #unusableUntil = new Map<AcmeClientSource, number>();

  constructor(first: AcmeClientSource, fallbacks: readonly AcmeClientSource[] = [], staging?: AcmeClientSource) {
    this.first = first;
    this.fallbacks = fallbacks;
    this.staging = staging;
  }

  /** Name (`caNameOf`) of the first CA; undefined without a usable account. */
  caHost(): Promise<string | undefined> {
    return this.first.caHost();
  }

  /** Seals by the first account; verifies what any of the accounts has sealed. @throws as that of the first. */
  async seals(): Promise<Seals> {
    const seals = await this.first.seals();
    return seals.accepting(await this.#fallbackSeals());
  }

  /** {@link seals}; undefined without a usable first account. */
  async sealsIfUsable(): Promise<Seals | undefined> {
    const seals = await this.first.sealsIfUsable();
    return seals?.accepting(await this.#fallbackSeals());
  }

  /** @throws as {@link AcmeClientSource.withClient} of the first account. */
  withClient<Result>(work: (ca: AcmeClient) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return this.first.withClient(work, signal);
  }

  /** The CA whose account placed an order for the bundle, the staging CA included; undefined: none of them. */
  async ofOrder(
    { cluster, bundleName }: { readonly cluster: ClusterIdentity; readonly bundleName: string },
    sealed: string,
  ): Promise<AcmeClientSource | undefined> {
    return await this.find((seals) => seals.openOrder(cluster, bundleName, sealed) !== undefined);
  }

  /** The first CA whose account's seals match, the staging CA last. */
  async find(matches: (seals: Seals) => boolean): Promise<AcmeClientSource | undefined> {
    for (const source of [...this.#all(), ...this.#stagings()]) {
      const seals = source === this.first ? await source.sealsIfUsable() : await this.#sealsOf(source);
      if (seals !== undefined && matches(seals)) return source;
    }
    return undefined;
  }

  /** All that certificates are ordered from, `start` first. */
  from(start: AcmeClientSource): readonly AcmeClientSource[] {
    return [start, ...this.#all().filter((source) => source !== start)];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all(), ...this.#stagings()].map((source) => source.close()));
  }

  #all(): readonly AcmeClientSource[] {
    return [this.first, ...this.fallbacks];
  }

  #stagings(): readonly AcmeClientSource[] {
    return this.staging === undefined ? [] : [this.staging];
  }

  async #fallbackSeals(): Promise<readonly Seals[]> {
    const found = await Promise.all([...this.fallbacks, ...this.#stagings()].map((source) => this.#sealsOf(source)));
    return found.filter((seals) => seals !== undefined);
  }

  /** An account that is missing, wrong or not to be read makes a fallback useless, but holds up no other account's order. */
  async #sealsOf(source: AcmeClientSource): Promise<Seals | undefined> {
    if ((this.#unusableUntil.get(source) ?? 0) > Date.now()) return undefined;
    let seals: Seals | undefined;
    try {
      seals = await source.sealsIfUsable();
    } catch (error) {
      if (!(error instanceof CertmanError) || error.info.retry !== 'onChange') throw error;
    }
    if (seals === undefined) this.#unusableUntil.set(source, Date.now() + UNUSABLE_MS);
    return seals;
  }
}
