/** AES-256-GCM in the form of Temporal's samples: https://github.com/temporalio/samples-go/tree/main/encryption */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { PayloadError } from './payload-error.ts';
import type { PayloadKey } from './payload-key-store.ts';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

const CIPHER = 'aes-256-gcm';
const ENCODING = 'encoding';
const ENCRYPTED = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Whether {@link encryptPayload}, or another program's codec of this form, made it. */
export function isEncrypted(payload: Payload): boolean {
  return encodingOf(payload) === ENCRYPTED;
}

/** How its data is encoded, such as `json/plain`; shortened. */
export function encodingOf({ metadata }: Payload): string {
  return textOf(metadata?.[ENCODING]) || 'none';
}

/** The whole payload, metadata included, becomes the data of another: nonce, ciphertext, tag. */
export function encryptPayload(payload: Payload, { id, secret }: PayloadKey): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES });
  const encrypted = [cipher.update(PayloadMessage.encode(payload).finish()), cipher.final()];
  return {
    metadata: { [ENCODING]: Buffer.from(ENCRYPTED), [KEY_ID]: Buffer.from(id) },
    data: Buffer.concat([nonce, ...encrypted, cipher.getAuthTag()]),
  };
}

/** Id of the key that encrypted it. @throws PayloadError `temporal/payloadInvalid` without one. */
export function keyIdOf({ metadata }: Payload): string {
  const id = textOf(metadata?.[KEY_ID]);
  if (id === '') throw invalid('names no key');
  return id;
}

/** @throws PayloadError `temporal/payloadInvalid`: it is truncated, changed, or of another key with this id. */
export function decryptPayload({ data }: Payload, { id, secret }: PayloadKey): Payload {
  const bytes = Buffer.from(data ?? []);
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw invalid(`has ${bytes.length} bytes: it is truncated`);
  try {
    const decipher = createDecipheriv(CIPHER, secret, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    const { metadata, data: content } = PayloadMessage.decode(plain);
    return { metadata, data: content };
  } catch (cause) {
    throw invalid(`was not encrypted with the key ${id} that is here, or was changed or truncated since`, cause);
  }
}

function invalid(what: string, cause?: unknown): PayloadError {
  return new PayloadError({
    code: 'temporal/payloadInvalid',
    message: `An encrypted payload of Temporal cannot be decrypted: it ${what}.`,
    remedy: 'Compare the keys (CERTMAN_PAYLOAD_KEYS) of all workers and tools that use this Temporal namespace.',
    cause,
  });
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? [])
    .toString('utf8')
    .slice(0, 100);
}
