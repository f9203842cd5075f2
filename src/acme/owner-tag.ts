/**
 * Owner tags: a TXT value beside that of a challenge, which shows that certman wrote that value, and until when an order
 * can need it. It is published and withdrawn with the value, in the same change. A value that a crash left behind is found
 * by it, whatever else is lost.
 */
import { createHash, createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { TxtRecord } from '../certificates/dns-name.ts';

/** `certman=<expiry, epoch seconds in base 36>.<digest of the value>.<MAC>`: short, since a change has a size limit. */
const TAG = /^certman=([0-9a-z]{6,8})\.([\w-]{8})\.([\w-]{16})$/;

/** 96 bits, as HMAC-SHA-1-96 (RFC 2404): who could try to forge one may change the record anyway. */
const MAC_LENGTH = 16;
const DIGEST_LENGTH = 8;

/** What a tag says of the other values of its name. */
export interface OwnerTag {
  /** Epoch milliseconds. Afterwards, the order cannot become ready any more. */
  readonly expiresAt: number;
  /** Whether certman wrote this value. */
  proves(value: string): boolean;
}

/** @param key that of the seals. @param record as it is in the zone, its name normalized. */
export function createOwnerTag(key: KeyObject, { name, value }: TxtRecord, expires: Date): string {
  const expiry = Math.ceil(expires.getTime() / 1_000).toString(36);
  const digest = digestOf(value);
  return `certman=${expiry}.${digest}.${macOf(key, name, expiry, digest)}`;
}

/** @returns undefined for a value that is no tag, or one of another name or key. */
export function readOwnerTag(key: KeyObject, name: string, text: string): OwnerTag | undefined {
  const [, expiry, digest, mac] = TAG.exec(text) ?? [];
  if (expiry === undefined || digest === undefined || mac === undefined) return undefined;
  if (!timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(key, name, expiry, digest)))) return undefined;
  return { expiresAt: Number.parseInt(expiry, 36) * 1_000, proves: (value) => digestOf(value) === digest };
}

/** Whether a tag is one for this value, of any author. */
export function isOwnerTagFor(value: string, tag: string): boolean {
  return TAG.exec(tag)?.[2] === digestOf(value);
}

function digestOf(value: string): string {
  return createHash('sha256').update(value).digest('base64url').slice(0, DIGEST_LENGTH);
}

/** Differs from all that seals cover: those are lists of five. */
function macOf(key: KeyObject, name: string, expiry: string, digest: string): string {
  const text = JSON.stringify(['owner tag', name, expiry, digest]);
  return createHmac('sha256', key).update(text).digest('base64url').slice(0, MAC_LENGTH);
}
