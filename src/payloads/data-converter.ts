import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { EncryptionCodec, type EncryptionOptions, tolerant } from './payload-codec.ts';

const FAILURE_CONVERTER_PATH = fileURLToPath(
  new URL(`./failure-converter.${import.meta.url.endsWith('.js') ? 'js' : 'ts'}`, import.meta.url),
);

/** For workers and clients. Search attributes, workflow ids, and types of workflows and activities stay readable. */
export function createDataConverter(options: EncryptionOptions): DataConverter {
  return {
    payloadCodecs: [new EncryptionCodec(options)],
    failureConverterPath: options.keys && FAILURE_CONVERTER_PATH,
  };
}

/** A client on the same connection for which a memo that cannot be decoded is undefined, instead of an error. */
export function withTolerantMemos(client: Client): Client {
  const { namespace, identity, loadedDataConverter } = client.options;
  const dataConverter = { ...loadedDataConverter, payloadCodecs: loadedDataConverter.payloadCodecs.map(tolerant) };
  return new Client({ connection: client.connection, namespace, identity, dataConverter });
}
