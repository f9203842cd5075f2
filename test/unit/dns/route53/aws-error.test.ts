import { describe, expect, it } from 'vitest';
import { fromAwsError } from '../../../../src/dns/route53/aws-error.ts';
import { ChangeRefusedError } from '../../../../src/dns/zone-changes/change-refused.ts';

function awsError(name: string, message = 'said AWS', extra: object = {}): Error {
  return Object.assign(new Error(message), { name, ...extra });
}
const status = (httpStatusCode: number): object => ({ $metadata: { httpStatusCode } });
const codeOf = (error: unknown): string => fromAwsError('list the hosted zones', error).code;

describe('what AWS answers', () => {
  it.each([
    ['AccessDenied', 'dns/accessDenied'],
    ['AccessDeniedException', 'dns/accessDenied'],
    ['InvalidClientTokenId', 'dns/accessDenied'],
    ['SignatureDoesNotMatch', 'dns/accessDenied'],
    ['ExpiredToken', 'dns/accessDenied'],
    ['Throttling', 'dns/throttled'],
    ['PriorRequestNotComplete', 'dns/throttled'],
    ['NoSuchHostedZone', 'dns/zoneNotFound'],
    ['InvalidChangeBatch', 'dns/changeRefused'],
    ['CredentialsProviderError', 'dns/credentialsMissing'],
    ['TimeoutError', 'dns/unreachable'],
    ['SomethingNew', 'dns/unexpected'],
  ])('%s is %s', (name, code) => {
    expect(codeOf(awsError(name))).toBe(code);
  });

  it('knows by status what it does not know by name', () => {
    expect(codeOf(awsError('New', '', status(403)))).toBe('dns/accessDenied');
    expect(codeOf(awsError('New', '', status(429)))).toBe('dns/throttled');
    expect(codeOf(awsError('New', '', status(503)))).toBe('dns/unreachable');
  });

  it('knows a broken connection by its code', () => {
    expect(codeOf(awsError('Error', 'connect ECONNREFUSED', { code: 'ECONNREFUSED' }))).toBe('dns/unreachable');
  });

  it('says when to come back after throttling', () => {
    expect(fromAwsError('x', awsError('Throttling')).info.notBefore).toBeDefined();
  });

  it('passes AWS’s own words on', () => {
    const words = 'User: arn:aws:iam::123456789012:user/x is not authorized to perform: route53:ListHostedZones';
    expect(fromAwsError('list the hosted zones', awsError('AccessDenied', words)).message).toBe(
      `AWS did not list the hosted zones: AccessDenied: ${words}.`,
    );
  });

  it('keeps all that a refusal says beside a short message', () => {
    const problem = fromAwsError('x', awsError('InvalidChangeBatch', 'm', { messages: ['first', 'second'] }));
    expect(problem).toBeInstanceOf(ChangeRefusedError);
    expect((problem as ChangeRefusedError).details).toContain('second');
    expect(problem.message).toContain('first');
  });
});

describe('secrets in AWS’s words', () => {
  it('are left out: key ids, tokens and the canonical request', () => {
    const token = 'F'.repeat(300);
    const words = `Key AKIAIOSFODNN7EXAMPLE with ${token} failed. The Canonical String for this request should have been 'GET x-amz-security-token:${token}'`;
    const { message } = fromAwsError('x', awsError('SignatureDoesNotMatch', words));
    expect(message).toContain('Key (key id) with (token) failed.');
    expect(message).not.toMatch(/AKIAIOSFODNN7EXAMPLE|FFFF|Canonical/);
  });

  it('stay out of the cause, which is logged', () => {
    const token = 'F'.repeat(300);
    const words = `The Canonical String for this request should have been 'GET x-amz-security-token:${token}'`;
    for (const name of ['SignatureDoesNotMatch', 'InvalidInput']) {
      const error = Object.assign(awsError(name, words), { $response: { headers: { authorization: token } } });
      const { cause } = fromAwsError('x', error);
      expect(cause).toBeInstanceOf(Error);
      const { stack = '', message, ...fields } = cause as Error;
      expect(stack).toContain('aws-error.test.ts');
      expect(JSON.stringify([stack, message, fields])).not.toMatch(/FFFF|Canonical/);
    }
  });

  it('do not make a message endless', () => {
    expect(fromAwsError('x', awsError('New', 'word '.repeat(1_000))).message.length).toBeLessThan(400);
  });
});
