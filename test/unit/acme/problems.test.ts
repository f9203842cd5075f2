import { describe, expect, it } from 'vitest';
import { describeProblem, errorFromResponse, isGone, refusalTypeOf, rejectsKey } from '../../../src/acme/problems.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const NS = 'urn:ietf:params:acme:error:';

function refused(status: number, body: unknown, retryAfter?: string) {
  const answer = { status, headers: { 'retry-after': retryAfter }, data: body };
  return errorFromResponse('ca.example', 'the new order', answer, NOW);
}

describe('a refusal of the CA', () => {
  it.each([
    [400, 'accountDoesNotExist', 'acme/accountUnknown'],
    [400, 'badCSR', 'acme/badCsr'],
    [400, 'badPublicKey', 'acme/badCsr'],
    [400, 'badNonce', 'acme/serverError'],
    [403, 'caa', 'acme/rejectedIdentifier'],
    [400, 'rejectedIdentifier', 'acme/rejectedIdentifier'],
    [400, 'unsupportedIdentifier', 'acme/rejectedIdentifier'],
    [400, 'dns', 'acme/challengeFailed'],
    [400, 'connection', 'acme/challengeFailed'],
    [403, 'incorrectResponse', 'acme/challengeFailed'],
    [403, 'unauthorized', 'acme/unauthorized'],
    [403, 'orderNotReady', 'acme/orderInvalid'],
    [403, 'userActionRequired', 'acme/accountInvalid'],
    [403, 'externalAccountRequired', 'acme/accountInvalid'],
    [400, 'badSignatureAlgorithm', 'acme/accountInvalid'],
    [400, 'malformed', 'acme/malformed'],
    [400, 'invalidProfile', 'configuration/invalid'],
    [429, 'rateLimited', 'acme/rateLimited'],
    [500, 'serverInternal', 'acme/serverError'],
    [418, 'neverHeardOf', 'acme/unexpected'],
  ])('HTTP %i of type %s is %s', (status, type, code) => {
    const error = refused(status, { type: `${NS}${type}`, detail: 'so it is' });
    expect(error.code).toBe(code);
    expect(error.type).toBe(type);
    expect(error.message).toContain('ca.example refused the new order');
    expect(error.message).toContain('so it is');
  });

  it.each([
    [429, 'acme/rateLimited'],
    [503, 'acme/serverError'],
    [502, 'acme/serverError'],
    [401, 'acme/unreachable'],
    [403, 'acme/unreachable'],
    [404, 'acme/unreachable'],
  ])('HTTP %i with a page instead of a problem document is %s', (status, code) => {
    const error = refused(status, '<html>nothing to see</html>');
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('html');
  });

  it('is that the resource is gone only in the CA’s own words', () => {
    const problem = { type: `${NS}malformed`, detail: 'Certificate not found' };
    expect(isGone(refused(404, problem))).toBe(true);
    // Pebble's.
    expect(isGone(refused(404, ''))).toBe(true);
    expect(isGone(refused(403, { type: `${NS}unauthorized`, detail: 'x' }))).toBe(true);
    expect(isGone(refused(404, '<html>404 Not Found</html>'))).toBe(false);
    expect(isGone(refused(403, '<html>Forbidden</html>'))).toBe(false);
    expect(isGone(refused(403, ''))).toBe(false);
  });

  it('that asks a person to act says where', () => {
    const problem = { type: `${NS}userActionRequired`, detail: 'Terms have changed' };
    const { info } = refused(403, { ...problem, instance: 'https://ca.example/tos' });
    expect(info.remedy).toBe('Do what the CA asks for at https://ca.example/tos; certman retries by itself.');
    expect(refused(403, problem).info.remedy).toContain('do at the CA what it asks for');
  });

  it('with status 429 is a rate limit, whatever its type', () => {
    expect(refused(429, { type: `${NS}malformed`, detail: 'x' }).code).toBe('acme/rateLimited');
  });

  it('carries the Retry-After', () => {
    const error = refused(429, { type: `${NS}rateLimited`, detail: 'too many' }, '3600');
    expect(error.info.notBefore).toBe('2026-03-01T13:00:00.000Z');
  });

  it.each([
    ['malformed', 'JWS verification error'],
    ['malformed', 'Key ID (kid) in JWS header missing expected URL prefix'],
    ['malformed', 'KeyID header contained an invalid account URL: "https://x"'],
    ['unauthorized', 'Account has been deactivated'],
    ['unauthorized', 'Account is not valid, has status "deactivated"'],
  ])('of type %s with detail %j concerns the account', (type, detail) => {
    expect(refused(400, { type: `${NS}${type}`, detail }).code).toBe('acme/accountInvalid');
  });

  it.each([
    [400, 'malformed', 'JWS verification error', true],
    [401, 'unauthorized', 'Invalid signature', true],
    [400, 'badSignatureAlgorithm', 'signature type "ES256" is not supported', true],
    [400, 'malformed', 'Certificate not found', false],
    [403, 'unauthorized', 'Account has been deactivated', false],
    [200, 'malformed', 'JWS verification error', false],
  ])('HTTP %i of type %s with detail %j is for the key: %s', (status, type, detail, expected) => {
    expect(rejectsKey({ status, headers: {}, data: { type: `${NS}${type}`, detail } })).toBe(expected);
  });

  it('of type compound has the code of its subproblem', () => {
    const subproblems = [{ type: `${NS}caa`, detail: 'CAA forbids', identifier: { type: 'dns', value: 'a.example' } }];
    const error = refused(403, { type: `${NS}compound`, detail: 'Errors during finalization', subproblems });
    expect(error.code).toBe('acme/rejectedIdentifier');
    expect(error.message).toContain('a.example: CAA forbids [caa]');
  });
});

describe('the type of a refusal, for metrics', () => {
  it.each([
    [200, { type: `${NS}malformed` }, undefined],
    [429, { type: `${NS}rateLimited` }, 'rateLimited'],
    [400, { type: `${NS}malformed`, detail: 7 }, 'malformed'],
    [400, { type: `${NS}invented-${'x'.repeat(50)}` }, 'other'],
    [400, { type: `${NS}toString` }, 'other'],
    [503, '<html>', 'other'],
  ])('HTTP %i with %j is %s', (status, data, expected) => {
    expect(refusalTypeOf({ status, data })).toBe(expected);
  });
});

describe('the description of a problem', () => {
  it('is one line of bounded length', () => {
    const detail = `one\r\ntwo\u0000${'x'.repeat(5_000)}`;
    const words = describeProblem({ type: `${NS}malformed`, detail });
    expect(words).toMatch(/^one two\\u0000x+… \[malformed\]$/);
    expect(words.length).toBeLessThan(600);
  });

  it('names five subproblems and counts the rest', () => {
    const subproblems = Array.from({ length: 8 }, (_, index) => ({
      type: `${NS}rejectedIdentifier`,
      detail: 'no',
      identifier: { type: 'dns', value: `n${index}.example` },
    }));
    const words = describeProblem({ type: `${NS}rejectedIdentifier`, detail: 'names refused', subproblems });
    expect(words).toContain('n4.example');
    expect(words).not.toContain('n5.example');
    expect(words).toContain('and 3 more');
  });
});
