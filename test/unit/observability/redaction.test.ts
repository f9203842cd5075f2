import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/observability/logging.ts';

const pem = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const inner = pem.split('\n')[3] ?? '';

/** The output of logging this. */
function written(format: 'json' | 'text', fields: object, message: string): string {
  let all = '';
  const logger = createLogger(
    { logLevel: 'trace', logFormat: format },
    { write: (line: string) => void (all += line) },
  );
  logger.warn(fields, message);
  return all;
}

describe.each(['json', 'text'] as const)('the %s log', (format) => {
  it.each([
    ['a key in the message', {}, `found ${pem}`],
    ['a key in a field', { found: pem }, 'm'],
    ['a truncated key', { found: pem.slice(0, 600) }, 'm'],
    ['a key in the message of a cause', { error: new Error('x', { cause: new Error(pem) }) }, 'm'],
    ['a key deep in a record', { a: { b: [{ c: pem }] } }, 'm'],
    ['a key in a field named like one', { privateKey: inner, 'tls.key': inner }, 'm'],
  ])('holds nothing of %s', (_what, fields, message) => {
    const text = written(format, fields, message);
    expect(text).not.toContain(inner);
    expect(text).toContain('[removed]');
  });

  it('holds no private JSON Web Key', () => {
    expect(written(format, { found: jwk }, 'm')).not.toContain(jwk.d);
    expect(written(format, {}, JSON.stringify(jwk))).not.toContain(jwk.d);
  });

  it('holds no AWS credential and no bearer token', () => {
    const text = written(
      format,
      { aws_secret_access_key: 'wJalr', credentials: { a: 'hidden' }, header: 'Bearer abc.def.ghi' },
      'used AKIAIOSFODNN7EXAMPLE',
    );
    for (const secret of ['wJalr', 'hidden', 'abc.def.ghi', 'AKIAIOSFODNN7EXAMPLE']) expect(text).not.toContain(secret);
  });

  it('holds no secrets that AWS and Kubernetes quote at the beginning of a line', () => {
    const token = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`;
    const session = 'IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQD';
    const words = `refused\nAKIAIOSFODNN7EXAMPLE\nx-amz-security-token:${session}\nBearer abc.def.ghi\n${token}\nend`;
    for (const text of [
      written(format, { error: new Error(words) }, 'm'),
      written(format, {}, JSON.stringify(words)),
    ]) {
      for (const secret of ['AKIAIOSFODNN7EXAMPLE', session, 'abc.def.ghi', token.slice(30)]) {
        expect(text).not.toContain(secret);
      }
      expect(text).toContain('end');
    }
  });

  it('keeps fields that are only named like secrets', () => {
    const text = written(format, { secretName: 'primary-cert', credentialsSecret: 'aws', keyType: 'p-256' }, 'm');
    for (const name of ['primary-cert', 'aws', 'p-256']) expect(text).toContain(name);
  });
});
