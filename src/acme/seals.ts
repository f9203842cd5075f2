/**
 * Seals: what one activity hands to a later one through Temporal, which many can write to, is vouched for by a MAC. Its
 * key comes from the account key, so every worker of the account has it. A rollover of the account key keeps it, in the
 * account Secret: orders in progress and certificates issued before stay vouched for.
 */
import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { TxtRecord } from '../certificates/dns-name.ts';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import type { TxtRecordPlace } from '../contract/activities/txt-records.ts';
import { joinSeal, splitSeal } from '../contract/sealed-url.ts';
import { createOwnerTag, type OwnerTag, readOwnerTag } from './owner-tag.ts';

/** What is sealed, with the values that the seal covers. */
export type Sealed =
  /** An order that was placed for the bundle. */
  | { readonly of: 'order'; readonly bundleName: string; readonly url: string }
  /** A challenge of such an order. */
  | { readonly of: 'challenge'; readonly orderUrl: string; readonly authorizationUrl: string; readonly url: string }
  /** A TXT record that proves control of a name to the CA, and where CNAMEs delegate it to. */
  | { readonly of: 'record'; readonly name: string; readonly value: string; readonly at?: TxtRecordPlace }
  /** The servers of a zone that the object names. */
  | { readonly of: 'nameServers'; readonly zoneName: string; readonly nameServers: readonly string[] }
  /** The ownership records of these names were visible in public. `verifiedAt`: RFC 3339. */
  | { readonly of: 'ownership'; readonly dnsNames: readonly string[]; readonly verifiedAt: string }
  /** A certificate that was, or is, in the bundle's Secret; `source`: its URL at the CA, or its leaf. */
  | {
      readonly of: 'certificate';
      readonly bundleName: string;
      readonly serialNumber: string;
      readonly source: string;
    };

/** Bytes of a key of seals. */
export const SEAL_KEY_BYTES = 32;

/** The key of the seals of an account whose key was never changed. */
export function deriveSealKey(accountKey: KeyObject): Buffer {
  const secret = accountKey.export({ type: 'pkcs8', format: 'der' });
  return Buffer.from(hkdfSync('sha256', secret, '', 'certman seals', SEAL_KEY_BYTES));
}

/** Whose it is. */
type Owner = Pick<ClusterIdentity, 'managementCluster' | 'namespace' | 'name' | 'uid'>;

/** Seals and verifies under one account. A seal is for one object, by its uid. */
export class Seals {
  readonly #accountKey: KeyObject;
  /** As a KeyObject: for octets, each HMAC throws and catches an error within Node.js. */
  readonly #key: KeyObject;
  readonly #others: readonly Seals[];

  /**
   * @param kept the key that a rollover of the account key has kept; default: derived from the account key.
   * @param others verify as well.
   */
  constructor(accountKey: KeyObject, kept = deriveSealKey(accountKey), others: readonly Seals[] = []) {
    this.#accountKey = accountKey;
    this.#key = createSecretKey(kept);
    this.#others = others;
  }

  /** The same, which also verify what others have sealed. */
  accepting(others: readonly Seals[]): Seals {
    return others.length === 0 ? this : new Seals(this.#accountKey, this.#key.export(), others);
  }

  /** Whether the other verifies what these seal. */
  equals(other: Seals): boolean {
    return this.#key.equals(other.#key);
  }

  /** @returns base64url. */
  seal(owner: Owner, sealed: Sealed): string {
    return this.#mac(owner, sealed).toString('base64url');
  }

  verify(owner: Owner, sealed: Sealed, seal: string | undefined): boolean {
    if (typeof seal !== 'string') return false;
    const [given, expected] = [Buffer.from(seal, 'base64url'), this.#mac(owner, sealed)];
    if (given.length === expected.length && timingSafeEqual(given, expected)) return true;
    return this.#others.some((other) => other.verify(owner, sealed, seal));
  }

  /** The URL of an order with its seal. */
  sealOrder(owner: Owner, bundleName: string, url: string): string {
    return joinSeal(url, this.seal(owner, { of: 'order', bundleName, url }));
  }

  /** The URL of an order that {@link sealOrder} sealed for this bundle; undefined for any other. */
  openOrder(owner: Owner, bundleName: string, sealed: string): string | undefined {
    const { url, seal } = splitSeal(sealed);
    return this.verify(owner, { of: 'order', bundleName, url }, seal) ? url : undefined;
  }

  /** The owner tag of a record, which is for no object. @param record as it is in the zone, its name normalized. */
  ownerTag(record: TxtRecord, expires: Date): string {
    return createOwnerTag(this.#key, record, expires);
  }

  /** @returns undefined for a value that is no tag, or one of another name, or of an account that is not accepted. */
  readOwnerTag(name: string, text: string): OwnerTag | undefined {
    const own = readOwnerTag(this.#key, name, text);
    if (own !== undefined) return own;
    for (const other of this.#others) {
      const tag = other.readOwnerTag(name, text);
      if (tag !== undefined) return tag;
    }
    return undefined;
  }

  #mac({ managementCluster, namespace, name, uid }: Owner, sealed: Sealed): Buffer {
    const text = JSON.stringify([managementCluster, namespace, name, uid, valuesOf(sealed)]);
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

function placeValues(at: TxtRecordPlace | undefined): readonly unknown[] {
  return at === undefined ? [] : [at.name, at.zoneName, at.challengeZone === true];
}

/** In a fixed order. */
function valuesOf(sealed: Sealed): readonly unknown[] {
  switch (sealed.of) {
    case 'order':
      return [sealed.of, sealed.bundleName, sealed.url];
    case 'challenge':
      return [sealed.of, sealed.orderUrl, sealed.authorizationUrl, sealed.url];
    case 'record':
      return [sealed.of, sealed.name, sealed.value, ...placeValues(sealed.at)];
    case 'nameServers':
      return [sealed.of, sealed.zoneName, sealed.nameServers];
    case 'ownership':
      return [sealed.of, sealed.verifiedAt, [...sealed.dnsNames].sort()];
    case 'certificate':
      return [sealed.of, sealed.bundleName, sealed.serialNumber, sealed.source];
  }
}
