import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { failureConverter } from '../../../src/payloads/failure-converter.ts';
import { EncryptionCodec, tolerant } from '../../../src/payloads/payload-codec.ts';
import { PayloadKeyStore } from '../../../src/payloads/payload-key-store.ts';
import { newPayloadKey, type PayloadKeyFolder, payloadKeyFolder } from '../../support/payloads/payload-key-folder.ts';

const folders: PayloadKeyFolder[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const folder of folders.splice(0)) folder.remove();
});

function folderOf(files: Readonly<Record<string, string>>): PayloadKeyFolder {
  const folder = payloadKeyFolder(files);
  folders.push(folder);
  return folder;
}

function codecOf(files: Readonly<Record<string, string>>, required = false): EncryptionCodec {
  return new EncryptionCodec({ keys: new PayloadKeyStore(folderOf(files).path), required });
}

const toPayload = (value: unknown): Payload => defaultPayloadConverter.toPayload(value) as Payload;
const textOf = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString();

async function onlyOne(payloads: Promise<Payload[]>): Promise<Payload> {
  const [only] = await payloads;
  if (only === undefined) throw new Error('there is no payload');
  return only;
}

describe('an encrypted payload', () => {
  const files = { active: 'k1', k1: newPayloadKey() };

  it('has the metadata of the samples of Temporal, and nothing of its content', async () => {
    const { metadata, data } = await onlyOne(codecOf(files).encode([toPayload({ name: 'api.secret.example.com' })]));
    expect(Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, textOf(value)]))).toEqual({
      encoding: 'binary/encrypted',
      'encryption-key-id': 'k1',
    });
    expect(textOf(data)).not.toContain('secret');
  });

  it('is decrypted to what it was, metadata included', async () => {
    const codec = codecOf(files);
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ minLength: 1 }), fc.uint8Array()),
        fc.uint8Array(),
        async (metadata, data) => {
          const decoded = await onlyOne(codec.decode(await codec.encode([{ metadata, data }])));
          expect(Buffer.from(decoded.data ?? [])).toEqual(Buffer.from(data));
          expect(Object.entries(decoded.metadata ?? {}).map(([name, value]) => [name, [...value]])).toEqual(
            expect.arrayContaining(Object.entries(metadata).map(([name, value]) => [name, [...value]])),
          );
        },
      ),
    );
  });

  it('is never the same twice', async () => {
    const codec = codecOf(files);
    const [one, other] = await codec.encode([toPayload('x'), toPayload('x')]);
    expect(one?.data).not.toEqual(other?.data);
  });

  it('that is truncated or changed anywhere is rejected, typed', async () => {
    const codec = codecOf(files);
    const encrypted = await onlyOne(codec.encode([toPayload('text')]));
    const data = Buffer.from(encrypted.data ?? []);
    const broken = [
      ...Array.from({ length: data.length }, (_, length) => data.subarray(0, length)),
      ...Array.from(data, (byte, index) => Buffer.from(data).fill(byte ^ 1, index, index + 1)),
    ];
    for (const part of broken)
      await expect(codec.decode([{ ...encrypted, data: part }])).rejects.toMatchObject({
        code: 'temporal/payloadInvalid',
      });
    await expect(
      codec.decode([{ metadata: { encoding: Buffer.from('binary/encrypted') }, data }]),
    ).rejects.toMatchObject({ code: 'temporal/payloadInvalid' });
  });

  it('of another key with the same id is rejected', async () => {
    const payloads = await codecOf({ active: 'k1', k1: newPayloadKey() }).encode([toPayload('text')]);
    await expect(codecOf(files).decode(payloads)).rejects.toMatchObject({ code: 'temporal/payloadInvalid' });
  });

  it('of a key that is not here is rejected, with the id of the key and what to do', async () => {
    const payloads = await codecOf({ active: 'k2', k2: newPayloadKey() }).encode([toPayload('text')]);
    const unknown = {
      code: 'temporal/payloadKeyUnknown',
      message: expect.stringContaining('the key k2') as string,
    };
    await expect(codecOf(files).decode(payloads)).rejects.toMatchObject(unknown);
    await expect(new EncryptionCodec({ keys: undefined, required: false }).decode(payloads)).rejects.toMatchObject(
      unknown,
    );
  });

  it('that cannot be read is nothing for a tolerant reader, beside those that can', async () => {
    const codec = codecOf(files);
    const foreign = await codecOf({ active: 'k2', k2: newPayloadKey() }).encode([toPayload('theirs')]);
    const decoded = await tolerant(codec).decode([...foreign, ...(await codec.encode([toPayload('ours')]))]);
    expect(decoded.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual([undefined, 'ours']);
  });
});

describe('a payload that is not encrypted', () => {
  it('is read', async () => {
    expect(await codecOf({ active: 'k1', k1: newPayloadKey() }).decode([toPayload('x')])).toEqual([toPayload('x')]);
  });

  it('is refused when encryption is required, typed', async () => {
    await expect(codecOf({ active: 'k1', k1: newPayloadKey() }, true).decode([toPayload('x')])).rejects.toMatchObject({
      code: 'temporal/payloadRefused',
      message: expect.stringContaining('json/plain') as string,
    });
  });
});

describe('the keys', () => {
  it('are read again: a new active key encrypts, and the one before decrypts', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const k1 = newPayloadKey();
    const folder = folderOf({ active: 'k1', k1 });
    const onChange = vi.fn();
    const codec = new EncryptionCodec({ keys: new PayloadKeyStore(folder.path, { onChange }), required: true });
    const before = await codec.encode([toPayload('before')]);
    folder.write({ active: 'k2', k1, k2: newPayloadKey() });
    vi.advanceTimersByTime(10_000);
    const after = await codec.encode([toPayload('after')]);
    expect(textOf(after[0]?.metadata?.['encryption-key-id'])).toBe('k2');
    const decoded = await codec.decode([...before, ...after]);
    expect(decoded.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual(['before', 'after']);
    expect(onChange).toHaveBeenCalledExactlyOnceWith('k2', ['k1', 'k2']);
  });

  it('are read again at once for a key that is not known', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const [k1, k2] = [newPayloadKey(), newPayloadKey()];
    const folder = folderOf({ active: 'k1', k1 });
    const codec = new EncryptionCodec({ keys: new PayloadKeyStore(folder.path), required: true });
    const payloads = await codecOf({ active: 'k2', k2 }).encode([toPayload('new')]);
    vi.advanceTimersByTime(300);
    await expect(codec.decode(payloads)).rejects.toMatchObject({ code: 'temporal/payloadKeyUnknown' });
    folder.write({ active: 'k1', k1, k2 });
    vi.advanceTimersByTime(300);
    expect((await codec.decode(payloads)).map((one) => defaultPayloadConverter.fromPayload(one))).toEqual(['new']);
  });

  it('stay in use while the folder is wrong, which is reported once', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const k1 = newPayloadKey();
    const folder = folderOf({ active: 'k1', k1 });
    const onError = vi.fn();
    const codec = new EncryptionCodec({ keys: new PayloadKeyStore(folder.path, { onError }), required: true });
    folder.write({ active: 'k2', k1 });
    for (let round = 0; round < 3; round += 1) {
      vi.advanceTimersByTime(10_000);
      expect(await codec.decode(await codec.encode([toPayload(round)]))).toHaveLength(1);
    }
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('"active"'));
  });

  it.each([
    [{}, /no key/],
    [{ k1: newPayloadKey() }, /no file "active"/],
    [{ active: 'k2', k1: newPayloadKey() }, /"active" does not have the name/],
    [{ active: 'k1', k1: 'c2hvcnQ=' }, /k1 is not the base64 of 32 bytes/],
    [{ active: 'k1', k1: 'x'.repeat(5_000) }, /k1 in it is not a small file/],
    [{ active: 'a b', 'a b': newPayloadKey() }, /the name of a key/],
  ])('that are wrong are rejected: %o', (files, message) => {
    const { path } = folderOf(files as Readonly<Record<string, string>>);
    expect(() => new PayloadKeyStore(path)).toThrow(message);
  });
});

describe('a failure', () => {
  const convert = (error: Error) => failureConverter.errorToFailure(error, defaultPayloadConverter);

  it('has its message and its causes in payloads', () => {
    const failure = convert(new Error('api.secret.example.com', { cause: new Error('*.secret.example.com') }));
    expect(JSON.stringify({ ...failure, encodedAttributes: undefined })).toMatch(/Encoded failure.*Encoded failure/);
    expect(failure.message).toBe('Encoded failure');
    expect(failure.cause?.message).toBe('Encoded failure');
    const error = failureConverter.failureToError(failure, defaultPayloadConverter);
    expect([error.message, (error.cause as Error).message]).toEqual(['api.secret.example.com', '*.secret.example.com']);
  });

  it('of decryption can be read without keys', async () => {
    const payloads = await codecOf({ active: 'k2', k2: newPayloadKey() }).encode([toPayload('text')]);
    const error = await new EncryptionCodec({ keys: undefined, required: false }).decode(payloads).catch((one) => one);
    expect(convert(error as Error).message).toContain('encrypted with the key k2');
  });
});
