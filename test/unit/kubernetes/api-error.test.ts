import { describe, expect, test } from 'vitest';
import { apiError, isNotFound, toCertmanError, UnknownPathError } from '../../../src/kubernetes/api/api-error.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';

const NOW = Date.parse('2026-05-01T10:00:00Z');
const status = (parts: object): string => JSON.stringify({ kind: 'Status', status: 'Failure', ...parts });

test.each([
  [401, 'kubernetes/forbidden'],
  [403, 'kubernetes/forbidden'],
  [404, 'kubernetes/unreachable'],
  [409, 'kubernetes/conflict'],
  [400, 'kubernetes/invalid'],
  [413, 'kubernetes/invalid'],
  [408, 'kubernetes/unreachable'],
  [429, 'kubernetes/unreachable'],
  [500, 'kubernetes/unreachable'],
  [503, 'kubernetes/unreachable'],
  [504, 'kubernetes/unreachable'],
  [418, 'kubernetes/unexpected'],
])('%d is %s', (httpStatus, code) => {
  expect(apiError('x', { status: httpStatus, text: '' }).code).toBe(code);
});

describe('a 404', () => {
  const target = { resource: CLUSTER_DEPLOYMENTS, key: { namespace: 'n', name: 'c1' } };
  const details = { group: 'hive.openshift.io', kind: 'clusterdeployments', name: 'c1' };

  test.each([
    ['the object', { reason: 'NotFound', details }],
    ['its namespace', { reason: 'NotFound', details: { kind: 'namespaces', name: 'n' } }],
  ])('that names %s is NotFound', (_what, parts) => {
    const response = { status: 404, text: status(parts) };
    expect(isNotFound(response, target)).toBe(true);
    expect(apiError('x', response, { target })).toMatchObject({ code: 'kubernetes/notFound' });
  });

  test.each([
    ['is empty', ''],
    ['is the text of an unknown path', '404 page not found\n'],
    ['is a page of a load balancer', '<html><body><h1>404 Not Found</h1></body></html>'],
    ['is JSON of another server', '{"error":"not found"}'],
    ['names no object', status({ reason: 'NotFound', details: {} })],
    ['has no details', status({ reason: 'NotFound' })],
    ['names another object', status({ reason: 'NotFound', details: { ...details, name: 'c2' } })],
    ['names another kind', status({ reason: 'NotFound', details: { ...details, kind: 'secrets' } })],
    ['names another namespace', status({ reason: 'NotFound', details: { kind: 'namespaces', name: 'm' } })],
    ['has another reason', status({ reason: 'ServiceUnavailable', details })],
  ])('that %s is a passing fault', (_what, text) => {
    const response = { status: 404, text };
    expect(isNotFound(response, target)).toBe(false);
    const error = apiError('x', response, { target });
    expect(error).toBeInstanceOf(UnknownPathError);
    expect(error.info).toMatchObject({ code: 'kubernetes/unreachable', retry: 'transient' });
  });
});

test('a refused field that the CRD lacks is an outdated CRD, with the command that mends it', () => {
  const message =
    'failed to create typed patch object (n/c1; v1alpha1, Kind=X): .status.state: field not declared in schema';
  const error = apiError('x', { status: 500, text: status({ message, code: 500 }) });
  expect(error.info).toMatchObject({
    code: 'kubernetes/crdOutdated',
    retry: 'onChange',
    remedy: expect.stringContaining('kubectl apply -f deploy/base/certificaterequest-crd.yaml') as string,
  });
});

test('a patch whose test failed is a conflict, a refused object is invalid', () => {
  const text = status({
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
    details: {},
    code: 422,
  });
  expect(apiError('x', { status: 422, text }).code).toBe('kubernetes/conflict');
  const invalid = status({
    reason: 'Invalid',
    message: 'spec.email: Invalid value',
    details: { causes: [{ field: 'spec' }] },
  });
  expect(apiError('x', { status: 422, text: invalid }).code).toBe('kubernetes/invalid');
});

test('a namespace that is being deleted is gone, not forbidden', () => {
  const text = status({ reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } });
  expect(apiError('x', { status: 403, text }).code).toBe('kubernetes/notFound');
});

test('the message has the action, the status and the server’s own words', () => {
  const text = status({ reason: 'Forbidden', message: 'secrets is forbidden: User "x" cannot list' });
  expect(apiError('list secrets', { status: 403, text }).message).toBe(
    'The Kubernetes API refused to list secrets (403 Forbidden): secrets is forbidden: User "x" cannot list',
  );
});

describe('the earliest next attempt', () => {
  test.each([
    ['seconds', { status: 429, retryAfter: '7', text: '' }, '2026-05-01T10:00:07.000Z'],
    ['a date', { status: 503, retryAfter: 'Fri, 01 May 2026 10:00:09 GMT', text: '' }, '2026-05-01T10:00:09.000Z'],
    ['the Status', { status: 429, text: status({ details: { retryAfterSeconds: 3 } }) }, '2026-05-01T10:00:03.000Z'],
    ['an absurd time', { status: 429, retryAfter: '999999', text: '' }, '2026-05-01T10:10:00.000Z'],
  ])('is taken from %s', (_name, answer, expected) => {
    expect(apiError('x', answer, { now: NOW }).info.notBefore).toBe(expected);
  });

  test.each([['soon'], ['-1'], ['Thu, 01 Jan 1970 00:00:00 GMT'], ['0']])(
    'is undefined for Retry-After: %s',
    (retryAfter) => {
      expect(apiError('x', { status: 503, retryAfter, text: '' }, { now: NOW }).info.notBefore).toBeUndefined();
    },
  );
});

test('a proxy’s page is quoted by its first line, truncated', () => {
  const { message } = apiError('x', { status: 502, text: `<html>bad gateway</html>\n${'x'.repeat(5000)}` });
  expect(message).toContain('<html>bad gateway</html>');
  expect(message.length).toBeLessThan(200);
});

test('text that looks like key material is left out', () => {
  const secret = 'QUJD'.repeat(40);
  expect(apiError('x', { status: 400, text: status({ message: `bad value ${secret}` }) }).message).not.toContain(
    secret,
  );
  expect(toCertmanError('https://api', new Error(`lost ${secret}`)).message).not.toContain(secret);
});
