/** Keys of the payload codec, from the folder of a mounted Secret: a file per key, and `active` with the id of one. */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The keys of a folder. */
export interface PayloadKeys {
  /** Id of the key that encrypts. */
  readonly active: string;
  /** AES-256 keys that decrypt, by id. */
  readonly byId: ReadonlyMap<string, KeyObject>;
}

const ACTIVE = 'active';
const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const KEY_BYTES = 32;
const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/;
const MAX_FILE_BYTES = 1_024;
const MAX_KEYS = 100;

/** @throws Error that says what is wrong with which file, never its content. */
export function readPayloadKeys(folder: string): PayloadKeys {
  // The kubelet replaces a mounted Secret by moving this link: all files are read from one version.
  const version = join(folder, '..data');
  const root = existsSync(version) ? version : folder;
  const names = readdirSync(root).filter((name) => !name.startsWith('.'));
  if (names.length > MAX_KEYS) throw new Error(`it has ${names.length} files, more than ${MAX_KEYS}`);
  const active = names.includes(ACTIVE) ? readSmallFile(root, ACTIVE) : undefined;
  const byId = new Map(names.filter((name) => name !== ACTIVE).map((id) => [id, readKey(root, id)]));
  if (byId.size === 0) throw new Error('it has no key');
  if (active === undefined) throw new Error(`it has no file "${ACTIVE}" with the id of the key that encrypts`);
  if (!byId.has(active)) throw new Error(`its file "${ACTIVE}" does not have the name of one of the keys`);
  return { active, byId };
}

function readKey(root: string, id: string): KeyObject {
  if (!KEY_ID.test(id)) {
    throw new Error(
      `the name of a key is ${JSON.stringify(id.slice(0, 80))}, not at most 63 letters, digits, dots, dashes and underscores`,
    );
  }
  const text = readSmallFile(root, id);
  if (!BASE64_KEY.test(text)) throw new Error(`its file ${id} is not the base64 of ${KEY_BYTES} bytes`);
  return createSecretKey(Buffer.from(text, 'base64'));
}

function readSmallFile(root: string, name: string): string {
  const path = join(root, name);
  const found = statSync(path);
  if (!found.isFile() || found.size > MAX_FILE_BYTES) throw new Error(`${name} in it is not a small file`);
  return readFileSync(path, 'utf8').trim();
}
