import type { Payload, PayloadCodec } from '@temporalio/common';
import { decryptPayload, encodingOf, encryptPayload, isEncrypted, keyIdOf } from './encryption.ts';
import { PayloadError } from './payload-error.ts';
import type { PayloadKey, PayloadKeyStore } from './payload-key-store.ts';

/** How payloads are encoded. */
export interface EncryptionOptions {
  /** Undefined: payloads are not encrypted, and encrypted ones cannot be read. */
  readonly keys: PayloadKeyStore | undefined;
  /** Refuse payloads that are not encrypted. */
  readonly required: boolean;
}

/** A value that the payload converters read as undefined. */
const NOTHING: Payload = { metadata: { encoding: Buffer.from('binary/null') } };

/** Encrypts what goes to Temporal, and decrypts what comes from it. Methods throw PayloadErrors. */
export class EncryptionCodec implements PayloadCodec {
  readonly #options: EncryptionOptions;

  constructor(options: EncryptionOptions) {
    this.#options = options;
  }

  encode(payloads: Payload[]): Promise<Payload[]> {
    const { keys } = this.#options;
    return Promise.resolve(keys === undefined ? payloads : payloads.map((one) => encryptPayload(one, keys.active())));
  }

  // Async: an error must become a rejection.
  // oxlint-disable-next-line typescript/require-await
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => this.#decode(payload));
  }

  #decode(payload: Payload): Payload {
    if (isEncrypted(payload)) return decryptPayload(payload, this.#keyOf(payload));
    if (!this.#options.required) return payload;
    throw new PayloadError({
      code: 'temporal/payloadRefused',
      message: `A payload of Temporal was refused: it is not encrypted (its encoding is ${encodingOf(payload)}), and CERTMAN_REQUIRE_ENCRYPTED_PAYLOADS is true.`,
      remedy:
        'If it is from before the encryption, or of your own, set CERTMAN_REQUIRE_ENCRYPTED_PAYLOADS=false until it has been processed. If not, another client can write to this Temporal namespace.',
    });
  }

  #keyOf(payload: Payload): PayloadKey {
    const { keys } = this.#options;
    const id = keyIdOf(payload);
    const key = keys?.find(id);
    if (key !== undefined) return key;
    const why = keys === undefined ? 'CERTMAN_PAYLOAD_KEYS is not set' : 'CERTMAN_PAYLOAD_KEYS does not have it';
    throw new PayloadError({
      code: 'temporal/payloadKeyUnknown',
      message: `A payload of Temporal is encrypted with the key ${id}, and ${why}.`,
      remedy: `Add the key ${id} to the Secret; it is used as soon as it is mounted.`,
    });
  }
}

/** A codec that decodes as another does, and to nothing what that one rejects: for memos in lists, one of many. */
export function tolerant(codec: PayloadCodec): PayloadCodec {
  const decodeOne = async (...[payloads, context]: Parameters<PayloadCodec['decode']>): Promise<Payload[]> => {
    try {
      return await codec.decode(payloads, context);
    } catch (error) {
      if (error instanceof PayloadError) return [NOTHING];
      throw error;
    }
  };
  return {
    encode: (payloads, context) => codec.encode(payloads, context),
    decode: async (payloads, context) =>
      (await Promise.all(payloads.map((payload) => decodeOne([payload], context)))).flat(),
  };
}
